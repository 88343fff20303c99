#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/auth/access.h"
#include "server/auth/authenticator.h"
#include "server/auth/certificate_application.h"
#include "server/auth/permissions.h"
#include "server/base/certificate_names.h"
#include "server/base/errors.h"
#include "server/domain/limits.h"
#include "tests/testing/status_matchers.h"
#include "threadstore/v1/admin_service.pb.h"
#include "threadstore/v1/conversation_service.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {
namespace {

using testing::IsOk;

const Principal kApplication = {
    .kind = Principal::Kind::kApplication, .id = "app", .permissions = kAllButAdmin};
const Principal kAnn = {.kind = Principal::Kind::kUser, .id = "ann", .permissions = kAllButAdmin};

GroupName Group(GroupName::Collection collection, const std::string& user = "") {
  return {.collection = collection, .user = user, .group = "g"};
}

TEST(NoAuthenticationTest, HeaderNamesAUser) {
  const NoAuthentication none;
  ASSERT_OK_AND_ASSIGN(const Principal ann, none.Authenticate({.users = {"ann"}}));
  EXPECT_TRUE(ann.is_user());
  EXPECT_EQ(ann.id, "ann");
  EXPECT_EQ(ann.permissions & kAdmin, 0U);
  ASSERT_OK_AND_ASSIGN(const Principal application, none.Authenticate({}));
  EXPECT_FALSE(application.is_user());
}

TEST(NoAuthenticationTest, AdminIsForLoopbackPeers) {
  const NoAuthentication none;
  ASSERT_OK_AND_ASSIGN(const Principal near, none.Authenticate({.from_loopback = true}));
  EXPECT_NE(near.permissions & kAdmin, 0U);
  ASSERT_OK_AND_ASSIGN(const Principal far, none.Authenticate({.from_loopback = false}));
  EXPECT_EQ(far.permissions & kAdmin, 0U);
}

TEST(NoAuthenticationTest, UnclearCallersAreRefused) {
  const NoAuthentication none;
  for (const Credentials& credentials : {Credentials{.users = {""}}, Credentials{.users = {"a/b"}},
                                         Credentials{.users = {"ann", "bob"}}}) {
    EXPECT_EQ(ErrorReasonOf(none.Authenticate(credentials).status()),
              v1::ERROR_REASON_INVALID_CREDENTIALS);
  }
}

TEST(NoAuthenticationTest, CertificateNamesAnApplication) {
  const NoAuthentication none;
  const CertificateNames names = {.spiffe_ids = {"spiffe://example.org/billing"},
                                  .subject = "CN=billing,O=Contoso"};
  ASSERT_OK_AND_ASSIGN(const Principal application,
                       none.Authenticate({.certificate_names = names}));
  EXPECT_FALSE(application.is_user());
  EXPECT_EQ(application.id, "spiffe://example.org/billing");
  EXPECT_EQ(application.permissions, kAllButAdmin);
  ASSERT_OK_AND_ASSIGN(const Principal near,
                       none.Authenticate({.certificate_names = names, .from_loopback = true}));
  EXPECT_NE(near.permissions & kAdmin, 0U);
  ASSERT_OK_AND_ASSIGN(const Principal ann,
                       none.Authenticate({.users = {"ann"}, .certificate_names = names}));
  EXPECT_TRUE(ann.is_user());
  EXPECT_EQ(ann.id, "ann");
}

TEST(ApplicationOfCertificateTest, IsItsOneSpiffeIdOrElseItsSubject) {
  const std::string a = "spiffe://example.org/a";
  EXPECT_EQ(*ApplicationOfCertificate({.spiffe_ids = {a}, .subject = "CN=x"}), a);
  EXPECT_EQ(*ApplicationOfCertificate({.spiffe_ids = {a}}), a);
  EXPECT_EQ(*ApplicationOfCertificate({.subject = "CN=x"}), "CN=x");
  EXPECT_EQ(*ApplicationOfCertificate({.spiffe_ids = {a, "spiffe://b"}, .subject = "CN=x"}),
            "CN=x");
  EXPECT_EQ(ApplicationOfCertificate({.subject = std::string(kMaxApplicationIdBytes, 'x')})->size(),
            kMaxApplicationIdBytes);
}

TEST(ApplicationOfCertificateTest, CertificatesThatNameNobodyAreRefused) {
  const std::string a = "spiffe://example.org/a";
  using std::string_literals::operator""s;
  for (const CertificateNames& names :
       {CertificateNames{}, CertificateNames{.spiffe_ids = {a, a}},
        CertificateNames{.spiffe_ids = {a + "\0b"s}}, CertificateNames{.spiffe_ids = {a + "\n"}},
        CertificateNames{.spiffe_ids = {a + "\xFF"}},
        CertificateNames{.subject = std::string(kMaxApplicationIdBytes + 1, 'x')}}) {
    EXPECT_EQ(ErrorReasonOf(ApplicationOfCertificate(names).status()),
              v1::ERROR_REASON_INVALID_CREDENTIALS);
  }
}

TEST(PrincipalTest, KeysOfUserAndApplicationDiffer) {
  Principal user = kAnn;
  Principal application = kApplication;
  user.id = application.id = "x";
  EXPECT_NE(user.Key(), application.Key());
}

// Of the API's services, by their short names such as ThreadService.GetThread.
std::vector<std::string> AllMethods() {
  std::vector<std::string> methods;
  for (const google::protobuf::FileDescriptor* file :
       {v1::ImportThreadsRequest::descriptor()->file(),
        v1::GetConversationRequest::descriptor()->file(), v1::GetGroupRequest::descriptor()->file(),
        v1::GetPostRequest::descriptor()->file(), v1::GetThreadRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const google::protobuf::ServiceDescriptor& service = *file->service(s);
      for (int m = 0; m < service.method_count(); ++m) {
        methods.push_back(absl::StrCat(service.name(), ".", service.method(m)->name()));
      }
    }
  }
  return methods;
}

std::string FullName(const std::string& method) { return absl::StrCat("threadstore.v1.", method); }

TEST(PermissionsTest, EveryMethodHasARule) {
  std::set<std::string> services;
  for (const std::string& method : AllMethods()) {
    EXPECT_TRUE(HasPermissionRule(FullName(method))) << method;
    services.insert(method.substr(0, method.find('.')));
  }
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(SOURCE_DIR "/proto/threadstore/v1")) {
    files += absl::EndsWith(entry.path().string(), "_service.proto") ? 1 : 0;
  }
  EXPECT_EQ(services.size(), files) << "AllMethods leaves out a service";
  EXPECT_FALSE(HasPermissionRule("threadstore.v1.ThreadService.NoSuchMethod"));
}

// What the document for operators is to say of a method.
std::string DocumentedRow(const std::string& method) {
  std::string row = absl::StrCat("| `", method, "` |");
  for (const absl::string_view name : PermissionNames()) {
    std::vector<absl::string_view> who;
    for (const auto& [kind, letter] :
         {std::pair(Principal::Kind::kUser, "U"), std::pair(Principal::Kind::kApplication, "A")}) {
      const Principal principal = {.kind = kind, .id = "x", .permissions = *PermissionNamed(name)};
      if (CheckPermission(principal, FullName(method)).ok()) who.push_back(letter);
    }
    absl::StrAppend(&row, who.empty() ? " " : absl::StrCat(" ", absl::StrJoin(who, " "), " "), "|");
  }
  return row;
}

TEST(PermissionsTest, TheDocumentedTableIsTheOneThatIsChecked) {
  std::vector<std::string> documented;
  std::ifstream file(SOURCE_DIR "/deploy/AUTH.md");
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "| `") && absl::StrContains(line, "Service.")) {
      documented.push_back(line);
    }
  }
  std::vector<std::string> checked;
  for (const std::string& method : AllMethods()) checked.push_back(DocumentedRow(method));
  std::sort(checked.begin(), checked.end());
  EXPECT_EQ(documented, checked) << "deploy/AUTH.md is to have:\n" << absl::StrJoin(checked, "\n");
}

TEST(PermissionsTest, RightsDecide) {
  const auto check = [](Principal::Kind kind, Permissions permissions, const std::string& method) {
    return CheckPermission({.kind = kind, .id = "x", .permissions = permissions},
                           "threadstore.v1." + method);
  };
  const auto user = Principal::Kind::kUser;
  const auto application = Principal::Kind::kApplication;
  EXPECT_THAT(check(user, kGroupConversationRead, "ThreadService.GetThread"), IsOk());
  EXPECT_THAT(check(application, kGroupConversationReadWrite, "ThreadService.CreateThread"),
              IsOk());
  EXPECT_THAT(check(user, kGroupReadWrite, "GroupService.CreateGroup"), IsOk());
  EXPECT_THAT(check(application, kAdmin, "GroupService.DeleteGroup"), IsOk());
  EXPECT_THAT(check(user, kGroupConversationReadWrite, "ThreadService.ReplyToThread"), IsOk());
  EXPECT_THAT(check(application, kGroupRead, "PostService.GetAttachment"), IsOk());
  EXPECT_THAT(check(user, kGroupConversationRead, "GroupService.GetUser"), IsOk());
  for (const absl::Status& status : {
           check(user, kGroupConversationRead, "ThreadService.CreateThread"),
           check(user, 0, "ThreadService.GetThread"),
           check(application, kAllButAdmin, "GroupService.CreateGroup"),
           check(user, kGroupRead, "GroupService.AddMember"),
           check(application, kAllButAdmin, "GroupService.AddSender"),
           check(application, kAllButAdmin, "GroupService.UpdateMember"),
           check(user, kGroupConversationReadWrite, "GroupService.UpdateGroup"),
           check(user, kGroupRead, "ConversationService.DeleteConversation"),
           check(application, kGroupConversationRead, "PostService.ForwardPost"),
           check(user, kGroupConversationReadWrite, "GroupService.ListMembers"),
           check(user, kAllButAdmin, "ThreadService.NoSuchMethod"),
       }) {
    EXPECT_EQ(ErrorReasonOf(status), v1::ERROR_REASON_MISSING_PERMISSION) << status;
  }
}

TEST(AccessTest, ApplicationsActOnAnyGroupAndUsersOnTheirs) {
  ASSERT_OK_AND_ASSIGN(
      const auto application,
      ResolveAccess(kApplication, Group(GroupName::Collection::kGroups), "parent"));
  EXPECT_FALSE(application.has_value());
  ASSERT_OK_AND_ASSIGN(const auto ann,
                       ResolveAccess(kAnn, Group(GroupName::Collection::kGroups), "parent"));
  EXPECT_EQ(ann->user, "ann");
  EXPECT_FALSE(ann->hides_group);
  EXPECT_FALSE(ann->must_be_owner);
}

TEST(AccessTest, JoinedGroupsHideGroupsTheUserIsNotIn) {
  for (const GroupName& group : {Group(GroupName::Collection::kMyJoinedGroups),
                                 Group(GroupName::Collection::kUserJoinedGroups, "ann")}) {
    ASSERT_OK_AND_ASSIGN(const auto member, ResolveAccess(kAnn, group, "parent"));
    EXPECT_EQ(member->user, "ann");
    EXPECT_TRUE(member->hides_group);
  }
  ASSERT_OK_AND_ASSIGN(
      const auto through_user,
      ResolveAccess(kApplication, Group(GroupName::Collection::kUserJoinedGroups, "bob"), "name"));
  EXPECT_EQ(through_user->user, "bob");
  EXPECT_TRUE(through_user->hides_group);
}

TEST(AccessTest, MeIsForUsersAndUsersAreThemselves) {
  const absl::Status me =
      ResolveAccess(kApplication, Group(GroupName::Collection::kMyJoinedGroups), "parent").status();
  EXPECT_EQ(ErrorReasonOf(me), v1::ERROR_REASON_USER_REQUIRED);
  ASSERT_EQ(FieldViolationsOf(me).size(), 1U);
  EXPECT_EQ(FieldViolationsOf(me)[0].field, "parent");
  const absl::Status other =
      ResolveAccess(kAnn, Group(GroupName::Collection::kUserJoinedGroups, "bob"), "parent")
          .status();
  EXPECT_EQ(other.code(), absl::StatusCode::kPermissionDenied);
}

TEST(AccessTest, OwnersAreRequiredOfUsersOnly) {
  ASSERT_OK_AND_ASSIGN(const auto ann,
                       ResolveOwnerAccess(kAnn, Group(GroupName::Collection::kGroups), "name"));
  EXPECT_TRUE(ann->must_be_owner);
  ASSERT_OK_AND_ASSIGN(
      const auto through_user,
      ResolveOwnerAccess(kApplication, Group(GroupName::Collection::kUserJoinedGroups, "bob"),
                         "name"));
  EXPECT_FALSE(through_user->must_be_owner);
}

}  // namespace
}  // namespace threadstore
