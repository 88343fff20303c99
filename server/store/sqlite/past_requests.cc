#include "server/store/sqlite/past_requests.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {

absl::StatusOr<std::unique_ptr<PastRequests>> PastRequests::Prepare(Database& db,
                                                                    absl::Duration retention) {
  std::unique_ptr<PastRequests> requests(new PastRequests(db, retention));
  RETURN_IF_ERROR(requests->PrepareAll());
  return requests;
}

absl::Status PastRequests::PrepareAll() {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&find_,
       "SELECT group_key, request_hash, resource_id, created_us FROM idempotency_keys"
       " WHERE request_id = ? AND group_key = ? AND principal = ?"},
      {&find_group_,
       "SELECT group_key, request_hash, resource_id, created_us FROM idempotency_keys"
       " WHERE request_id = ? AND principal = ? AND resource_id IS NULL"
       " ORDER BY key DESC LIMIT 1"},
      {&insert_,
       "INSERT OR REPLACE INTO idempotency_keys"
       " (group_key, principal, request_id, request_hash, resource_id, created_us)"
       " VALUES (?, ?, ?, ?, ?, ?)"},
      {&oldest_,
       "SELECT key, created_us, (SELECT max(key) FROM idempotency_keys)"
       " FROM idempotency_keys ORDER BY key LIMIT 1"},
      {&delete_old_,
       "DELETE FROM idempotency_keys WHERE key IN"
       " (SELECT key FROM idempotency_keys ORDER BY key LIMIT ?)"
       " AND (created_us < ? OR key <= ?)"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db_.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Uuid>> PastRequests::Find(const CreateContext& context,
                                                       int64_t group_key) {
  if (!context.request.has_value()) return std::nullopt;
  Query find(find_);
  find.BindBlob(context.request->id.bytes()).Bind(group_key).BindText(context.request->principal);
  ASSIGN_OR_RETURN(const bool found, Step(find, context));
  if (!found) return std::nullopt;
  ASSIGN_OR_RETURN(const Uuid resource, ReadUuid(find, 2));
  return resource;
}

absl::StatusOr<std::optional<int64_t>> PastRequests::FindGroup(const CreateContext& context) {
  if (!context.request.has_value()) return std::nullopt;
  Query find(find_group_);
  find.BindBlob(context.request->id.bytes()).BindText(context.request->principal);
  ASSIGN_OR_RETURN(const bool found, Step(find, context));
  if (!found) return std::nullopt;
  return find.Integer(0);
}

absl::StatusOr<bool> PastRequests::Step(Query& find, const CreateContext& context) {
  ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found) return false;
  if (find.Integer(3) < absl::ToUnixMicros(context.now - retention_)) return false;
  if (find.Blob(1) != context.request->hash) return RequestIdReusedError();
  return true;
}

absl::Status PastRequests::Remember(const CreateContext& context, int64_t group_key,
                                    const std::optional<Uuid>& resource) {
  if (!context.request.has_value()) return absl::OkStatus();
  Query insert(insert_);
  insert.Bind(group_key)
      .BindText(context.request->principal)
      .BindBlob(context.request->id.bytes())
      .BindBlob(context.request->hash);
  if (resource.has_value()) {
    insert.BindBlob(resource->bytes());
  } else {
    insert.BindNull();
  }
  return insert.Bind(absl::ToUnixMicros(context.now)).Run();
}

absl::StatusOr<int64_t> PastRequests::Purge(absl::Time now, int64_t max_rows) {
  const int64_t forget_before_us = absl::ToUnixMicros(now - retention_);
  int64_t newest_to_drop = 0;
  {
    Query query(oldest_);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return 0;
    newest_to_drop = query.Integer(2) - kMaxRememberedRequestIds;
    if (query.Integer(1) >= forget_before_us && query.Integer(0) > newest_to_drop) return 0;
  }
  const int64_t before = db_.total_changes();
  RETURN_IF_ERROR(
      Query(delete_old_).Bind(max_rows).Bind(forget_before_us).Bind(newest_to_drop).Run());
  return db_.total_changes() - before;
}

}  // namespace threadstore::sqlite
