#include "server/http/graph_reference.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "server/base/json_dialect.h"
#include "server/base/status_macros.h"
#include "server/http/graph_url.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore {
namespace {

constexpr absl::string_view kId = "@odata.id";

constexpr absl::string_view kMustBe =
    "must be the URL of a user, such as https://graph.microsoft.com/v1.0/users/ID";

bool IsCollection(absl::string_view segment) {
  return absl::EqualsIgnoreCase(segment, "users") || absl::EqualsIgnoreCase(segment, "groups") ||
         absl::EqualsIgnoreCase(segment, "directoryObjects");
}

// Of `@odata.id`, into a Sender's id.
class ReferenceDialect final : public JsonDialect {
 public:
  Member Find(const google::protobuf::Message& object, absl::string_view name) const override {
    if (name != kId) return {IsAnnotation(name) ? Use::kIgnored : Use::kUnknown};
    return {Use::kField, {object.GetDescriptor()->FindFieldByName("id")}};
  }

  std::vector<absl::string_view> Names(const google::protobuf::Message& /*object*/) const override {
    return {kId};
  }

  Fault ReadScalar(const Scalar& scalar, google::protobuf::Message* message,
                   const google::protobuf::FieldDescriptor* field) override {
    if (scalar.kind != Scalar::Kind::kString) {
      return JsonDialect::ReadScalar(scalar, message, field);
    }
    absl::StatusOr<std::string> id = ParseGraphReference(scalar.text);
    if (!id.ok()) return std::string(id.status().message());
    message->GetReflection()->SetString(message, field, *std::move(id));
    return std::nullopt;
  }

  Fault EndObject(const Members& members, google::protobuf::Message* /*object*/) override {
    const auto id = members.fields.find("id");
    if (id != members.fields.end() && !id->second) return std::nullopt;
    return "@odata.id is required";
  }
};

}  // namespace

absl::StatusOr<std::string> ParseGraphReference(absl::string_view url) {
  const absl::Status must_be = absl::InvalidArgumentError(kMustBe);
  if (absl::StrContains(url, '?') || absl::StrContains(url, '#')) return must_be;
  const absl::string_view target = TargetOfLink(url);
  absl::StatusOr<GraphUrl> parsed = ParseGraphUrl(target);
  if (!parsed.ok()) return must_be;
  std::vector<std::string>& segments = parsed->segments;
  const bool is_bare = segments.size() == 1 && target == url && !absl::StartsWith(url, "/");
  const bool is_below = segments.size() > 1 && IsCollection(segments[segments.size() - 2]);
  if (!is_bare && !is_below) return must_be;
  return std::move(segments.back());
}

absl::StatusOr<std::string> ReadGraphReference(absl::string_view json) {
  ReferenceDialect dialect;
  v1::Sender sender;
  RETURN_IF_ERROR(ReadJson(json, dialect, &sender));
  return sender.id();
}

}  // namespace threadstore
