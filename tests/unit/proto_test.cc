// The rules of the API that no tool checks: annotations, comments, linked descriptors.

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "google/api/annotations.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::SourceLocation;

const char* const kFiles[] = {
    "threadstore/v1/admin_service.proto",       "threadstore/v1/conversation_service.proto",
    "threadstore/v1/conversation_thread.proto", "threadstore/v1/error_reason.proto",
    "threadstore/v1/group_service.proto",       "threadstore/v1/post_service.proto",
    "threadstore/v1/thread_service.proto"};

// The API with its comments, which generated code does not hold.
class ProtoSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream image(API_IMAGE, std::ios::binary);
    google::protobuf::FileDescriptorSet files;
    ASSERT_TRUE(files.ParseFromIstream(&image));
    for (const auto& file : files.file()) ASSERT_NE(pool_.BuildFile(file), nullptr);
  }

  DescriptorPool pool_;
};

void CheckFieldBehavior(const Descriptor& message) {
  // A response says nothing of what callers must send.
  if (absl::EndsWith(message.name(), "Response")) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    SourceLocation location;
    ASSERT_TRUE(field.GetSourceLocation(&location)) << field.full_name();
    const absl::string_view comment = absl::StripLeadingAsciiWhitespace(location.leading_comments);
    const bool marked =
        absl::StartsWith(comment, "Required.") || absl::StartsWith(comment, "Optional.") ||
        absl::StartsWith(comment, "Immutable.") || absl::StartsWith(comment, "Output only.") ||
        absl::StartsWith(comment, "Identifier.");
    EXPECT_TRUE(marked) << field.full_name() << ": " << comment;
  }
}

TEST_F(ProtoSourceTest, EveryFieldSaysItsBehavior) {
  for (const char* name : kFiles) {
    const FileDescriptor* file = pool_.FindFileByName(name);
    ASSERT_NE(file, nullptr) << name;
    for (int i = 0; i < file->message_type_count(); ++i) {
      CheckFieldBehavior(*file->message_type(i));
    }
  }
}

// A path with the variable's pattern in place of the variable.
std::vector<std::string> PathsOf(const google::api::HttpRule& rule) {
  std::vector<std::string> paths;
  for (const std::string& path :
       {rule.get(), rule.post(), rule.put(), rule.patch(), rule.delete_()}) {
    if (!path.empty()) paths.push_back(path);
  }
  for (const google::api::HttpRule& binding : rule.additional_bindings()) {
    for (const std::string& path : PathsOf(binding)) paths.push_back(path);
  }
  return paths;
}

// Administration is over gRPC only, and so are streams: Graph has neither.
bool IsOverHttp(const MethodDescriptor& method) {
  return method.service()->name() != "AdminService" && !method.client_streaming() &&
         !method.server_streaming();
}

TEST(HttpRulesTest, EveryMethodThatTakesAGroupTakesItsAliasesOverHttp) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  for (const char* name : kFiles) {
    const FileDescriptor& file = *pool.FindFileByName(name);
    for (int s = 0; s < file.service_count(); ++s) {
      for (int m = 0; m < file.service(s)->method_count(); ++m) {
        const MethodDescriptor& method = *file.service(s)->method(m);
        if (method.client_streaming() || method.server_streaming()) continue;  // gRPC's alone.
        const std::vector<std::string> paths =
            PathsOf(method.options().GetExtension(google::api::http));
        ASSERT_EQ(!paths.empty(), IsOverHttp(method)) << method.full_name();
        const std::set<std::string> all(paths.begin(), paths.end());
        EXPECT_EQ(all.size(), paths.size()) << method.full_name() << " has a path twice";
        for (const std::string& path : paths) {
          const size_t at = path.find("=groups/*");
          if (at == std::string::npos) continue;
          for (const char* alias : {"=me/joinedGroups/*", "=users/*/joinedGroups/*"}) {
            std::string aliased = path;
            aliased.replace(at, std::string("=groups/*").size(), alias);
            EXPECT_TRUE(all.count(aliased) == 1) << method.full_name() << ": " << aliased;
          }
        }
      }
    }
  }
}

// `{name=groups/*}` as `groups/*`: what requests are told apart by.
std::string Pattern(std::string path) {
  const size_t open = path.find('{');
  if (open == std::string::npos) return path;
  const size_t equals = path.find('=', open);
  path.erase(open, equals + 1 - open);
  path.erase(path.find('}'), 1);
  return path;
}

void CollectPatterns(const google::api::HttpRule& rule, const std::string& method,
                     std::map<std::string, std::string>& methods) {
  for (const auto& [verb, path] : {std::pair<std::string, std::string>("GET ", rule.get()),
                                   {"POST ", rule.post()},
                                   {"PUT ", rule.put()},
                                   {"PATCH ", rule.patch()},
                                   {"DELETE ", rule.delete_()}}) {
    if (path.empty()) continue;
    const auto [other, is_new] = methods.emplace(verb + Pattern(path), method);
    EXPECT_TRUE(is_new) << verb << path << " is " << method << " and " << other->second;
  }
  for (const auto& binding : rule.additional_bindings()) CollectPatterns(binding, method, methods);
}

TEST(HttpRulesTest, ARequestIsOneMethods) {
  std::map<std::string, std::string> methods;
  for (const char* name : kFiles) {
    const FileDescriptor& file = *DescriptorPool::generated_pool()->FindFileByName(name);
    for (int s = 0; s < file.service_count(); ++s) {
      for (int m = 0; m < file.service(s)->method_count(); ++m) {
        const MethodDescriptor& method = *file.service(s)->method(m);
        CollectPatterns(method.options().GetExtension(google::api::http), method.full_name(),
                        methods);
      }
    }
  }
  EXPECT_EQ(methods["DELETE /v1.0/groups/*/owners/*/$ref"],
            "threadstore.v1.GroupService.RemoveMember");
  EXPECT_EQ(methods["GET /v1.0/me"], "threadstore.v1.GroupService.GetUser");
}

// A file that the linker has dropped could not be served by reflection.
TEST(DescriptorsTest, AllFilesAreLinked) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  for (const char* name :
       {"google/api/annotations.proto", "google/api/http.proto", "google/rpc/status.proto",
        "google/rpc/error_details.proto", "grpc/health/v1/health.proto"}) {
    EXPECT_NE(pool.FindFileByName(name), nullptr) << name;
  }
  for (const char* name : kFiles) EXPECT_NE(pool.FindFileByName(name), nullptr) << name;
}

TEST(ConversationThreadTest, FirstNineFieldsAreGraphsInItsOrder) {
  const Descriptor& thread =
      *DescriptorPool::generated_pool()->FindMessageTypeByName("threadstore.v1.ConversationThread");
  const char* const properties[] = {"id",
                                    "toRecipients",
                                    "topic",
                                    "hasAttachments",
                                    "lastDeliveredDateTime",
                                    "uniqueSenders",
                                    "ccRecipients",
                                    "preview",
                                    "isLocked"};
  int number = 1;
  for (const char* property : properties) {
    const FieldDescriptor* field = thread.FindFieldByNumber(number++);
    ASSERT_NE(field, nullptr) << property;
    EXPECT_EQ(field->json_name(), property);
    EXPECT_FALSE(field->has_optional_keyword());
  }
}

}  // namespace
}  // namespace threadstore
