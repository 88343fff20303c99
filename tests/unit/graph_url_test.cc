// Graph's URLs and query options, and the routes that they lead to.

#include "server/http/graph_url.h"

#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/http/query_options.h"
#include "server/http/routes.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Segments = std::vector<std::string>;

Segments SegmentsOf(absl::string_view target) {
  const absl::StatusOr<GraphUrl> url = ParseGraphUrl(target);
  EXPECT_THAT(url, IsOk()) << target;
  return url.ok() ? url->segments : Segments();
}

TEST(GraphUrlTest, SplitsPathsAndDecodesTheirSegments) {
  const struct {
    absl::string_view target;
    std::string version;
    Segments segments;
  } cases[] = {
      {"/", "", {}},
      {"/v1.0/groups/G/threads", "v1.0", {"groups", "G", "threads"}},
      {"/beta/groups/G", "beta", {"groups", "G"}},
      {"/localtest/groups/G/", "localtest", {"groups", "G"}},
      {"/groups/v1.0", "", {"groups", "v1.0"}},
      {"/v2.0/groups", "", {"v2.0", "groups"}},
      {"/users/ann%40example.com/joinedGroups", "", {"users", "ann@example.com", "joinedGroups"}},
      {"/users/a%2Fb+c", "", {"users", "a/b+c"}},
      {"/v1.0/groups('G')/threads('T')", "v1.0", {"groups", "G", "threads", "T"}},
      {"/v1.0/users('it''s')", "v1.0", {"users", "it's"}},
      {"/v1.0/users(%27ann%27)", "v1.0", {"users", "ann"}},
      {"/v1.0/groups/G/threads/delta()", "v1.0", {"groups", "G", "threads", "delta()"}},
      // Graph's JavaScript client, when a link is not https.
      {"/v1.0/http://127.0.0.1:80/beta/groups/G/threads?$top=1",
       "beta",
       {"groups", "G", "threads"}},
      {"/v1.0/https:/host/v1.0/groups", "v1.0", {"groups"}},
  };
  for (const auto& test : cases) {
    const absl::StatusOr<GraphUrl> url = ParseGraphUrl(test.target);
    ASSERT_THAT(url, IsOk()) << test.target;
    EXPECT_EQ(url->version, test.version) << test.target;
    EXPECT_EQ(url->segments, test.segments) << test.target;
  }
}

TEST(GraphUrlTest, DecodesQueriesInTheirOrder) {
  const absl::StatusOr<GraphUrl> url =
      ParseGraphUrl("/groups?%24filter=a+eq+'b%2Bc'&top=5&empty=&flag&x=1=2");
  ASSERT_THAT(url, IsOk());
  EXPECT_THAT(url->query, ElementsAre(Pair("$filter", "a eq 'b+c'"), Pair("top", "5"),
                                      Pair("empty", ""), Pair("flag", ""), Pair("x", "1=2")));
}

TEST(GraphUrlTest, RefusesWhatIsNoText) {
  for (const absl::string_view target :
       {"/groups/%", "/groups/%4", "/groups/%zz", "/groups/%00", "/groups/%ff", "/groups//threads",
        "/groups?a=%c3%28", "/groups?%=1"}) {
    EXPECT_THAT(ParseGraphUrl(target), StatusIs(absl::StatusCode::kInvalidArgument)) << target;
  }
}

TEST(GraphUrlTest, EncodesWhatItDecodes) {
  const std::string text = "a b/c+d%e'f&g=h?\xC3\xA9~._-";
  const absl::StatusOr<std::string> decoded = PercentDecode(PercentEncode(text));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, text);
}

absl::StatusOr<QueryOptions> OptionsOf(absl::string_view query) {
  const absl::StatusOr<GraphUrl> url = ParseGraphUrl(absl::StrCat("/groups?", query));
  if (!url.ok()) return url.status();
  return ParseQueryOptions(url->query);
}

TEST(QueryOptionsTest, TakesNamesWithAndWithoutDollarInAnyCase) {
  const absl::StatusOr<QueryOptions> options = OptionsOf(
      "$select=id,topic&%24TOP=7&Skip=3&$count=TRUE&orderby=topic&$format=json&session=9");
  ASSERT_THAT(options, IsOk());
  EXPECT_THAT(options->select, ElementsAre("id", "topic"));
  EXPECT_EQ(options->top, 7);
  EXPECT_EQ(options->skip, 3);
  EXPECT_TRUE(options->count);
  EXPECT_EQ(options->order_by, "topic");
}

TEST(QueryOptionsTest, ReadsNestedExpansions) {
  const absl::StatusOr<QueryOptions> options = OptionsOf(
      "$expand=posts($select=id,body;$expand=attachments,extensions($filter=id eq 'a,b)c'))");
  ASSERT_THAT(options, IsOk());
  ASSERT_EQ(options->expand.size(), 1U);
  const QueryOptions::Expansion& posts = options->expand.front();
  EXPECT_EQ(posts.relation, "posts");
  EXPECT_THAT(posts.select, ElementsAre("id", "body"));
  ASSERT_EQ(posts.expand.size(), 2U);
  EXPECT_EQ(posts.expand[0].relation, "attachments");
  EXPECT_EQ(posts.expand[1].filter, "id eq 'a,b)c'");
}

TEST(QueryOptionsTest, NamesWhatItDoesNotTake) {
  const std::pair<absl::string_view, absl::string_view> cases[] = {
      {"$apply=x", "'$apply' is not supported"},
      {"$top=1&top=2", "$top must be given once"},
      {"$top=0", "$top must be a whole number of at least 1"},
      {"$top=-1", "$top must be a whole number"},
      {"$top=1.5", "$top must be a whole number"},
      {"$top=99999999999", "$top must be a whole number"},
      {"$skip=10001", "$skip must be at most 10000"},
      {"$count=yes", "$count must be true or false"},
      {"$format=xml", "$format must be json"},
      {"$select=id,,topic", "$select has an empty item"},
      {"$expand=posts(", "$expand ends within parentheses"},
      {"$expand=posts)", "$expand has a ) too many"},
      {"$expand=posts($top=3)", "does not take '$top' inside"},
      {"$expand=a($expand=b($expand=c($expand=d)))", "more than 3 levels deep"},
      {"$search=", "$search must not be empty"},
      {"$filter=", "$filter must not be empty"},
      {"$orderby=+", "$orderby must not be empty"},
  };
  for (const auto& [query, message] : cases) {
    EXPECT_THAT(OptionsOf(query),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(message))))
        << query;
  }
}

TEST(QueryOptionsTest, KeepsTheOtherOptionsInLinks) {
  const std::vector<std::pair<std::string, std::string>> query = {
      {"$filter", "topic eq 'a&b'"}, {"SkipToken", "old"}, {"$skip", "4"}, {"x", "y z"}};
  EXPECT_EQ(ReplaceQueryOptions(query, {"skip", "skiptoken"}, "$skiptoken", "n=w"),
            "$filter=topic%20eq%20'a%26b'&x=y%20z&$skiptoken=n%3Dw");
  EXPECT_EQ(WithoutQueryOptions(query, {"filter", "skip", "skiptoken", "x"}), "");
}

class RoutesTest : public ::testing::Test {
 protected:
  // The RPC and the value of its field, or the methods that are allowed.
  std::string Find(absl::string_view method, absl::string_view path) {
    const auto found = routes_.Find(method, SegmentsOf(path));
    if (const auto* none = std::get_if<NoRoute>(&found)) {
      return absl::StrCat("only ", absl::StrJoin(none->allowed, ","));
    }
    const auto& match = std::get<RouteMatch>(found);
    return absl::StrCat(match.route->rpc->name(), " ",
                        match.is_malformed ? "(malformed)" : match.value);
  }

  const Routes routes_;
};

TEST_F(RoutesTest, LeadToTheRpcsOfTheAnnotations) {
  EXPECT_EQ(Find("POST", "/v1.0/groups/G/threads"), "CreateThread groups/G");
  EXPECT_EQ(Find("POST", "/me/joinedGroups/G/threads"), "CreateThread me/joinedGroups/G");
  EXPECT_EQ(Find("POST", "/me/joinedGroups/G/conversations/C/threads"),
            "CreateThread me/joinedGroups/G/conversations/C");
  EXPECT_EQ(Find("GET", "/groups/G/threads/T"), "GetThread groups/G/threads/T");
  EXPECT_EQ(Find("PATCH", "/groups('G')/threads('T')"), "UpdateThread groups/G/threads/T");
  EXPECT_EQ(Find("POST", "/groups/G/threads/T/reply"), "ReplyToThread groups/G/threads/T");
  EXPECT_EQ(Find("POST", "/groups/G/threads/T/microsoft.graph.reply"),
            "ReplyToThread groups/G/threads/T");
  EXPECT_EQ(Find("GET", "/groups"), "ListGroups ");
}

TEST_F(RoutesTest, TakeALiteralSegmentBeforeAnId) {
  EXPECT_EQ(Find("GET", "/groups/G/threads/delta"), "ListThreadChanges groups/G");
  EXPECT_EQ(Find("GET", "/groups/G/threads/delta()"), "ListThreadChanges groups/G");
  EXPECT_EQ(Find("GET", "/groups/G/threads/microsoft.graph.delta()"), "ListThreadChanges groups/G");
  EXPECT_EQ(Find("DELETE", "/groups/G/threads/delta"), "only GET");
  EXPECT_EQ(Find("DELETE", "/groups/G/acceptedSenders/$ref"), "only POST");
  EXPECT_EQ(Find("GET", "/groups/G/threads/T/posts/P/extensions/microsoft.graph.x"),
            "GetExtension groups/G/threads/T/posts/P/extensions/microsoft.graph.x");
}

TEST_F(RoutesTest, TakeNoIdForAPath) {
  EXPECT_EQ(Find("GET", "/groups/G%2Fthreads"), "GetGroup (malformed)");
  EXPECT_EQ(Find("GET", "/groups/G/threads/a%2Fb"), "GetThread (malformed)");
}

TEST_F(RoutesTest, TellAnUnknownPathFromAMethodThatIsNotAllowed) {
  EXPECT_EQ(Find("PUT", "/groups/G/threads"), "only GET,POST");
  EXPECT_EQ(Find("POST", "/groups/G/threads/T/posts"), "only GET");
  EXPECT_EQ(Find("GET", "/nothing"), "only ");
  EXPECT_EQ(Find("GET", "/"), "only ");
  EXPECT_EQ(Find("GET", "/groups/G/threads/T/posts/P/attachments/A/more"), "only ");
}

TEST_F(RoutesTest, ReachEveryUnaryRpc) {
  std::set<std::string> reached;
  for (const auto& route : routes_.all()) reached.insert(route->rpc->full_name());
  for (const auto& route : routes_.all()) {
    const auto& service = *route->rpc->service();
    for (int i = 0; i < service.method_count(); ++i) {
      const auto& rpc = *service.method(i);
      if (rpc.server_streaming() || rpc.client_streaming()) continue;
      EXPECT_EQ(reached.count(rpc.full_name()), 1U) << rpc.full_name();
    }
  }
}

}  // namespace
}  // namespace threadstore::testing
