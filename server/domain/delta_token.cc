#include "server/domain/delta_token.h"

#include <optional>

#include "absl/strings/escaping.h"
#include "server/base/uuid.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "threadstore/internal/v1/delta_token.pb.h"

namespace threadstore {
namespace {

using internal::v1::DeltaToken;

// The position in a token; nothing if it does not hold together.
std::optional<ChangePosition> ReadPosition(const DeltaToken& token) {
  const std::optional<Uuid> seal = Uuid::FromBytes(token.seal());
  if (!seal.has_value() || token.sequence() < 0) return std::nullopt;
  ChangePosition position;
  position.seal = *seal;
  position.sequence = token.sequence();
  if (token.has_group_key()) position.group_key = token.group_key();
  if (!token.has_last_thread_id()) {
    if (token.has_last_post_id()) return std::nullopt;
    return position;
  }
  const std::optional<Uuid> thread = Uuid::Parse(token.last_thread_id());
  if (!thread.has_value() || !position.group_key.has_value()) return std::nullopt;
  position.listed = ChangePosition::Listed{*thread, std::nullopt};
  if (token.has_last_post_id()) {
    position.listed->post = Uuid::Parse(token.last_post_id());
    if (!position.listed->post.has_value()) return std::nullopt;
  }
  return position;
}

}  // namespace

uint64_t ParentFingerprint(const ChangeScope& scope) {
  return QueryFingerprint("ListThreadChanges", scope.Canonical());
}

std::string EncodeDeltaToken(const ChangePosition& position, uint64_t parent_fingerprint) {
  DeltaToken token;
  token.set_seal(std::string(position.seal.bytes()));
  token.set_parent_fingerprint(parent_fingerprint);
  if (position.group_key.has_value()) token.set_group_key(*position.group_key);
  token.set_sequence(position.sequence);
  if (position.listed.has_value()) {
    token.set_last_thread_id(position.listed->thread.ToString());
    if (position.listed->post.has_value()) {
      token.set_last_post_id(position.listed->post->ToString());
    }
  }
  return absl::WebSafeBase64Escape(token.SerializeAsString());
}

absl::StatusOr<ChangePosition> DecodeDeltaToken(absl::string_view text, const ChangeScope& scope) {
  std::string bytes;
  DeltaToken token;
  if (text.size() > kMaxPageTokenBytes || !absl::WebSafeBase64Unescape(text, &bytes) ||
      !token.ParseFromString(bytes)) {
    return absl::InvalidArgumentError("is not a delta token");
  }
  const std::optional<ChangePosition> position = ReadPosition(token);
  // As with page tokens, one token has one form.
  if (!position.has_value() || EncodeDeltaToken(*position, token.parent_fingerprint()) != text) {
    return absl::InvalidArgumentError("is not a delta token");
  }
  // A group may have the id that stands for all groups.
  if (token.parent_fingerprint() != ParentFingerprint(scope) ||
      position->group_key.has_value() != scope.group.has_value()) {
    return absl::InvalidArgumentError("belongs to another parent");
  }
  return *position;
}

}  // namespace threadstore
