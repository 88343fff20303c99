#include "server/http/graph_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/field_mask.pb.h"
#include "server/base/sha256.h"
#include "server/base/status_macros.h"
#include "server/base/uuid.h"
#include "server/domain/resource_name.h"
#include "server/http/graph_reader.h"
#include "server/http/graph_reference.h"
#include "server/http/graph_shown.h"
#include "server/http/grpc_face.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr size_t kMaxIdempotencyKeyBytes = 255;

absl::Status Invalid(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(text, "."));
}

GraphOperation OperationOf(const Route& route) {
  const std::string& rpc = route.rpc->name();
  if (route.last_segment() == "$value") return GraphOperation::kContent;
  if (rpc == "ListThreadChanges") return GraphOperation::kListChanges;
  if (rpc == "UpdateGroup" || rpc == "UpdateMember") return GraphOperation::kUpdateGroup;
  if (absl::StartsWith(rpc, "Create")) return GraphOperation::kCreate;
  if (absl::StartsWith(rpc, "List")) return GraphOperation::kList;
  if (absl::StartsWith(rpc, "Search")) return GraphOperation::kList;
  if (absl::StartsWith(rpc, "Update")) return GraphOperation::kUpdate;
  if (absl::StartsWith(rpc, "Delete")) return GraphOperation::kDelete;
  if (absl::StartsWith(rpc, "Add")) return GraphOperation::kAddReference;
  if (absl::StartsWith(rpc, "Remove")) return GraphOperation::kRemoveReference;
  if (absl::StartsWith(rpc, "Get")) return GraphOperation::kGet;
  return GraphOperation::kAct;
}

const GraphType* TypeOf(const Descriptor& message) {
  if (&message == v1::SearchResult::descriptor() || &message == v1::ThreadChange::descriptor()) {
    return GraphTypeOf(*v1::ConversationThread::descriptor());
  }
  return GraphTypeOf(message);
}

// What a list lists, or else the answer itself.
const GraphType* AnswerType(const Route& route) {
  const Descriptor& answer = *route.rpc->output_type();
  if (route.rpc->name() == "ListThreadChanges" &&
      absl::StrContains(route.segments.end()[-2], "posts")) {
    return GraphTypeOf(*v1::Post::descriptor());
  }
  for (int i = 0; i < answer.field_count(); ++i) {
    const FieldDescriptor& field = *answer.field(i);
    const bool is_page = absl::StartsWith(route.rpc->name(), "List") ||
                         absl::StartsWith(route.rpc->name(), "Search");
    if (is_page && field.is_repeated() && field.message_type() != nullptr) {
      return TypeOf(*field.message_type());
    }
  }
  return TypeOf(answer);
}

const FieldDescriptor* FieldOf(const Message& message, absl::string_view name) {
  return message.GetDescriptor()->FindFieldByName(std::string(name));
}

bool HasField(const Message& message, absl::string_view name) {
  return FieldOf(message, name) != nullptr;
}

// The string field at a path such as `thread.name`.
void SetText(Message& message, absl::string_view path, const std::string& value) {
  Message* parent = &message;
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    parent = parent->GetReflection()->MutableMessage(parent, FieldOf(*parent, names[i]));
  }
  parent->GetReflection()->SetString(parent, FieldOf(*parent, names.back()), value);
}

FieldMask* MutableMask(Message& message, absl::string_view field) {
  return static_cast<FieldMask*>(
      message.GetReflection()->MutableMessage(&message, FieldOf(message, field)));
}

// Which of the preferences make a difference to an answer (RFC 7240, section 3).
std::string AppliedPreferences(const GraphRequest& request) {
  const Preferences& known = request.preferences;
  const bool answers_with_resource = request.operation == GraphOperation::kCreate ||
                                     request.operation == GraphOperation::kUpdate ||
                                     request.operation == GraphOperation::kUpdateGroup;
  std::vector<std::string> applied;
  if (answers_with_resource && known.return_minimal) applied.emplace_back("return=minimal");
  if (answers_with_resource && known.return_representation) {
    applied.emplace_back("return=representation");
  }
  if (known.max_page_size.has_value() && !request.options.top.has_value() &&
      HasField(*request.message, "page_size")) {
    applied.push_back(absl::StrCat("odata.maxpagesize=", *known.max_page_size));
  }
  if (known.body == GraphStyle::Body::kText) {
    applied.emplace_back("outlook.body-content-type=\"text\"");
  } else if (known.body == GraphStyle::Body::kHtml) {
    applied.emplace_back("outlook.body-content-type=\"html\"");
  }
  return absl::StrJoin(applied, ", ");
}

// --- Body

// An `@odata.id` names what is added to a collection.
absl::Status ReadReferenceInto(absl::string_view json, Message& resource) {
  ASSIGN_OR_RETURN(const std::string id, ReadGraphReference(json));
  SetText(resource, "id", id);
  return absl::OkStatus();
}

absl::Status ReadNewGroup(absl::string_view json, v1::CreateGroupRequest& request) {
  ASSIGN_OR_RETURN(const GraphBody body, ReadGraphEntity(json, request.mutable_group()));
  request.set_group_id(request.group().id());
  request.mutable_group()->clear_id();
  for (const std::string& owner : body.owners) {
    v1::Member& member = *request.add_members();
    member.set_id(owner);
    member.set_role(v1::Member::ROLE_OWNER);
  }
  for (const std::string& member : body.members) {
    const bool is_owner =
        std::find(body.owners.begin(), body.owners.end(), member) != body.owners.end();
    if (!is_owner) request.add_members()->set_id(member);
  }
  return absl::OkStatus();
}

absl::Status ReadAction(const std::string& json, Message& message) {
  if (auto* reply = google::protobuf::DynamicCastToGenerated<v1::ReplyToThreadRequest>(&message)) {
    return ReadGraphReply(json, reply);
  }
  if (auto* reply = google::protobuf::DynamicCastToGenerated<v1::ReplyToPostRequest>(&message)) {
    return ReadGraphReply(json, reply);
  }
  if (auto* forward = google::protobuf::DynamicCastToGenerated<v1::ForwardPostRequest>(&message)) {
    return ReadGraphForward(json, forward);
  }
  return absl::InternalError(absl::StrCat("no reader for ", message.GetTypeName()));
}

// What a thread says of its posts can be given only when it is created, and an extension is named
// by the path; but clients that change one send back what they have read.
bool IsSentBack(const MethodDescriptor& rpc, absl::string_view field) {
  if (rpc.name() == "UpdateExtension") return field == "extension_name";
  return rpc.name() == "UpdateThread" &&
         (field == "has_attachments" || field == "last_delivered_date_time" ||
          field == "unique_senders" || field == "preview");
}

// Graph asks for the name of an extension that is changed; it is that of the path.
absl::Status CheckExtensionName(absl::string_view name, const Message& resource) {
  const auto* extension = google::protobuf::DynamicCastToGenerated<v1::Extension>(&resource);
  if (extension == nullptr || extension->extension_name().empty()) return absl::OkStatus();
  const auto sent = ParseExtensionId(extension->extension_name());
  const auto named = ParseExtensionId(name.substr(name.rfind('/') + 1));
  if (sent.ok() && named.ok() && *sent == *named) return absl::OkStatus();
  return Invalid("extensionName must be that of the path");
}

// `value` is that of the path.
absl::Status ReadBody(const std::string& json, const Route& route, absl::string_view value,
                      GraphRequest& request) {
  if (route.body.empty()) return absl::OkStatus();
  if (json.empty()) return Invalid("The request has no body");
  Message& message = *request.message;
  if (route.body == "*") return ReadAction(json, message);
  if (route.rpc->name() == "CreateGroup") {
    return ReadNewGroup(json, static_cast<v1::CreateGroupRequest&>(message));
  }
  Message& resource =
      *message.GetReflection()->MutableMessage(&message, FieldOf(message, route.body));
  if (request.operation == GraphOperation::kAddReference) return ReadReferenceInto(json, resource);
  ASSIGN_OR_RETURN(const GraphBody body, ReadGraphEntity(json, &resource));
  if (HasField(message, "update_mask")) {
    FieldMask& mask = *MutableMask(message, "update_mask");
    RETURN_IF_ERROR(CheckExtensionName(value, resource));
    if (!body.owners.empty() || !body.members.empty()) {
      return Invalid(
          "owners@odata.bind and members@odata.bind are only for new groups; add to an "
          "existing one with POST .../owners/$ref and .../members/$ref");
    }
    for (const std::string& field : body.fields) {
      if (!IsSentBack(*route.rpc, field)) mask.add_paths(field);
    }
    if (mask.paths().empty()) return Invalid("The body has nothing that can be changed");
  }
  return absl::OkStatus();
}

// --- Headers

absl::Status ReadIdempotencyKey(const HttpHeaders& headers, Message& message) {
  constexpr absl::string_view kName = "Idempotency-Key";
  const int count = headers.Count(kName);
  if (count == 0 || !HasField(message, "request_id")) return absl::OkStatus();
  const absl::string_view key = headers.Get(kName);
  if (count > 1 || key.empty() || key.size() > kMaxIdempotencyKeyBytes) {
    return Invalid(
        absl::StrCat(kName, " must be given once, with 1 to ", kMaxIdempotencyKeyBytes, " bytes"));
  }
  if (Uuid::Parse(key).has_value()) {
    SetText(message, "request_id", std::string(key));
  } else {
    // Any text will do: its hash is what it is known by.
    SetText(message, "request_id",
            Uuid::FromBytes(Sha256(key).substr(0, Uuid::kBytes))->ToString());
  }
  return absl::OkStatus();
}

absl::Status ReadIfMatch(const HttpHeaders& headers, const Route& route, Message& message) {
  if (!headers.Has("If-Match")) return absl::OkStatus();
  const absl::string_view value = absl::StripAsciiWhitespace(headers.Get("If-Match"));
  if (value == "*") return absl::OkStatus();
  if (headers.Count("If-Match") > 1 || absl::StrContains(value, ',')) {
    return Invalid("If-Match with more than one entity tag is not supported");
  }
  const std::optional<std::string> tag = OpaqueTag(value);
  if (!tag.has_value()) return Invalid("If-Match must be an entity tag, such as W/\"1\", or *");
  const std::string etag = absl::StrCat("\"", *tag, "\"");
  const FieldDescriptor* const resource =
      route.body.empty() || route.body == "*" ? nullptr : FieldOf(message, route.body);
  if (HasField(message, "etag")) {
    SetText(message, "etag", etag);
  } else if (resource != nullptr && HasField(message, "update_mask") &&
             resource->message_type()->FindFieldByName("etag") != nullptr) {
    SetText(message, absl::StrCat(route.body, ".etag"), etag);
  } else {
    return Invalid("If-Match is not supported here");
  }
  return absl::OkStatus();
}

// --- Query options

absl::Status NotHere(absl::string_view option) {
  return Invalid(absl::StrCat("The query option $", option, " is not supported here"));
}

absl::Status SetShown(GraphRequest& request) {
  Message& message = *request.message;
  const QueryOptions& options = request.options;
  if (request.type == nullptr) {
    if (!options.select.empty()) return NotHere("select");
    if (!options.expand.empty()) return NotHere("expand");
    return absl::OkStatus();
  }
  if (request.operation == GraphOperation::kCreate && !options.expand.empty()) {
    return NotHere("expand");
  }
  ASSIGN_OR_RETURN(GraphShown shown, ReadShown(options, *request.type));
  request.view = std::move(shown.view);
  request.extension = std::move(shown.extension);
  // Without it nobody could tell which resource has changed.
  std::vector<std::string>& select = request.view.select;
  if (request.operation == GraphOperation::kListChanges && !select.empty() &&
      std::find(select.begin(), select.end(), "id") == select.end()) {
    select.emplace_back("id");
  }
  request.style.body = request.preferences.body;
  // A collection of more types than one in Graph.
  request.style.with_types = request.route->last_segment() == "memberOf";
  if (request.operation == GraphOperation::kCreate) {
    ShowCreated(*request.type, request.view);
    request.style.with_types = true;
    return absl::OkStatus();
  }
  if (HasField(message, "expand")) {
    for (std::string& path : shown.expand) {
      MutableMask(message, "expand")->add_paths(std::move(path));
    }
  } else if (!shown.expand.empty()) {
    return NotHere("expand");
  }
  if (HasField(message, "read_mask")) {
    AddShownFields(request.view, *request.type, *MutableMask(message, "read_mask"));
  }
  return absl::OkStatus();
}

// An option that the RPC has a field for.
absl::Status SetOption(absl::string_view option, const std::string& value, absl::string_view field,
                       Message& message) {
  if (value.empty()) return absl::OkStatus();
  if (!HasField(message, field)) return NotHere(option);
  SetText(message, field, value);
  return absl::OkStatus();
}

absl::Status SetPage(GraphRequest& request) {
  Message& message = *request.message;
  const QueryOptions& options = request.options;
  const std::optional<int32_t> size =
      options.top.has_value() ? options.top : request.preferences.max_page_size;
  if (!HasField(message, "page_size")) {
    if (options.top.has_value()) return NotHere("top");
    if (options.skip > 0) return NotHere("skip");
    if (options.count) return NotHere("count");
    return absl::OkStatus();
  }
  if (size.has_value()) {
    message.GetReflection()->SetInt32(&message, FieldOf(message, "page_size"), *size);
  }
  if (request.operation == GraphOperation::kListChanges) {
    if (options.skip > 0) return NotHere("skip");
    if (options.count) return NotHere("count");
    return absl::OkStatus();
  }
  if (options.count || request.operation == GraphOperation::kCount) {
    if (!HasField(message, "include_total_size")) return NotHere("count");
    message.GetReflection()->SetBool(&message, FieldOf(message, "include_total_size"), true);
  }
  return absl::OkStatus();
}

absl::Status SetPosition(GraphRequest& request) {
  const QueryOptions& options = request.options;
  if (request.operation != GraphOperation::kListChanges) {
    if (!options.delta_token.empty()) return NotHere("deltatoken");
    return SetOption("skiptoken", options.skip_token, "page_token", *request.message);
  }
  auto& changes = static_cast<v1::ListThreadChangesRequest&>(*request.message);
  if (!options.skip_token.empty() && !options.delta_token.empty()) {
    return Invalid("$skiptoken and $deltatoken must not be given together");
  }
  // As Graph has it for directory objects: only what changes from now on.
  if (absl::EqualsIgnoreCase(options.delta_token, "latest")) {
    changes.set_start(v1::ListThreadChangesRequest::START_NOW);
  } else {
    changes.set_delta_token(options.skip_token.empty() ? options.delta_token : options.skip_token);
  }
  return absl::OkStatus();
}

absl::Status SetOptions(GraphRequest& request) {
  const QueryOptions& options = request.options;
  Message& message = *request.message;
  RETURN_IF_ERROR(SetOption("filter", options.filter, "filter", message));
  RETURN_IF_ERROR(SetOption("orderby", options.order_by, "order_by", message));
  RETURN_IF_ERROR(SetOption("search", options.search, "query", message));
  RETURN_IF_ERROR(SetPosition(request));
  RETURN_IF_ERROR(SetPage(request));
  if (!options.id.empty()) return NotHere("id");
  return SetShown(request);
}

}  // namespace

Effect GraphRequest::effect() const {
  return route->http_method == "GET" ? Effect::kRead : Effect::kWrite;
}

bool HasJsonBody(const HttpHeaders& headers) {
  const absl::string_view content_type = headers.Get("Content-Type");
  if (content_type.empty()) return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(content_type, ';');
  if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts.front()), "application/json")) {
    return false;
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string parameter = absl::AsciiStrToLower(absl::StripAsciiWhitespace(parts[i]));
    if (absl::StartsWith(parameter, "charset=") && parameter != "charset=utf-8" &&
        parameter != "charset=\"utf-8\"") {
      return false;
    }
  }
  return true;
}

absl::StatusOr<GraphRequest> MakeGraphRequest(const HttpRequest& http, GraphUrl url,
                                              const RouteMatch& match, bool is_count) {
  GraphRequest request;
  request.route = match.route;
  request.operation = is_count ? GraphOperation::kCount : OperationOf(*match.route);
  request.message = NewMessage(*match.route->rpc->input_type());
  request.type = AnswerType(*match.route);
  ASSIGN_OR_RETURN(request.options, ParseQueryOptions(url.query));
  request.url = std::move(url);
  ASSIGN_OR_RETURN(request.preferences, ParsePreferences(http.headers));
  RETURN_IF_ERROR(ReadBody(http.body, *match.route, match.value, request));
  RETURN_IF_ERROR(ReadIdempotencyKey(http.headers, *request.message));
  RETURN_IF_ERROR(ReadIfMatch(http.headers, *match.route, *request.message));
  RETURN_IF_ERROR(SetOptions(request));
  request.preferences_applied = AppliedPreferences(request);
  if (!match.route->field.empty()) SetText(*request.message, match.route->field, match.value);
  // Graph deletes groups with all that they have.
  if (request.route->rpc->name() == "DeleteGroup") {
    static_cast<v1::DeleteGroupRequest&>(*request.message).set_force(true);
  }
  return request;
}

std::optional<std::string> OpaqueTag(absl::string_view etag) {
  absl::ConsumePrefix(&etag, "W/");
  if (etag.size() < 2 || !absl::ConsumePrefix(&etag, "\"") || !absl::ConsumeSuffix(&etag, "\"") ||
      absl::StrContains(etag, '"') ||
      !std::all_of(etag.begin(), etag.end(), [](char c) { return absl::ascii_isgraph(c); })) {
    return std::nullopt;
  }
  return std::string(etag);
}

}  // namespace threadstore
