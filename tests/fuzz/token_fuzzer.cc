// Any bytes as a page token and as a delta token: refused, or else the very token that would be
// made for that place, of one query only. And what is made of any place is read as that place.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/escaping.h"
#include "server/domain/delta_token.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "tests/fuzz/require.h"
#include "threadstore/internal/v1/delta_token.pb.h"

namespace threadstore::testing {
namespace {

constexpr absl::string_view kScopes[] = {
    "groups/g", "groups/h", "groups/g/conversations/0192f5a0-0000-7000-8000-000000000001",
    "groups/g/threads/0192f5a0-0000-7000-8000-000000000002"};

void RequireRefused(const absl::Status& status) {
  Require(absl::IsInvalidArgument(status) && !status.message().empty(), status.ToString());
}

// Whether the text is the token of a place in the query of the fingerprint.
bool TryPageToken(absl::string_view text, uint64_t fingerprint) {
  const absl::StatusOr<internal::v1::PageToken> token = DecodePageToken(text, fingerprint);
  RequireRefused(DecodePageToken(text, fingerprint + 1).status());
  if (!token.ok()) {
    RequireRefused(token.status());
    return false;
  }
  // Made anew from what is known of it.
  internal::v1::PageToken known = *token;
  known.DiscardUnknownFields();
  Require(EncodePageToken(known) == text, "a page token has two forms");
  return true;
}

bool TryDeltaToken(absl::string_view text, const ChangeScope& scope) {
  const absl::StatusOr<ChangePosition> position = DecodeDeltaToken(text, scope);
  if (!position.ok()) {
    RequireRefused(position.status());
    return false;
  }
  Require(EncodeDeltaToken(*position, ParentFingerprint(scope)) == text,
          "a delta token has two forms");
  ChangeScope other;
  if (scope.group.has_value()) {
    other = *ParseChangeScope(scope.group->group == "g" ? "groups/h" : "groups/g");
  }
  if (other.Canonical() != scope.Canonical())
    RequireRefused(DecodeDeltaToken(text, other).status());
  return true;
}

// The bytes as what is inside a page token, of whichever query.
void TryPlace(const std::string& bytes) {
  internal::v1::PageToken token;
  if (!token.ParseFromString(bytes)) return;
  const bool has_place = !token.last_id().empty() || token.has_last_document();
  const bool can_be = token.last_id().size() <= kMaxUserIdBytes &&
                      token.last_topic().size() <= 4 * kMaxTopicCharacters;
  TryPageToken(EncodePageToken(token), token.query_fingerprint());
  token.DiscardUnknownFields();
  const bool is_token = TryPageToken(EncodePageToken(token), token.query_fingerprint());
  Require(is_token || !has_place || !can_be, token.DebugString());
}

// The bytes as what is inside a delta token, of each scope.
void TryDelta(const std::string& bytes, const ChangeScope& scope) {
  internal::v1::DeltaToken token;
  if (!token.ParseFromString(bytes)) return;
  token.set_parent_fingerprint(ParentFingerprint(scope));
  TryDeltaToken(absl::WebSafeBase64Escape(token.SerializeAsString()), scope);
}

Uuid UuidOf(absl::string_view& bytes) {
  std::string taken(bytes.substr(0, Uuid::kBytes));
  bytes.remove_prefix(taken.size());
  taken.resize(Uuid::kBytes);
  return *Uuid::FromBytes(taken);
}

// A position of the bytes, in the scope.
void TryPosition(absl::string_view bytes, const ChangeScope& scope) {
  ChangePosition position;
  const unsigned kind = bytes.empty() ? 0 : static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(bytes.empty() ? 0 : 1);
  position.seal = UuidOf(bytes);
  for (const char byte : bytes.substr(0, sizeof(position.sequence))) {
    position.sequence = static_cast<int64_t>((static_cast<uint64_t>(position.sequence) << 8) |
                                             static_cast<unsigned char>(byte));
  }
  position.sequence &= std::numeric_limits<int64_t>::max();
  if (scope.group.has_value()) {
    position.group_key = -position.sequence;
    if ((kind & 1) != 0) position.listed = {UuidOf(bytes), std::nullopt};
    if ((kind & 3) == 3) position.listed->post = UuidOf(bytes);
  }
  const std::string text = EncodeDeltaToken(position, ParentFingerprint(scope));
  Require(TryDeltaToken(text, scope), text);
  Require(*DecodeDeltaToken(text, scope) == position, text);
}

void TryAll(absl::string_view input) {
  const std::string bytes(input);
  std::string inside;
  internal::v1::PageToken token;
  uint64_t fingerprint = 0;
  if (absl::WebSafeBase64Unescape(input, &inside) && token.ParseFromString(inside)) {
    fingerprint = token.query_fingerprint();
  }
  TryPageToken(input, fingerprint);
  TryPlace(bytes);
  static const auto* const scopes = [] {
    auto* const all = new std::vector<ChangeScope>(1);  // The first is all groups.
    for (const absl::string_view name : kScopes) all->push_back(*ParseChangeScope(name));
    return all;
  }();
  for (const ChangeScope& scope : *scopes) {
    TryDeltaToken(input, scope);
    TryDelta(bytes, scope);
    TryPosition(input, scope);
  }
}

}  // namespace
}  // namespace threadstore::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  threadstore::testing::TryAll({reinterpret_cast<const char*>(data), size});
  return 0;
}
