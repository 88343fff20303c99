#include "server/config.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "threadstored");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

// Sets a variable of the environment for a scope.
class ScopedEnvironment {
 public:
  // No other thread runs.
  ScopedEnvironment(const char* name, const char* value) : name_(name) {
    setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
  }
  ~ScopedEnvironment() { unsetenv(name_); }  // NOLINT(concurrency-mt-unsafe)
  ScopedEnvironment(const ScopedEnvironment&) = delete;
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  const char* const name_;
};

TEST(ConfigTest, DefaultsAreValid) {
  ASSERT_OK_AND_ASSIGN(const CommandLine line, Parse({"serve"}));
  EXPECT_EQ(line.command, CommandLine::Command::kServe);
  EXPECT_EQ(line.config.listen, "127.0.0.1:50051");
  EXPECT_EQ(line.config.sqlite_path(), "threadstore.db");
  EXPECT_THAT(Validate(Config()), IsOk());
}

TEST(ConfigTest, FlagsAreRead) {
  ASSERT_OK_AND_ASSIGN(
      const CommandLine line,
      Parse({"serve", "--listen=[::1]:0", "--store=sqlite:/data/t.db", "--reflection=false",
             "--default_timeout=1m30s", "--write_queue=5", "--request_memory=64MiB",
             "--group_max_threads=6", "--group_max_bytes=3GiB", "--request_id_retention=2h",
             "--change_retention=3h", "--max_changes=4", "--max_watches=5",
             "--allow_network_filesystem"}));
  EXPECT_EQ(line.config.listen, "[::1]:0");
  EXPECT_EQ(line.config.sqlite_path(), "/data/t.db");
  EXPECT_FALSE(line.config.reflection);
  EXPECT_EQ(line.config.default_timeout, absl::Seconds(90));
  EXPECT_EQ(line.config.write_queue, 5U);
  EXPECT_EQ(line.config.request_memory, size_t{64} << 20);
  EXPECT_EQ(line.config.group_max_threads, 6);
  EXPECT_EQ(line.config.group_max_bytes, int64_t{3} << 30);
  EXPECT_EQ(line.config.request_id_retention, absl::Hours(2));
  EXPECT_EQ(line.config.change_retention, absl::Hours(3));
  EXPECT_EQ(line.config.max_changes, 4);
  EXPECT_EQ(line.config.max_watches, 5);
  EXPECT_TRUE(line.config.allow_network_filesystem);
}

TEST(ConfigTest, EnvironmentIsReadAndFlagsWin) {
  const ScopedEnvironment listen("THREADSTORE_LISTEN", "127.0.0.1:1");
  const ScopedEnvironment reflection("THREADSTORE_REFLECTION", "false");
  const ScopedEnvironment timeout("THREADSTORE_DEFAULT_TIMEOUT", "7s");
  const ScopedEnvironment kubernetes("THREADSTORE_PORT", "tcp://10.0.0.1:50051");
  ASSERT_OK_AND_ASSIGN(const CommandLine line, Parse({"serve"}));
  EXPECT_EQ(line.config.listen, "127.0.0.1:1");
  EXPECT_FALSE(line.config.reflection);
  EXPECT_EQ(line.config.default_timeout, absl::Seconds(7));
  ASSERT_OK_AND_ASSIGN(const CommandLine flag, Parse({"serve", "--listen=127.0.0.1:2"}));
  EXPECT_EQ(flag.config.listen, "127.0.0.1:2");
}

TEST(ConfigTest, WrongEnvironmentIsRefused) {
  const ScopedEnvironment queue("THREADSTORE_WRITE_QUEUE", "many");
  EXPECT_THAT(Parse({"serve"}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ConfigTest, WrongFlagsAreNamedInOneLine) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{}, "ubcommand"},
      {{"sevre"}, "sevre"},
      {{"serve", "extra"}, "extra"},
      {{"serve", "--bogus"}, "--bogus"},
      {{"serve", "--listen=nowhere"}, "--listen"},
      {{"serve", "--listen=127.0.0.1:65536"}, "--listen"},
      {{"serve", "--listen=127.0.0.1:-1"}, "--listen"},
      {{"serve", "--listen=:1"}, "--listen"},
      {{"serve", "--listen=::1:1"}, "--listen"},
      {{"serve", "--listen=0.0.0.0:1"}, "--allow_unauthenticated"},
      {{"serve", "--listen=[::]:1"}, "--allow_unauthenticated"},
      {{"serve", "--listen=example.com:1"}, "--allow_unauthenticated"},
      {{"serve", "--listen="}, "--listen"},
      {{"serve", "--http_listen=nowhere"}, "--http_listen"},
      {{"serve", "--http_listen=0.0.0.0:1"}, "--allow_unauthenticated"},
      {{"serve", "--http_cors_origins=*"}, "--http_cors_origins"},
      {{"serve", "--http_cors_origins=https://a,https://b/"}, "'https://b/'"},
      {{"serve", "--http_public_url=example.com"}, "--http_public_url"},
      {{"serve", "--http_public_url=ftp://example.com"}, "--http_public_url"},
      {{"serve", "--http_public_url=https://example.com/?q"}, "--http_public_url"},
      {{"serve", "--trusted_proxies=10.0.0.0/8,proxy"}, "'proxy'"},
      {{"serve", "--http_docs=maybe"}, "--http_docs"},
      {{"serve", "--tls_cert=a"}, "--tls_key"},
      {{"serve", "--tls_key=a"}, "--tls_cert"},
      {{"serve", "--tls_client_ca=a"}, "--tls_client_ca"},
      {{"serve", "--auth=jwt"}, "--auth"},
      {{"serve", "--store=postgresql://x"}, "--store"},
      {{"serve", "--store=sqlite:"}, "--store"},
      {{"serve", "--write_queue=0"}, "--write_queue"},
      {{"serve", "--write_queue=-1"}, "--write_queue"},
      {{"serve", "--read_queue=1e9"}, "--read_queue"},
      {{"serve", "--reader_threads=0"}, "--reader_threads"},
      {{"serve", "--rate_limit=-1"}, "--rate_limit"},
      {{"serve", "--rate_limit=1.5"}, "--rate_limit"},
      {{"serve", "--rate_limit=1000001"}, "--rate_limit"},
      {{"serve", "--rate_limit=1", "--rate_burst=-1"}, "--rate_burst"},
      {{"serve", "--rate_burst=5"}, "--rate_limit"},
      {{"serve", "--request_memory=1"}, "--request_memory"},
      {{"serve", "--default_timeout=30"}, "--default_timeout"},
      {{"serve", "--default_timeout=0s"}, "--default_timeout"},
      {{"serve", "--drain_timeout=-1s"}, "--drain_timeout"},
      {{"serve", "--request_id_retention=inf"}, "--request_id_retention"},
      {{"serve", "--reflection=maybe"}, "--reflection"},
      {{"migrate", "--listen=127.0.0.1:1"}, "--listen"},
  };
  for (const auto& [arguments, named] : cases) {
    EXPECT_THAT(Parse(arguments), StatusIs(absl::StatusCode::kInvalidArgument,
                                           AllOf(HasSubstr(named), Not(HasSubstr("\n")))));
  }
}

TEST(ConfigTest, FlagsOfTheHttpFaceAreRead) {
  ASSERT_OK_AND_ASSIGN(
      const CommandLine line,
      Parse({"serve", "--http_listen=[::1]:0", "--http_cors_origins=https://a,http://b:81",
             "--http_cors_origins=https://c", "--http_public_url=https://a/base", "--http_docs",
             "--trusted_proxies=10.0.0.0/8,::1", "--tls_cert=c.pem", "--tls_key=k.pem",
             "--tls_client_ca=a.pem"}));
  EXPECT_EQ(line.config.http_listen, "[::1]:0");
  EXPECT_THAT(line.config.http_cors_origins, ElementsAre("https://a", "http://b:81", "https://c"));
  EXPECT_EQ(line.config.http_public_url, "https://a/base");
  EXPECT_TRUE(line.config.http_docs);
  EXPECT_THAT(line.config.trusted_proxies, ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_EQ(line.config.tls_cert, "c.pem");
  EXPECT_EQ(line.config.tls_key, "k.pem");
  EXPECT_EQ(line.config.tls_client_ca, "a.pem");
}

TEST(ConfigTest, EmptyValuesTurnOff) {
  ASSERT_OK_AND_ASSIGN(
      const CommandLine flags,
      Parse({"serve", "--http_listen=", "--http_cors_origins=", "--trusted_proxies="}));
  EXPECT_EQ(flags.config.http_listen, "");
  EXPECT_THAT(flags.config.http_cors_origins, IsEmpty());
  EXPECT_THAT(flags.config.trusted_proxies, IsEmpty());

  const ScopedEnvironment off("THREADSTORE_HTTP_LISTEN", "");
  const ScopedEnvironment list("THREADSTORE_HTTP_CORS_ORIGINS", "https://a,https://b");
  ASSERT_OK_AND_ASSIGN(const CommandLine environment, Parse({"serve"}));
  EXPECT_EQ(environment.config.http_listen, "");
  EXPECT_THAT(environment.config.http_cors_origins, ElementsAre("https://a", "https://b"));
  ASSERT_OK_AND_ASSIGN(const CommandLine flag, Parse({"serve", "--http_listen=127.0.0.1:1"}));
  EXPECT_EQ(flag.config.http_listen, "127.0.0.1:1");
}

TEST(ConfigTest, UnauthenticatedServiceIsPossibleOnPurpose) {
  EXPECT_THAT(Parse({"serve", "--listen=0.0.0.0:1", "--allow_unauthenticated"}), IsOk());
  for (const char* loopback :
       {"--listen=127.9.9.9:1", "--listen=localhost:1", "--listen=[::1]:1"}) {
    EXPECT_THAT(Parse({"serve", loopback}), IsOk()) << loopback;
  }
}

TEST(ConfigTest, TheBurstFollowsTheRate) {
  const std::pair<std::vector<const char*>, int> cases[] = {
      {{"serve", "--rate_limit=5"}, 20},
      {{"serve", "--rate_limit=100"}, 100},
      {{"serve", "--rate_limit=100", "--rate_burst=7"}, 7},
  };
  for (const auto& [arguments, burst] : cases) {
    ASSERT_OK_AND_ASSIGN(const CommandLine line, Parse(arguments));
    EXPECT_EQ(line.config.effective_rate_burst(), burst);
  }
}

TEST(ConfigTest, HelpNamesEveryFlagWithItsDefault) {
  ASSERT_OK_AND_ASSIGN(const CommandLine line, Parse({"serve", "--help"}));
  EXPECT_EQ(line.command, CommandLine::Command::kPrint);
  for (const char* text : {"--listen", "127.0.0.1:50051", "--store", "sqlite:threadstore.db",
                           "--reflection", "true", "--default_timeout", "30s", "--drain_timeout",
                           "20s", "--write_queue", "8192", "--request_memory", "67108864"}) {
    EXPECT_THAT(line.output, HasSubstr(text));
  }
}

TEST(ConfigTest, OtherCommands) {
  ASSERT_OK_AND_ASSIGN(const CommandLine migrate, Parse({"migrate", "--store=sqlite:x.db"}));
  EXPECT_EQ(migrate.command, CommandLine::Command::kMigrate);
  for (const char* argument : {"version", "--version"}) {
    ASSERT_OK_AND_ASSIGN(const CommandLine version, Parse({argument}));
    EXPECT_THAT(version.output, HasSubstr("threadstored "));
  }
}

}  // namespace
}  // namespace threadstore
