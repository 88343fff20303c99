#include "server/http/graph_answer.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/proto_json.h"
#include "server/http/query_options.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kJson[] =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;"
    "charset=utf-8";

void AddJsonHeaders(HttpResponse& response) {
  response.headers.Add("Content-Type", kJson);
  response.headers.Add("OData-Version", "4.0");
  response.headers.Add("Cache-Control", "no-store");
}

std::string TextOf(const Message& message, absl::string_view field) {
  const FieldDescriptor* const descriptor =
      message.GetDescriptor()->FindFieldByName(std::string(field));
  return descriptor == nullptr ? "" : message.GetReflection()->GetString(message, descriptor);
}

// The part of the context that names what the answer's resources are in.
std::string Collection(const GraphRequest& request) {
  std::vector<std::string> segments = request.url.segments;
  if (request.operation == GraphOperation::kListChanges) segments.pop_back();
  const absl::string_view last = segments.back();
  if (last == "memberOf") return "directoryObjects";
  if (request.type->name == "group") return "groups";
  if (request.type->name == "user") {
    return request.route->rpc->name() == "GetUser" ? "users" : "directoryObjects";
  }
  if (request.operation == GraphOperation::kGet || request.operation == GraphOperation::kUpdate) {
    segments.pop_back();
  }
  return absl::StrJoin(segments, "/");
}

// What is left of posts' extensions if one was asked for.
void KeepOneExtension(const std::string& name, v1::Post& post) {
  auto& extensions = *post.mutable_extensions();
  extensions.erase(std::remove_if(extensions.begin(), extensions.end(),
                                  [&name](const v1::Extension& extension) {
                                    return extension.extension_name() != name;
                                  }),
                   extensions.end());
}

void KeepOneExtension(const std::string& name, Message& resource) {
  if (name.empty()) return;
  if (auto* post = google::protobuf::DynamicCastToGenerated<v1::Post>(&resource)) {
    KeepOneExtension(name, *post);
  } else if (auto* thread =
                 google::protobuf::DynamicCastToGenerated<v1::ConversationThread>(&resource)) {
    for (v1::Post& post : *thread->mutable_posts()) KeepOneExtension(name, post);
  }
}

// The links to go on with what is expanded and was cut.
std::string LinkOfExpanded(const GraphLinks& links, const Message& resource,
                           absl::string_view relation, absl::string_view page_token) {
  std::string query;
  // The order that the token is for.
  if (relation == "posts") query = "$orderby=createdDateTime&";
  absl::StrAppend(&query, "$skiptoken=", PercentEncode(page_token));
  return links.Relation(TextOf(resource, "name"), relation, query);
}

void AppendEntity(const GraphRequest& request, const GraphLinks& links, const std::string& context,
                  Message& resource, GraphText& body) {
  KeepOneExtension(request.extension, resource);
  GraphStyle style = request.style;
  style.next_link = [&links](const Message& owner, absl::string_view property,
                             absl::string_view page_token) {
    return LinkOfExpanded(links, owner, property, page_token);
  };
  AppendGraphEntity(resource, request.view, style, context, &body);
}

GraphAnswer EntityAnswer(const GraphRequest& request, const GraphLinks& links, int status,
                         Message& answer) {
  GraphAnswer result;
  result.response.status = status;
  const std::string name = TextOf(answer, "name");
  const bool is_new = request.operation == GraphOperation::kCreate;
  if (is_new) result.response.headers.Add("Location", links.Resource(name));
  if (request.preferences.return_minimal &&
      (is_new || request.operation == GraphOperation::kUpdate)) {
    result.response.status = 204;
    if (is_new) result.response.headers.Add("OData-EntityId", links.Resource(name));
    return result;
  }
  if (const std::string etag = TextOf(answer, "etag"); !etag.empty()) {
    result.response.headers.Add("ETag", absl::StrCat("W/", etag));
  }
  AddJsonHeaders(result.response);
  AppendEntity(request, links, links.Context(Collection(request), request.options.select, true),
               answer, result.body);
  return result;
}

// `{"@odata.context":...,"value":[`
void BeginList(const GraphRequest& request, const GraphLinks& links, GraphText& body) {
  absl::StrAppend(
      &body.text, "{\"@odata.context\":",
      WriteJsonString(links.Context(Collection(request), request.options.select, false)));
}

// The resources of a page, whatever its type.
std::vector<Message*> Resources(Message& page) {
  std::vector<Message*> resources;
  const Reflection& reflection = *page.GetReflection();
  for (int i = 0; i < page.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* const field = page.GetDescriptor()->field(i);
    if (!field->is_repeated() || field->message_type() == nullptr) continue;
    for (int j = 0; j < reflection.FieldSize(page, field); ++j) {
      Message* resource = reflection.MutableRepeatedMessage(&page, field, j);
      if (auto* found = google::protobuf::DynamicCastToGenerated<v1::SearchResult>(resource)) {
        resource = found->mutable_thread();
      }
      resources.push_back(resource);
    }
  }
  return resources;
}

int64_t TotalSize(const Message& page) {
  const FieldDescriptor* const field = page.GetDescriptor()->FindFieldByName("total_size");
  return field == nullptr ? 0 : page.GetReflection()->GetInt64(page, field);
}

std::string LinkAgain(const GraphRequest& request, const GraphLinks& links,
                      absl::string_view option, const std::string& token) {
  return links.Again(
      ReplaceQueryOptions(request.url.query, {"skip", "skiptoken", "deltatoken"}, option, token));
}

GraphAnswer ListAnswer(const GraphRequest& request, const GraphLinks& links, Message& page) {
  GraphAnswer result;
  AddJsonHeaders(result.response);
  BeginList(request, links, result.body);
  if (request.options.count) {
    absl::StrAppend(&result.body.text, ",\"@odata.count\":", TotalSize(page));
  }
  if (const std::string token = TextOf(page, "next_page_token"); !token.empty()) {
    absl::StrAppend(&result.body.text, ",\"@odata.nextLink\":",
                    WriteJsonString(LinkAgain(request, links, "$skiptoken", token)));
  }
  result.body.text += ",\"value\":[";
  bool is_first = true;
  for (Message* const resource : Resources(page)) {
    if (!std::exchange(is_first, false)) result.body.text += ",";
    AppendEntity(request, links, "", *resource, result.body);
  }
  result.body.text += "]}";
  return result;
}

// What a change is of, if it is of what is followed: threads, or posts.
Message* ChangedResource(const GraphRequest& request, v1::ThreadChange& change) {
  if (request.type->message == v1::Post::descriptor()) {
    return change.has_post() ? change.mutable_post() : nullptr;
  }
  return change.has_thread() ? change.mutable_thread() : nullptr;
}

bool IsFollowed(const GraphRequest& request, const v1::ThreadChange& change) {
  const std::vector<absl::string_view> segments = absl::StrSplit(change.name(), '/');
  const absl::string_view kind =
      request.type->message == v1::Post::descriptor() ? "posts" : "threads";
  return segments.size() >= 2 && segments.end()[-2] == kind;
}

// Of several changes of one resource the last one tells all.
std::vector<v1::ThreadChange*> LastChanges(const GraphRequest& request,
                                           v1::ListThreadChangesResponse& page) {
  std::map<absl::string_view, int> last;
  for (int i = 0; i < page.changes_size(); ++i) last[page.changes(i).name()] = i;
  std::vector<v1::ThreadChange*> changes;
  for (int i = 0; i < page.changes_size(); ++i) {
    v1::ThreadChange& change = *page.mutable_changes(i);
    if (last[change.name()] == i && IsFollowed(request, change)) changes.push_back(&change);
  }
  return changes;
}

GraphAnswer ChangesAnswer(const GraphRequest& request, const GraphLinks& links, Message& answer) {
  auto& page = static_cast<v1::ListThreadChangesResponse&>(answer);
  GraphAnswer result;
  AddJsonHeaders(result.response);
  BeginList(request, links, result.body);
  const absl::string_view option = page.has_more() ? "$skiptoken" : "$deltatoken";
  absl::StrAppend(
      &result.body.text, page.has_more() ? ",\"@odata.nextLink\":" : ",\"@odata.deltaLink\":",
      WriteJsonString(LinkAgain(request, links, option, page.delta_token())), ",\"value\":[");
  bool is_first = true;
  for (v1::ThreadChange* const change : LastChanges(request, page)) {
    if (!std::exchange(is_first, false)) result.body.text += ",";
    Message* const resource = ChangedResource(request, *change);
    if (resource != nullptr) {
      AppendEntity(request, links, "", *resource, result.body);
    } else {
      const absl::string_view id =
          absl::string_view(change->name()).substr(change->name().rfind('/') + 1);
      absl::StrAppend(&result.body.text,
                      "{\"@removed\":{\"reason\":\"deleted\"},\"id\":", WriteJsonString(id), "}");
    }
  }
  result.body.text += "]}";
  return result;
}

// Whether anyone who has chosen this has chosen a media type, without parameters (RFC 9110, section
// 8.3.1).
bool IsMediaType(absl::string_view text) {
  const auto is_token = [](absl::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
      return absl::ascii_isalnum(c) ||
             absl::StrContains("!#$%&'*+-.^_`|~", absl::string_view(&c, 1));
    });
  };
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  return is_token(parts.first) && is_token(parts.second);
}

GraphAnswer ContentAnswer(v1::Attachment& attachment) {
  GraphAnswer result;
  HttpHeaders& headers = result.response.headers;
  if (attachment.has_item()) {
    headers.Add("Content-Type", "application/json");
    result.response.body = std::move(*attachment.mutable_item()->mutable_item_json());
  } else {
    headers.Add("Content-Type", IsMediaType(attachment.content_type())
                                    ? attachment.content_type()
                                    : "application/octet-stream");
    result.response.body = std::move(*attachment.mutable_file()->mutable_content_bytes());
  }
  // It is somebody's, and not to be run as a page of this server.
  headers.Add("Content-Disposition", "attachment");
  headers.Add("X-Content-Type-Options", "nosniff");
  headers.Add("Content-Security-Policy", "sandbox");
  headers.Add("Cache-Control", "private, no-cache");
  result.response.is_foreign = true;
  return result;
}

GraphAnswer CountAnswer(const Message& page) {
  GraphAnswer result;
  result.response.headers.Add("Content-Type", "text/plain");
  result.response.headers.Add("Cache-Control", "no-store");
  result.response.body = absl::StrCat(TotalSize(page));
  return result;
}

GraphAnswer EmptyAnswer(int status) {
  GraphAnswer result;
  result.response.status = status;
  return result;
}

GraphAnswer MakeAnswer(const GraphRequest& request, const GraphLinks& links, Message& answer) {
  switch (request.operation) {
    case GraphOperation::kCreate:
      return EntityAnswer(request, links, 201, answer);
    case GraphOperation::kGet:
    case GraphOperation::kUpdate:
      return EntityAnswer(request, links, 200, answer);
    case GraphOperation::kUpdateGroup:
      if (!request.preferences.return_representation) return EmptyAnswer(204);
      return EntityAnswer(request, links, 200, answer);
    case GraphOperation::kList:
      return ListAnswer(request, links, answer);
    case GraphOperation::kCount:
      return CountAnswer(answer);
    case GraphOperation::kListChanges:
      return ChangesAnswer(request, links, answer);
    case GraphOperation::kContent:
      return ContentAnswer(static_cast<v1::Attachment&>(answer));
    case GraphOperation::kDelete:
    case GraphOperation::kAddReference:
    case GraphOperation::kRemoveReference:
      return EmptyAnswer(204);
    case GraphOperation::kAct: {
      // A forward has no URL, and Graph answers it otherwise.
      if (answer.GetDescriptor() == v1::Forward::descriptor()) return EmptyAnswer(200);
      GraphAnswer result = EmptyAnswer(202);
      result.response.headers.Add("Location", links.Resource(TextOf(answer, "name")));
      return result;
    }
  }
  return EmptyAnswer(500);
}

}  // namespace

GraphAnswer MakeGraphAnswer(const GraphRequest& request, const GraphLinks& links, Message& answer) {
  GraphAnswer result = MakeAnswer(request, links, answer);
  if (!request.preferences_applied.empty()) {
    result.response.headers.Add("Preference-Applied", request.preferences_applied);
  }
  return result;
}

}  // namespace threadstore
