// The files of a TLS identity: what is refused, and when what they hold is taken.

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/tls_identity.h"
#include "server/tls_watcher.h"
#include "tests/testing/certificate.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace threadstore {
namespace {

using ::testing::HasSubstr;
using testing::MakeIdentity;
using testing::StatusIs;

class TlsFilesTest : public ::testing::Test {
 protected:
  void Write(const std::string& file, const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
  }

  void WriteAll(const TlsIdentity& identity) {
    Write(files_.certificates, identity.certificates);
    Write(files_.private_key, identity.private_key);
    Write(files_.client_authorities, identity.client_authorities);
  }

  std::unique_ptr<TlsWatcher> Watch() {
    // Looks only when it is told to.
    auto watcher = TlsWatcher::Start(files_, absl::InfiniteDuration());
    EXPECT_THAT(watcher.status(), testing::IsOk());
    return *std::move(watcher);
  }

  static TlsIdentity WithAuthority(TlsIdentity identity) {
    identity.client_authorities = MakeIdentity().certificates;
    return identity;
  }

  const testing::TempDir folder_;
  const TlsFiles files_ = {.certificates = folder_.File("tls.crt"),
                           .private_key = folder_.File("tls.key"),
                           .client_authorities = folder_.File("ca.crt")};
};

TEST_F(TlsFilesTest, WhatCannotBeReadIsRefusedByFlagAndFile) {
  const TlsIdentity good = WithAuthority(MakeIdentity());
  const std::pair<std::string, std::string> flags[] = {
      {"--tls_cert", files_.certificates},
      {"--tls_key", files_.private_key},
      {"--tls_client_ca", files_.client_authorities}};
  for (const auto& [flag, file] : flags) {
    WriteAll(good);
    EXPECT_EQ(*ReadTlsFiles(files_), good);
    const auto is_refused = StatusIs(absl::StatusCode::kInvalidArgument,
                                     ::testing::AllOf(HasSubstr(flag), HasSubstr(file)));
    Write(file, "");
    EXPECT_THAT(ReadTlsFiles(files_), is_refused);
    Write(file, std::string(kMaxTlsFileBytes + 1, 'x'));
    EXPECT_THAT(ReadTlsFiles(files_), is_refused);
    std::filesystem::remove(file);
    EXPECT_THAT(ReadTlsFiles(files_), is_refused);
    std::filesystem::create_directory(file);
    EXPECT_THAT(ReadTlsFiles(files_), is_refused);
    std::filesystem::remove(file);
  }
}

TEST_F(TlsFilesTest, WhatDoesNotFitIsRefusedByFlag) {
  const TlsIdentity good = WithAuthority(MakeIdentity());
  const TlsIdentity other = MakeIdentity();
  const auto check = [&](const TlsIdentity& identity) {
    return CheckTlsIdentity(identity, files_);
  };
  EXPECT_THAT(check(good), testing::IsOk());

  TlsIdentity chain = good;
  chain.certificates += "text between\n" + other.certificates;
  EXPECT_THAT(check(chain), testing::IsOk());
  TlsIdentity both = good;  // As some tools write them.
  both.certificates = both.private_key = good.private_key + good.certificates;
  EXPECT_THAT(check(both), testing::IsOk());

  const std::string cut = good.certificates.substr(0, good.certificates.size() / 2);
  const auto is_refused = [](const std::string& flag) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(flag));
  };
  const std::vector<std::pair<std::string, TlsIdentity>> cases = {
      {"--tls_key", {good.certificates, other.private_key}},
      {"--tls_key", {good.certificates, good.certificates}},
      {"--tls_key", {good.certificates, "no PEM"}},
      {"--tls_key", {other.certificates + good.certificates, good.private_key}},
      {"--tls_cert", {good.private_key, good.private_key}},
      {"--tls_cert", {"no PEM", good.private_key}},
      {"--tls_cert", {cut, good.private_key}},
      {"--tls_cert", {good.certificates + cut, good.private_key}},
      {"--tls_client_ca", {good.certificates, good.private_key, "no PEM"}},
      {"--tls_client_ca", {good.certificates, good.private_key, good.client_authorities + cut}},
  };
  for (const auto& [flag, identity] : cases) {
    EXPECT_THAT(check(identity), is_refused(flag)) << identity.certificates;
  }
}

TEST_F(TlsFilesTest, TheEndOfACertificateIsTold) {
  for (const int seconds : {-60, 3600}) {
    const absl::Time before = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
    ASSERT_OK_AND_ASSIGN(const absl::Time expiry, CheckTlsIdentity(MakeIdentity(seconds), files_));
    EXPECT_GE(expiry, before + absl::Seconds(seconds));
    EXPECT_LE(expiry, absl::Now() + absl::Seconds(seconds));
  }
}

TEST_F(TlsFilesTest, WatcherNeedsFilesThatCanBeUsed) {
  EXPECT_THAT(TlsWatcher::Start(files_), StatusIs(absl::StatusCode::kInvalidArgument));
  TlsIdentity wrong = WithAuthority(MakeIdentity());
  wrong.private_key = MakeIdentity().private_key;
  WriteAll(wrong);
  EXPECT_THAT(TlsWatcher::Start(files_), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(TlsFilesTest, WhatTwoLooksHaveFoundIsTaken) {
  const TlsIdentity first = WithAuthority(MakeIdentity());
  WriteAll(first);
  const std::unique_ptr<TlsWatcher> watcher = Watch();
  const std::shared_ptr<const TlsIdentity> before = watcher->Current();
  EXPECT_EQ(*before, first);
  watcher->Look();
  watcher->Look();
  EXPECT_EQ(watcher->Current(), before);

  const TlsIdentity second = WithAuthority(MakeIdentity());
  WriteAll(second);
  watcher->Look();
  EXPECT_EQ(watcher->Current(), before);
  watcher->Look();
  EXPECT_EQ(*watcher->Current(), second);
  EXPECT_EQ(*before, first);
}

TEST_F(TlsFilesTest, FilesThatAreStillBeingWrittenAreNotEvenRefused) {
  WriteAll(WithAuthority(MakeIdentity()));
  const std::unique_ptr<TlsWatcher> watcher = Watch();
  ::testing::internal::CaptureStderr();
  const TlsIdentity second = WithAuthority(MakeIdentity());
  Write(files_.certificates, second.certificates);
  watcher->Look();
  WriteAll(second);
  watcher->Look();
  watcher->Look();
  EXPECT_EQ(*watcher->Current(), second);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("tls files taken"));
  EXPECT_THAT(log, ::testing::Not(HasSubstr("refused")));
}

TEST_F(TlsFilesTest, WhatCannotBeUsedIsRefusedOnceAndChangesNothing) {
  const TlsIdentity good = WithAuthority(MakeIdentity());
  WriteAll(good);
  const std::unique_ptr<TlsWatcher> watcher = Watch();
  TlsIdentity wrong = good;
  wrong.private_key = MakeIdentity().private_key;
  ::testing::internal::CaptureStderr();
  WriteAll(wrong);
  for (int i = 0; i < 4; ++i) watcher->Look();
  std::filesystem::remove(files_.client_authorities);
  for (int i = 0; i < 4; ++i) watcher->Look();
  EXPECT_EQ(*watcher->Current(), good);
  const std::vector<std::string> lines =
      absl::StrSplit(::testing::internal::GetCapturedStderr(), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], ::testing::AllOf(HasSubstr("warning"), HasSubstr("--tls_key")));
  EXPECT_THAT(lines[1], ::testing::AllOf(HasSubstr("warning"), HasSubstr("--tls_client_ca")));

  const TlsIdentity third = WithAuthority(MakeIdentity());
  WriteAll(third);
  watcher->Look();
  watcher->Look();
  EXPECT_EQ(*watcher->Current(), third);
}

TEST_F(TlsFilesTest, WatcherLooksByItself) {
  WriteAll(WithAuthority(MakeIdentity()));
  ASSERT_OK_AND_ASSIGN(const auto watcher, TlsWatcher::Start(files_, absl::Milliseconds(1)));
  const TlsIdentity second = WithAuthority(MakeIdentity());
  WriteAll(second);
  while (*watcher->Current() != second) std::this_thread::yield();
}

}  // namespace
}  // namespace threadstore
