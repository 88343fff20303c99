// What the handler makes of requests, over a gRPC face that answers as told.

#include "server/http/graph_handler.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/base/byte_budget.h"
#include "server/base/errors.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore::testing {
namespace {

using google::protobuf::Empty;
using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kThread[] = "groups/G/threads/0192b0c8-7e00-7000-8000-000000000001";

v1::ConversationThread Thread() {
  v1::ConversationThread thread;
  thread.set_name(kThread);
  thread.set_id("0192b0c8-7e00-7000-8000-000000000001");
  thread.set_topic("Hello");
  thread.set_etag("\"3\"");
  return thread;
}

class GraphHandlerTest : public ::testing::Test {
 protected:
  GraphHandlerTest() {
    auto face = std::make_unique<FakeGrpcFace>();
    face_ = face.get();
    handler_ = MakeGraphHandler({}, std::move(face), clock_, answer_memory_);
    face_->On<v1::GetThreadRequest, v1::ConversationThread>("GetThread",
                                                            [](const auto&) { return Thread(); });
    face_->On<v1::CreateThreadRequest, v1::ConversationThread>(
        "CreateThread", [](const auto&) { return Thread(); });
    face_->On<v1::UpdateThreadRequest, v1::ConversationThread>(
        "UpdateThread", [](const auto&) { return Thread(); });
    face_->On<v1::DeleteThreadRequest, Empty>("DeleteThread", [](const auto&) { return Empty(); });
  }

  HttpResponse Send(absl::string_view method, absl::string_view target, absl::string_view body = "",
                    const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    HttpRequest request;
    request.method = std::string(method);
    request.target = std::string(target);
    request.body = std::string(body);
    request.scheme = "https";
    request.host = "graph.example";
    request.peer = "127.0.0.1";
    for (const auto& [name, value] : headers) request.headers.Add(name, value);
    std::optional<HttpResponse> answer;
    handler_->Handle(std::make_unique<FakeExchange>(std::move(request), answer));
    EXPECT_TRUE(answer.has_value()) << target;
    return answer.has_value() ? *std::move(answer) : HttpResponse();
  }

  // The status and Graph's code of an error.
  static std::string ErrorOf(const HttpResponse& response) {
    const json body = json::parse(response.body, nullptr, false);
    if (!body.is_object() || !body.contains("error")) return absl::StrCat(response.status);
    return absl::StrCat(response.status, " ", body["error"]["code"].get<std::string>());
  }

  FakeClock clock_;
  ByteBudget answer_memory_{size_t{1} << 20};
  FakeGrpcFace* face_;
  std::unique_ptr<HttpHandler> handler_;
};

TEST_F(GraphHandlerTest, AnswersACreateWithTheWholeResourceAndWhereItIs) {
  const HttpResponse response = Send("POST", "/v1.0/groups/G/threads", R"({"topic":"Hello"})",
                                     {{"client-request-id", "abc"}});
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.headers.Get("Location"), absl::StrCat("https://graph.example/v1.0/", kThread));
  EXPECT_EQ(response.headers.Get("client-request-id"), "abc");
  EXPECT_EQ(response.headers.Get("request-id").size(), 36U);
  EXPECT_EQ(response.headers.Get("ETag"), "W/\"3\"");
  const json body = json::parse(response.body);
  EXPECT_EQ(body["@odata.context"],
            "https://graph.example/v1.0/$metadata#groups('G')/threads/$entity");
  EXPECT_EQ(body["@odata.type"], "#microsoft.graph.conversationThread");
  EXPECT_EQ(body["topic"], "Hello");
  EXPECT_EQ(face_->Last<v1::CreateThreadRequest>().parent(), "groups/G");
}

TEST_F(GraphHandlerTest, LeavesTheResourceOutIfAskedTo) {
  const HttpResponse response = Send("POST", "/v1.0/groups/G/threads", R"({"topic":"Hello"})",
                                     {{"Prefer", "respond-async, return=minimal"}});
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  EXPECT_FALSE(response.headers.Has("Content-Type"));
  EXPECT_EQ(response.headers.Get("Preference-Applied"), "return=minimal");
  EXPECT_EQ(response.headers.Get("Location"), response.headers.Get("OData-EntityId"));
}

TEST_F(GraphHandlerTest, KnowsACreateByItsIdempotencyKey) {
  const auto id_of = [this](const std::string& key) {
    Send("POST", "/v1.0/groups/G/threads", R"({"topic":"Hello"})", {{"Idempotency-Key", key}});
    return face_->Last<v1::CreateThreadRequest>().request_id();
  };
  EXPECT_EQ(id_of("01934f6e-8f00-7abc-8def-0123456789ab"), "01934f6e-8f00-7abc-8def-0123456789ab");
  const std::string of_text = id_of("order 4711");
  EXPECT_EQ(of_text.size(), 36U);
  EXPECT_EQ(id_of("order 4711"), of_text);
  EXPECT_NE(id_of("order 4712"), of_text);
  EXPECT_EQ(ErrorOf(Send("POST", "/v1.0/groups/G/threads", R"({"topic":"Hello"})",
                         {{"Idempotency-Key", std::string(256, 'x')}})),
            "400 BadRequest");
}

TEST_F(GraphHandlerTest, PassesOnTheEntityTagThatMustMatch) {
  EXPECT_EQ(Send("DELETE", absl::StrCat("/", kThread), "", {{"If-Match", "W/\"3\""}}).status, 204);
  EXPECT_EQ(face_->Last<v1::DeleteThreadRequest>().etag(), "\"3\"");
  Send("PATCH", absl::StrCat("/", kThread), R"({"isLocked":true})", {{"If-Match", "\"4\""}});
  const auto& update = face_->Last<v1::UpdateThreadRequest>();
  EXPECT_EQ(update.thread().etag(), "\"4\"");
  EXPECT_EQ(update.thread().name(), kThread);
  EXPECT_THAT(update.update_mask().paths(), ElementsAre("is_locked"));
  Send("DELETE", absl::StrCat("/", kThread), "", {{"If-Match", "*"}});
  EXPECT_EQ(face_->Last<v1::DeleteThreadRequest>().etag(), "");
  for (const char* tag : {"3", "W/3", "\"1\", \"2\"", "\"a"}) {
    EXPECT_EQ(ErrorOf(Send("DELETE", absl::StrCat("/", kThread), "", {{"If-Match", tag}})),
              "400 BadRequest")
        << tag;
  }
  EXPECT_EQ(ErrorOf(Send("DELETE", "/groups/G", "", {{"If-Match", "\"1\""}})), "400 BadRequest");
}

TEST_F(GraphHandlerTest, ReadsOnlyWhatIsShown) {
  Send("GET", absl::StrCat("/", kThread));
  EXPECT_THAT(face_->Last<v1::GetThreadRequest>().read_mask().paths(),
              Not(Contains("to_recipients")));
  const HttpResponse selected =
      Send("GET", absl::StrCat("/", kThread, "?$select=topic,toRecipients"));
  EXPECT_THAT(face_->Last<v1::GetThreadRequest>().read_mask().paths(),
              ElementsAre("id", "name", "etag", "to_recipients", "topic"));
  const json body = json::parse(selected.body);
  EXPECT_TRUE(body.contains("toRecipients"));
  EXPECT_FALSE(body.contains("preview"));
  EXPECT_EQ(body["@odata.context"],
            "https://graph.example/$metadata#groups('G')/threads(topic,toRecipients)/$entity");
  const json all =
      json::parse(Send("GET", absl::StrCat("/", kThread, "?$select=*,ccRecipients")).body);
  EXPECT_TRUE(all.contains("preview"));
  EXPECT_TRUE(all.contains("ccRecipients"));
  EXPECT_FALSE(all.contains("toRecipients"));
  Send("GET", absl::StrCat("/", kThread, "?$expand=posts($expand=inReplyTo,attachments)"));
  EXPECT_THAT(face_->Last<v1::GetThreadRequest>().expand().paths(),
              ElementsAre("posts", "posts.in_reply_to", "posts.attachments"));
}

TEST_F(GraphHandlerTest, PassesOverNothingSilently) {
  for (const char* query :
       {"$select=nothing", "$expand=topic", "$expand=nothing", "$top=3", "$filter=x", "$search=x",
        "$orderby=topic", "$skiptoken=x", "$deltatoken=x", "$skip=1", "$count=true", "$id=x"}) {
    EXPECT_EQ(ErrorOf(Send("GET", absl::StrCat("/", kThread, "?", query))), "400 BadRequest")
        << query;
  }
  EXPECT_EQ(face_->received.size(), 0U);
}

TEST_F(GraphHandlerTest, FollowsPagesByLinks) {
  face_->On<v1::ListThreadsRequest, v1::ListThreadsResponse>("ListThreads", [](const auto&) {
    v1::ListThreadsResponse page;
    *page.add_threads() = Thread();
    page.set_next_page_token("t+1");
    return page;
  });
  const HttpResponse response =
      Send("GET", "/beta/me/joinedGroups/G/threads?$top=1&$filter=isLocked eq false&$skiptoken=t0");
  const auto& request = face_->Last<v1::ListThreadsRequest>();
  EXPECT_EQ(request.parent(), "me/joinedGroups/G");
  EXPECT_EQ(request.page_size(), 1);
  EXPECT_EQ(request.page_token(), "t0");
  EXPECT_EQ(request.filter(), "isLocked eq false");
  const json body = json::parse(response.body);
  EXPECT_EQ(body["@odata.context"], "https://graph.example/beta/$metadata#groups('G')/threads");
  EXPECT_EQ(body["@odata.nextLink"],
            "https://graph.example/beta/me/joinedGroups/G/threads?$top=1&$filter=isLocked%20eq%20"
            "false&$skiptoken=t%2B1");
  EXPECT_EQ(body["value"].size(), 1U);
}

TEST_F(GraphHandlerTest, SkipsByReadingIds) {
  int calls = 0;
  face_->On<v1::ListThreadsRequest, v1::ListThreadsResponse>(
      "ListThreads", [&calls](const v1::ListThreadsRequest& request) {
        v1::ListThreadsResponse page;
        for (int i = 0; i < request.page_size() && i < 600; ++i) *page.add_threads() = Thread();
        page.set_next_page_token(absl::StrCat("after ", ++calls));
        return page;
      });
  Send("GET", "/groups/G/threads?$skip=700&$top=5");
  std::vector<std::string> seen;
  for (const auto& received : face_->received) {
    const auto& request = static_cast<const v1::ListThreadsRequest&>(*received.request);
    seen.push_back(absl::StrCat(request.page_size(), " ", request.page_token()));
  }
  EXPECT_THAT(seen, ElementsAre("700 ", "100 after 1", "5 after 2"));
}

TEST_F(GraphHandlerTest, HasNothingBehindTheEnd) {
  face_->On<v1::ListThreadsRequest, v1::ListThreadsResponse>("ListThreads", [](const auto&) {
    v1::ListThreadsResponse page;
    *page.add_threads() = Thread();
    return page;
  });
  const json body = json::parse(Send("GET", "/groups/G/threads?$skip=700").body);
  EXPECT_EQ(body["value"].size(), 0U);
  EXPECT_FALSE(body.contains("@odata.nextLink"));
}

TEST_F(GraphHandlerTest, TellsWhatWasRemoved) {
  face_->On<v1::ListThreadChangesRequest, v1::ListThreadChangesResponse>(
      "ListThreadChanges", [](const auto&) {
        v1::ListThreadChangesResponse page;
        v1::ThreadChange& first = *page.add_changes();
        first.set_name(kThread);
        first.set_kind(v1::ThreadChange::KIND_CREATED);
        *first.mutable_thread() = Thread();
        page.add_changes()->set_name(absl::StrCat(kThread, "/posts/p"));
        page.add_changes()->set_name(kThread);
        page.set_delta_token("d1");
        return page;
      });
  const json body = json::parse(Send("GET", "/v1.0/groups/G/threads/delta?$select=topic").body);
  EXPECT_EQ(body["value"], json::parse(R"([{"@removed":{"reason":"deleted"},
                                            "id":"0192b0c8-7e00-7000-8000-000000000001"}])"));
  EXPECT_EQ(body["@odata.deltaLink"],
            "https://graph.example/v1.0/groups/G/threads/delta?$select=topic&$deltatoken=d1");
  Send("GET", "/v1.0/groups/G/threads/delta?$deltatoken=latest");
  EXPECT_EQ(face_->Last<v1::ListThreadChangesRequest>().start(),
            v1::ListThreadChangesRequest::START_NOW);
  face_->Fail("ListThreadChanges", DeltaTokenExpiredError());
  const HttpResponse expired =
      Send("GET", "/v1.0/groups/G/threads/delta?$deltatoken=old&$select=topic");
  EXPECT_EQ(ErrorOf(expired), "410 syncStateNotFound");
  EXPECT_EQ(expired.headers.Get("Location"),
            "https://graph.example/v1.0/groups/G/threads/delta?$select=topic");
}

TEST_F(GraphHandlerTest, TellsWhichResourceHasChanged) {
  face_->On<v1::ListThreadChangesRequest, v1::ListThreadChangesResponse>(
      "ListThreadChanges", [](const auto&) {
        v1::ListThreadChangesResponse page;
        v1::ThreadChange& change = *page.add_changes();
        change.set_name(kThread);
        *change.mutable_thread() = Thread();
        return page;
      });
  const json body = json::parse(Send("GET", "/v1.0/groups/G/threads/delta?$select=topic").body);
  EXPECT_EQ(body["value"][0]["id"], Thread().id());
}

TEST_F(GraphHandlerTest, TakesTheNameOfAnExtensionThatItsPathHas) {
  face_->On<v1::UpdateExtensionRequest, v1::Extension>("UpdateExtension",
                                                       [](const auto&) { return v1::Extension(); });
  const std::string target = absl::StrCat("/", kThread, "/posts/p/extensions/com.x");
  EXPECT_EQ(Send("PATCH", target, R"({"extensionName":"com.x","a":1})").status, 200);
  EXPECT_THAT(face_->Last<v1::UpdateExtensionRequest>().update_mask().paths(),
              ElementsAre("content_json"));
  EXPECT_EQ(ErrorOf(Send("PATCH", target, R"({"extensionName":"com.y","a":1})")), "400 BadRequest");
}

TEST_F(GraphHandlerTest, HasDescriptionsToGetOnly) {
  const HttpResponse response = Send("PATCH", "/v1.0/$metadata", "{}");
  EXPECT_EQ(ErrorOf(response), "405 ErrorInvalidRequest");
  EXPECT_EQ(response.headers.Get("Allow"), "GET");
  EXPECT_EQ(Send("GET", "/v1.0/$metadata").status, 200);
}

TEST_F(GraphHandlerTest, FetchesContentWhileItIsSent) {
  face_->On<v1::ListAttachmentsRequest, v1::ListAttachmentsResponse>(
      "ListAttachments", [](const auto&) {
        v1::ListAttachmentsResponse page;
        for (const char* id : {"a", "gone"}) {
          v1::Attachment& attachment = *page.add_attachments();
          attachment.set_name(absl::StrCat(kThread, "/posts/p/attachments/", id));
          attachment.set_id(id);
          attachment.set_size(5);
          attachment.mutable_file();
        }
        return page;
      });
  face_->On<v1::GetAttachmentRequest, v1::Attachment>(
      "GetAttachment",
      [](const v1::GetAttachmentRequest& request) -> absl::StatusOr<v1::Attachment> {
        if (request.name().back() != 'a') return NotFoundError(kAttachmentType, request.name());
        v1::Attachment attachment;
        attachment.mutable_file()->set_content_bytes("hello");
        return attachment;
      });
  const HttpResponse response = Send("GET", absl::StrCat("/", kThread, "/posts/p/attachments"));
  const json value = json::parse(response.body)["value"];
  ASSERT_EQ(value.size(), 2U);
  EXPECT_EQ(value[0]["contentBytes"], "aGVsbG8=");
  EXPECT_TRUE(value[1]["contentBytes"].is_null());
  face_->Fail("GetAttachment", InternalError());
  EXPECT_THAT(Send("GET", absl::StrCat("/", kThread, "/posts/p/attachments")).body,
              HasSubstr("(cut)"));
}

TEST_F(GraphHandlerTest, SendsContentSoThatNoBrowserRunsIt) {
  face_->On<v1::GetAttachmentRequest, v1::Attachment>("GetAttachment", [](const auto&) {
    v1::Attachment attachment;
    attachment.set_content_type("text/html\r\nSet-Cookie: a=b");
    attachment.mutable_file()->set_content_bytes("<script>");
    return attachment;
  });
  const std::string target = absl::StrCat("/", kThread, "/posts/p/attachments/a/$value");
  const HttpResponse response = Send("GET", target);
  EXPECT_EQ(response.body, "<script>");
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/octet-stream");
  EXPECT_EQ(response.headers.Get("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(response.headers.Get("Content-Disposition"), "attachment");
  face_->On<v1::GetAttachmentRequest, v1::Attachment>("GetAttachment", [](const auto&) {
    v1::Attachment attachment;
    attachment.mutable_reference()->set_source_url("https://x");
    return attachment;
  });
  EXPECT_EQ(ErrorOf(Send("GET", target)), "405 ErrorInvalidRequest");
}

TEST_F(GraphHandlerTest, SaysWhoIsCalling) {
  Send("GET", absl::StrCat("/", kThread), "",
       {{"x-threadstore-user", "\xC3\xA9va"}, {"X-Threadstore-User", "ben"}});
  EXPECT_THAT(face_->received.back().caller.users, ElementsAre("\xC3\xA9va", "ben"));
  EXPECT_EQ(face_->received.back().caller.peer, "127.0.0.1");
}

TEST_F(GraphHandlerTest, AnswersErrorsAsGraphDoes) {
  const std::string create = "CreateThread";
  const std::string get = "GetThread";
  const struct {
    std::string rpc;
    absl::Status error;
    std::string expected;
  } cases[] = {
      {get, InvalidCredentialsError("no"), "401 InvalidAuthenticationToken"},
      {get, NotAMemberError("groups/G"), "403 ErrorAccessDenied"},
      {get, NotFoundError(kThreadType, kThread), "404 ErrorItemNotFound"},
      {get, InvalidFieldError("name", "no"), "400 ErrorInvalidIdMalformed"},
      {create, InvalidFieldError("thread.topic", "no"), "400 BadRequest"},
      {create, RequestIdReusedError(), "400 BadRequest"},
      {create, ThreadLockedError(kThread), "423 ErrorThreadLocked"},
      {create, EtagMismatchError(kThreadType, kThread), "412 PreconditionFailed"},
      {create, AlreadyExistsError(kGroupType, "groups/G"), "409 NameAlreadyExists"},
      {create, QueueFullError(absl::Milliseconds(1200)), "503 ServiceUnavailable"},
      {create, ShuttingDownError(), "503 ServiceUnavailable"},
      {create, StoreFullError(), "507 ErrorInsufficientStorage"},
      {create, TooManyThreadsError("groups/G", 5), "429 ErrorQuotaExceeded"},
      {create, DeadlineExceededError(), "504 GatewayTimeout"},
      // Clients send a POST again after 503 and 504, so an outcome nobody knows is neither.
      {create, WriteOutcomeUnknownError(), "500 UnknownError"},
      {create, absl::UnavailableError("gRPC's own"), "500 UnknownError"},
      {create, absl::DeadlineExceededError("gRPC's own"), "500 UnknownError"},
      {create, absl::CancelledError("gRPC's own"), "500 UnknownError"},
      {create, absl::ResourceExhaustedError("gRPC's own"), "500 UnknownError"},
      {create, InternalError(), "500 UnknownError"},
      {get, absl::UnavailableError("gRPC's own"), "503 ServiceUnavailable"},
      {get, InternalError(), "500 InternalServerError"},
  };
  for (const auto& test : cases) {
    face_->Fail(test.rpc, test.error);
    const HttpResponse response = test.rpc == get
                                      ? Send("GET", absl::StrCat("/", kThread))
                                      : Send("POST", "/groups/G/threads", R"({"topic":"Hello"})");
    EXPECT_EQ(ErrorOf(response), test.expected) << test.error;
    EXPECT_EQ(response.headers.Has("Retry-After"), response.status == 503 || response.status == 504)
        << test.error;
    const json inner = json::parse(response.body)["error"]["innerError"];
    EXPECT_EQ(inner["request-id"], std::string(response.headers.Get("request-id")));
    EXPECT_EQ(inner["date"].get<std::string>().size(), 19U);
  }
  face_->Fail(create, QueueFullError(absl::Milliseconds(1200)));
  EXPECT_EQ(Send("POST", "/groups/G/threads", R"({"topic":"x"})").headers.Get("Retry-After"), "2");
}

TEST_F(GraphHandlerTest, NamesFieldsByTheirMembers) {
  face_->Fail("CreateThread",
              InvalidFieldError("thread.to_recipients[3].email_address.address", "is too long"));
  const json body = json::parse(Send("POST", "/groups/G/threads", R"({"topic":"Hello"})").body);
  EXPECT_EQ(body["error"]["message"], "toRecipients[3].emailAddress.address: is too long");
  face_->Fail("CreateThread", InvalidFieldError("thread.to_recipients[3].email_address.name", "x"));
  EXPECT_EQ(ErrorOf(Send("POST", "/groups/G/threads", R"({"topic":"Hello"})")), "400 BadRequest");
  face_->Fail("UpdateThread", InvalidFieldError("thread.name", "the id must be a UUID"));
  const HttpResponse malformed = Send("PATCH", "/groups/G/threads/x", R"({"isLocked":true})");
  EXPECT_EQ(ErrorOf(malformed), "400 ErrorInvalidIdMalformed");
  EXPECT_THAT(malformed.body, HasSubstr("\"message\":\"the id must be a UUID\""));
}

TEST_F(GraphHandlerTest, RefusesOtherBodies) {
  const auto send = [this](const std::string& type, absl::string_view body) {
    return ErrorOf(Send("POST", "/groups/G/threads", body, {{"Content-Type", type}}));
  };
  EXPECT_EQ(send("text/plain", "{}"), "415 UnsupportedMediaType");
  EXPECT_EQ(send("application/json; charset=latin1", "{}"), "415 UnsupportedMediaType");
  EXPECT_EQ(send("Application/JSON; charset=UTF-8", R"({"topic":"x"})"), "201");
  EXPECT_EQ(send("application/json", ""), "400 BadRequest");
  EXPECT_EQ(send("application/json", R"({"topik":"x"})"), "400 BadRequest");
}

TEST_F(GraphHandlerTest, RemovesWhatTheIdRefersTo) {
  face_->On<v1::RemoveSenderRequest, Empty>("RemoveSender", [](const auto&) { return Empty(); });
  EXPECT_EQ(
      Send("DELETE", "/v1.0/groups/G/acceptedSenders/$ref?$id=https://other.host/v1.0/users/a%40b")
          .status,
      204);
  EXPECT_EQ(face_->Last<v1::RemoveSenderRequest>().name(), "groups/G/acceptedSenders/a@b");
  EXPECT_EQ(ErrorOf(Send("DELETE", "/v1.0/groups/G/acceptedSenders/$ref?$id=https://x/")),
            "400 BadRequest");
  EXPECT_EQ(ErrorOf(Send("DELETE", "/v1.0/groups/G/acceptedSenders/$ref")), "400 BadRequest");
}

TEST_F(GraphHandlerTest, SearchesGroupsOnly) {
  face_->On<v1::SearchThreadsRequest, v1::SearchThreadsResponse>("SearchThreads", [](const auto&) {
    v1::SearchThreadsResponse page;
    *page.add_results()->mutable_thread() = Thread();
    return page;
  });
  const HttpResponse found = Send("GET", "/groups/G/threads?$search=\"a b\" c");
  EXPECT_EQ(face_->Last<v1::SearchThreadsRequest>().query(), "\"a b\" c");
  EXPECT_EQ(json::parse(found.body)["value"][0]["topic"], "Hello");
  EXPECT_EQ(ErrorOf(Send("GET", "/groups/G/conversations/C/threads?$search=a")), "400 BadRequest");
  EXPECT_EQ(ErrorOf(Send("GET", "/groups/G/threads?$search=a&$filter=isLocked")), "400 BadRequest");
}

// Whatever a list takes or does not take, it is answered.
TEST_F(GraphHandlerTest, SkipsInEveryListOrSaysThatItDoesNot) {
  for (const char* target :
       {"/groups", "/groups/G/threads", "/groups/G/threads:search", "/groups/G/threads?$search=x",
        "/groups/G/conversations", "/groups/G/members", "/groups/G/owners",
        "/groups/G/acceptedSenders", "/groups/G/threads/delta", "/me/joinedGroups",
        "/groups/G/threads/T/posts", "/groups/G/threads/T/posts/P/attachments",
        "/groups/G/threads/T/posts/P/extensions", "/groups/G/threads/T/posts/delta"}) {
    const char* separator = std::string(target).find('?') == std::string::npos ? "?" : "&";
    EXPECT_GE(Send("GET", absl::StrCat(target, separator, "$skip=1")).status, 400) << target;
  }
}

TEST_F(GraphHandlerTest, AnswersANewAttachmentWithWhatWasSent) {
  face_->On<v1::CreateAttachmentRequest, v1::Attachment>("CreateAttachment", [](const auto&) {
    v1::Attachment attachment;
    attachment.set_name(absl::StrCat(kThread, "/posts/p/attachments/a"));
    attachment.set_size(5);
    attachment.mutable_file();
    return attachment;
  });
  const HttpResponse response = Send(
      "POST", absl::StrCat("/", kThread, "/posts/p/attachments"),
      R"({"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentBytes":"aGVsbG8="})");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(json::parse(response.body)["contentBytes"], "aGVsbG8=");
  EXPECT_EQ(face_->received.size(), 1U) << "nothing can fail after the write";
}

TEST_F(GraphHandlerTest, LeavesTheIdOfAGroupToTheServer) {
  face_->On<v1::CreateGroupRequest, v1::Group>("CreateGroup",
                                               [](const auto&) { return v1::Group(); });
  const auto send = [this](const std::string& key) {
    Send("POST", "/groups", R"({"displayName":"x"})", {{"Idempotency-Key", key}});
    return face_->Last<v1::CreateGroupRequest>();
  };
  EXPECT_EQ(send("k").group_id(), "");
  EXPECT_EQ(send("k").request_id(), send("k").request_id());
  EXPECT_NE(send("k").request_id(), send("l").request_id());
}

TEST_F(GraphHandlerTest, RefusesWhatAnUpdateCannotDo) {
  EXPECT_EQ(ErrorOf(Send("PATCH", "/groups/G",
                         R"({"displayName":"x","members@odata.bind":["https://x/v1.0/users/z"]})")),
            "400 BadRequest");
  EXPECT_EQ(ErrorOf(Send("DELETE", absl::StrCat("/", kThread), "", {{"If-Match", "W/\"\xff\""}})),
            "400 BadRequest");
}

TEST_F(GraphHandlerTest, AnswersInUtf8WhateverWasAsked) {
  const HttpResponse response =
      Send("GET", absl::StrCat("/groups?$", std::string(62, 'a'), "%C3%A9=1"));
  EXPECT_FALSE(json::parse(response.body, nullptr, false).is_discarded());
}

TEST_F(GraphHandlerTest, SaysOnlyOfPreferencesThatMadeADifference) {
  const std::string target = absl::StrCat("/", kThread);
  EXPECT_FALSE(
      Send("GET", target, "", {{"Prefer", "return=minimal"}}).headers.Has("Preference-Applied"));
  EXPECT_EQ(Send("GET", target, "", {{"Prefer", "outlook.body-content-type=\"text\""}})
                .headers.Get("Preference-Applied"),
            "outlook.body-content-type=\"text\"");
}

class BatchTest : public GraphHandlerTest {
 protected:
  json SendBatch(const std::string& requests) {
    const HttpResponse response =
        Send("POST", "/v1.0/$batch", absl::StrCat("{\"requests\":", requests, "}"),
             {{"Content-Type", "application/json"}, {"x-threadstore-user", "ann"}});
    return response.status == 200 ? json::parse(response.body)["responses"]
                                  : json(ErrorOf(response));
  }
};

TEST_F(BatchTest, AnswersEachRequest) {
  const json answers = SendBatch(absl::StrCat(R"([
      {"id":"1","method":"GET","url":"/)",
                                              kThread, R"("},
      {"id":"2","method":"post","url":"groups/G/threads","body":{"topic":"x"},
       "headers":{"content-type":"application/json"}},
      {"id":"3","method":"GET","url":"https://other.host/beta/nothing"},
      {"id":"4","method":"DELETE","url":"/v1.0/)",
                                              kThread, R"("}])"));
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0]["status"], 200);
  EXPECT_EQ(answers[0]["body"]["topic"], "Hello");
  EXPECT_EQ(answers[1]["status"], 201);
  EXPECT_EQ(answers[1]["headers"]["Location"],
            absl::StrCat("https://graph.example/v1.0/", kThread));
  EXPECT_EQ(answers[2]["status"], 404);
  EXPECT_EQ(answers[3]["status"], 204);
  EXPECT_FALSE(answers[3].contains("body"));
  EXPECT_THAT(face_->received.front().caller.users, ElementsAre("ann"));
}

TEST_F(BatchTest, WaitsForWhatARequestDependsOn) {
  const json answers = SendBatch(absl::StrCat(R"([
      {"id":"a","method":"DELETE","url":"/)",
                                              kThread, R"(","dependsOn":["B"]},
      {"id":"b","method":"GET","url":"/)",
                                              kThread, R"("},
      {"id":"c","method":"GET","url":"/nothing"},
      {"id":"d","method":"DELETE","url":"/)",
                                              kThread, R"(","dependsOn":["b","c"]},
      {"id":"e","method":"GET","url":"/)",
                                              kThread, R"(","dependsOn":["d"]}])"));
  std::vector<std::string> rpcs;
  for (const auto& received : face_->received) rpcs.push_back(received.rpc);
  EXPECT_EQ(absl::StrJoin(rpcs, " "), "GetThread DeleteThread");
  EXPECT_EQ(answers[0]["status"], 204);
  EXPECT_EQ(answers[3]["status"], 424);
  EXPECT_EQ(answers[4]["status"], 424);
}

TEST_F(BatchTest, IsInNoBatch) {
  for (const char* url : {"/$batch", "/%24batch", "/v1.0/%24batch", "https://x/beta/$batch"}) {
    const json answers = SendBatch(absl::StrCat(
        R"([{"id":"1","method":"POST","url":")", url,
        R"(","headers":{"Content-Type":"application/json"},"body":{"requests":[]}}])"));
    EXPECT_EQ(answers[0]["status"], 400) << url;
  }
  const json answers = SendBatch(R"([{"id":"1","method":"GET","url":"/groups/G/threads/$batch"}])");
  EXPECT_EQ(answers[0]["status"], 200) << "an id like any other";
}

TEST_F(BatchTest, TakesNobodysContentForItsOwn) {
  face_->On<v1::GetAttachmentRequest, v1::Attachment>("GetAttachment", [](const auto&) {
    v1::Attachment attachment;
    attachment.set_content_type("application/json");
    attachment.mutable_file()->set_content_bytes(R"({},{"id":"2","status":201})");
    return attachment;
  });
  const json answers = SendBatch(absl::StrCat(R"([{"id":"1","method":"GET","url":"/)", kThread,
                                              R"(/posts/p/attachments/a/$value"}])"));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0]["body"].is_string());
}

TEST_F(BatchTest, HoldsNoMoreThanThereIsRoomFor) {
  face_->On<v1::GetThreadRequest, v1::ConversationThread>("GetThread", [](const auto&) {
    v1::ConversationThread thread = Thread();
    thread.set_preview(std::string(600'000, 'x'));
    return thread;
  });
  const std::string requests = absl::StrCat(
      R"([{"id":"1","method":"GET","url":"/)", kThread, R"("},{"id":"2","method":"GET","url":"/)",
      kThread, R"("},{"id":"3","method":"DELETE","url":"/)", kThread, R"("}])");
  for (int i = 0; i < 3; ++i) {
    const json answers = SendBatch(requests);
    EXPECT_EQ(answers[0]["status"], 200);
    EXPECT_EQ(answers[1]["status"], 503);
    EXPECT_EQ(answers[1]["headers"]["Retry-After"], "1");
    EXPECT_EQ(answers[2]["status"], 204);
  }
}

TEST_F(BatchTest, TakesTheCallersOwnHeaders) {
  const json answers = SendBatch(absl::StrCat(R"([{"id":"1","method":"GET","url":"/)", kThread,
                                              R"(","headers":{"X-Threadstore-User":"ann"}}])"));
  EXPECT_EQ(answers[0]["status"], 200);
  EXPECT_THAT(face_->received.front().caller.users, ElementsAre("ann"));
}

TEST_F(BatchTest, RefusesWhatIsNoBatch) {
  std::string too_many = "[";
  for (int i = 0; i < 21; ++i) {
    absl::StrAppend(&too_many, i == 0 ? "" : ",", R"({"id":")", i,
                    R"(","method":"GET","url":"/groups"})");
  }
  for (const std::string& requests : {
           std::string("[]"),
           std::string("{}"),
           too_many + "]",
           std::string(R"([{"id":"1","method":"GET"}])"),
           std::string(R"([{"method":"GET","url":"/groups"}])"),
           std::string(R"([{"id":"1","url":"/groups"}])"),
           std::string(R"([{"id":"1","method":"GET","url":"/groups","x":1}])"),
           std::string(R"([{"id":"1","method":"GET","url":"/groups","headers":[]}])"),
           std::string(R"([{"id":"1","method":"GET","url":"/groups","headers":{"a":1}}])"),
           std::string(R"([{"id":"1","method":"POST","url":"/groups","body":{}}])"),
           std::string(R"([{"id":"1","method":"POST","url":"/groups","body":"%"}])"),
           std::string(R"([{"id":"1","method":"GET","url":"/groups","dependsOn":["1"]}])"),
           std::string(R"([{"id":"1","method":"GET","url":"/groups","dependsOn":["2"]}])"),
           std::string(R"([{"id":"a","method":"GET","url":"/groups"},
                           {"id":"A","method":"GET","url":"/groups"}])"),
           std::string(R"([{"id":"1","method":"GET","url":"/groups","dependsOn":["2"]},
                           {"id":"2","method":"GET","url":"/groups","dependsOn":["1"]}])"),
           std::string(R"([{"id":"1","method":"GET","url":"/groups",
                            "headers":{"X-Threadstore-User":"eve"}}])"),
       }) {
    EXPECT_EQ(SendBatch(requests), json("400 BadRequest")) << requests;
  }
  EXPECT_EQ(face_->received.size(), 0U);
}

}  // namespace
}  // namespace threadstore::testing
