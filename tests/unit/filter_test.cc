// Filters: how they are read, what is refused and how it is said, and what they mean.

#include "server/domain/filter.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/domain/timestamp.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"
#include "threadstore/v1/conversation_thread.pb.h"

namespace threadstore::testing {
namespace {

using ::testing::HasSubstr;

using Kind = FilterNode::Kind;
using Value = FilterNode::Value;

constexpr char kId[] = "01890a5d-ac96-774b-bcce-b302099a8057";

// --- Trees as text

std::string Describe(const Value& value) {
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  if (const auto* time = std::get_if<int64_t>(&value)) return absl::StrCat(*time);
  if (const auto* text = std::get_if<std::string>(&value)) return absl::StrCat("'", *text, "'");
  return "null";
}

std::string Describe(const FilterNode& node, const std::vector<FilterField>& fields) {
  constexpr const char* kComparisons[] = {" = ", " != ", " < ", " <= ", " > ", " >= "};
  const std::string field =
      node.field == FilterNode::kElement ? "element" : fields[static_cast<size_t>(node.field)].path;
  std::vector<std::string> values;
  for (const Value& value : node.values) values.push_back(Describe(value));
  std::vector<std::string> children;
  for (const FilterNode& child : node.children) children.push_back(Describe(child, fields));
  switch (node.kind) {
    case Kind::kAnd:
      return absl::StrCat("(", absl::StrJoin(children, " & "), ")");
    case Kind::kOr:
      return absl::StrCat("(", absl::StrJoin(children, " | "), ")");
    case Kind::kNot:
      return absl::StrCat("!", children[0]);
    case Kind::kCompare:
      return absl::StrCat(field, kComparisons[static_cast<int>(node.comparison)], values[0]);
    case Kind::kIn:
      return absl::StrCat(field, " in [", absl::StrJoin(values, ", "), "]");
    case Kind::kContains:
      return absl::StrCat(field, " contains ", values[0]);
    case Kind::kStartsWith:
      return absl::StrCat(field, " starts with ", values[0]);
    case Kind::kEndsWith:
      return absl::StrCat(field, " ends with ", values[0]);
    case Kind::kAny:
      return absl::StrCat("any ", field, "[", absl::StrJoin(children, ""), "]");
    case Kind::kConstant:
      return values[0];
  }
  return "?";
}

std::string Read(absl::string_view filter,
                 const std::vector<FilterField>& fields = ThreadFilterFields()) {
  const absl::StatusOr<FilterNode> node = ParseFilter(filter, fields);
  return node.ok() ? Describe(*node, fields) : std::string(node.status().message());
}

std::string ReadOfPost(absl::string_view filter) { return Read(filter, PostFilterFields()); }

std::string Repeat(absl::string_view text, int count) {
  std::string repeated;
  for (int i = 0; i < count; ++i) absl::StrAppend(&repeated, text);
  return repeated;
}

// --- What is read

struct Case {
  std::string filter;
  std::string expected;
};

void ExpectAll(const std::vector<Case>& cases) {
  for (const auto& [filter, expected] : cases) EXPECT_EQ(Read(filter), expected) << filter;
}

TEST(ParseFilterTest, ReadsComparisons) {
  ExpectAll({
      {"topic eq 'x'", "topic = 'x'"},
      {"topic ne 'x'", "topic != 'x'"},
      {"topic gt 'x'", "topic > 'x'"},
      {"topic ge 'x'", "topic >= 'x'"},
      {"topic lt 'x'", "topic < 'x'"},
      {"topic le 'x'", "topic <= 'x'"},
      {"topic EQ 'x'", "topic = 'x'"},
      {"topic eq null", "topic = null"},
      {"topic NE NULL", "topic != null"},
      {"is_locked eq true", "is_locked = true"},
      {"is_locked ne False", "is_locked != false"},
      {"  topic\teq\n'x'  ", "topic = 'x'"},
      {"topic eq'x'", "topic = 'x'"},
  });
}

TEST(ParseFilterTest, TurnsComparisonsAround) {
  ExpectAll({
      {"'x' eq topic", "topic = 'x'"},
      {"'x' ne topic", "topic != 'x'"},
      {"'x' gt topic", "topic < 'x'"},
      {"'x' ge topic", "topic <= 'x'"},
      {"'x' lt topic", "topic > 'x'"},
      {"'x' le topic", "topic >= 'x'"},
      {"null eq topic", "topic = null"},
      {"true ne isLocked", "is_locked != true"},
  });
}

TEST(ParseFilterTest, TakesNamesHereAndInGraph) {
  ExpectAll({
      {"isLocked eq true", "is_locked = true"},
      {"hasAttachments and has_attachments", "(has_attachments = true & has_attachments = true)"},
      {"lastDeliveredDateTime lt 1970-01-01T00:00:01Z", "last_delivered_date_time < 1000000"},
  });
  for (const char* name : {"sender.email_address.name", "sender/email_address/name",
                           "sender/emailAddress/name", "sender.emailAddress.name"}) {
    EXPECT_EQ(ReadOfPost(absl::StrCat(name, " eq 'Ann'")), "sender.email_address.name = 'Ann'");
  }
  EXPECT_EQ(ReadOfPost("body/contentType in ('html')"), "body.content_type in ['html']");
}

TEST(ParseFilterTest, EveryFieldCanBeNamedInBothWays) {
  for (const auto* fields :
       {&ThreadFilterFields(), &ConversationFilterFields(), &PostFilterFields()}) {
    for (const FilterField& field : *fields) {
      const bool is_list = field.type == FilterField::Type::kTextList;
      std::string graph;
      for (size_t i = 0; i < field.path.size(); ++i) {
        if (field.path[i] == '.') {
          graph += '/';
        } else if (field.path[i] == '_') {
          graph += absl::ascii_toupper(static_cast<unsigned char>(field.path[++i]));
        } else {
          graph += field.path[i];
        }
      }
      for (const std::string& name : {field.path, graph}) {
        EXPECT_EQ(Read(absl::StrCat(name, is_list ? "/any()" : " ne null"), *fields),
                  is_list ? absl::StrCat("any ", field.path, "[]")
                          : absl::StrCat(field.path, " != null"));
      }
    }
  }
}

TEST(ParseFilterTest, OrBindsLeastThenAndThenNot) {
  ExpectAll({
      {"isLocked or isLocked and isLocked",
       "(is_locked = true | (is_locked = true & is_locked = true))"},
      {"isLocked and isLocked or isLocked",
       "((is_locked = true & is_locked = true) | is_locked = true)"},
      {"isLocked and (isLocked or isLocked)",
       "(is_locked = true & (is_locked = true | is_locked = true))"},
      {"not isLocked and isLocked", "(!is_locked = true & is_locked = true)"},
      {"not topic eq 'x' or isLocked", "(!topic = 'x' | is_locked = true)"},
      {"not(isLocked or isLocked)", "!(is_locked = true | is_locked = true)"},
      {"NOT not isLocked", "!!is_locked = true"},
      {"topic eq 'a' or topic eq 'b' or topic eq 'c'",
       "((topic = 'a' | topic = 'b') | topic = 'c')"},
      {"isLocked And true OR not false", "((is_locked = true & true) | !false)"},
      {"((topic eq 'a'))", "topic = 'a'"},
  });
}

TEST(ParseFilterTest, ReadsText) {
  ExpectAll({
      {"topic eq ''", "topic = ''"},
      {"topic eq ''''", "topic = '''"},
      {"topic eq 'it''s'", "topic = 'it's'"},
      {"topic eq '''a''''b'''", "topic = ''a''b''"},
      {"topic eq 'a and b) \" \\ % 😀'", "topic = 'a and b) \" \\ % 😀'"},
  });
}

TEST(ParseFilterTest, ReadsTimes) {
  const auto created = [](absl::string_view time) {
    return Read(absl::StrCat("createdDateTime eq ", time));
  };
  const auto micros = [](int64_t value) { return absl::StrCat("created_date_time = ", value); };
  EXPECT_EQ(created("2026-01-31T12:00:00Z"), micros(1769860800000000));
  EXPECT_EQ(created("2026-01-31T12:00Z"), micros(1769860800000000));
  EXPECT_EQ(created("2026-01-31t12:00:00z"), micros(1769860800000000));
  EXPECT_EQ(created("2026-01-31T12:00:00.5Z"), micros(1769860800500000));
  EXPECT_EQ(created("2026-01-31T12:00:00.123456Z"), micros(1769860800123456));
  EXPECT_EQ(created("2026-01-31T12:00:00.123456999999Z"), micros(1769860800123456)) << "is cut";
  EXPECT_EQ(created("2026-01-31T13:30:00+01:30"), micros(1769860800000000));
  EXPECT_EQ(created("2026-01-30T22:00:00-14:00"), micros(1769860800000000));
  EXPECT_EQ(created("1969-12-31T23:59:59.9999999Z"), micros(-1)) << "cut towards the past";
  EXPECT_EQ(created("2024-02-29T00:00:00Z"), micros(1709164800000000));
  EXPECT_EQ(created("0001-01-01T00:00:00Z"), micros(-62135596800000000));
  EXPECT_EQ(created("9999-12-31T23:59:59.9999999Z"), micros(253402300799999999));
  EXPECT_EQ(Read("created_date_time in (1970-01-01T00:00:00Z,1970-01-01T00:00:01Z)"),
            "created_date_time in [0, 1000000]");
  EXPECT_EQ(Read("1970-01-01T00:00:00Z le createdDateTime"), "created_date_time >= 0");

  constexpr char kExpected[] = "expected a time such as 2026-01-31T12:00:00Z";
  for (const char* text :
       {"2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12Z", "26-01-31T12:00:00Z",
        "2026-1-31T12:00:00Z", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00.1234567890123Z",
        "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00Z1", "2026-01-31T12:00:00+01:00Z", "-2026-01-31T12:00:00Z", "5", "-5",
        "20260-01-31T12:00:00Z", "2026-01-31T12:00.5Z"}) {
    EXPECT_EQ(created(text), absl::StrCat("at character 20, ", text, ": ", kExpected));
  }
  for (const char* text : {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
                           "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
                           "2026-01-01T23:60:00Z", "2026-01-01T23:59:60Z"}) {
    EXPECT_EQ(created(text),
              absl::StrCat("at character 20, ", text, ": there is no such date or time of day"));
  }
  for (const char* text :
       {"0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"}) {
    EXPECT_EQ(created(text), absl::StrCat("at character 20, ", text,
                                          ": the time is outside the years 0001 to 9999 in UTC"));
  }
}

TEST(ParseFilterTest, ReadsIds) {
  const std::string upper = "01890A5D-AC96-774B-BCCE-B302099A8057";
  const std::string id = kId;
  ExpectAll({
      {absl::StrCat("id eq '", upper, "'"), absl::StrCat("id = '", id, "'")},
      {absl::StrCat("id eq ", upper), absl::StrCat("id = '", id, "'")},
      {absl::StrCat(id, " ne id"), absl::StrCat("id != '", id, "'")},
      {"conversationId eq abcdef01-ac96-774b-bcce-b302099a8057",
       "conversation_id = 'abcdef01-ac96-774b-bcce-b302099a8057'"},
      {absl::StrCat("id in (", id, ",'x',", upper, ")"),
       absl::StrCat("id in ['", id, "', 'x', '", id, "']")},
      {"id eq null", "id = null"},
  });
}

TEST(ParseFilterTest, ReadsIn) {
  ExpectAll({
      {"topic in ('a')", "topic in ['a']"},
      {"topic IN('a' , 'b','')", "topic in ['a', 'b', '']"},
      {"not topic in ('a') and isLocked in (true, false)",
       "(!topic in ['a'] & is_locked in [true, false])"},
  });
}

TEST(ParseFilterTest, ReadsFunctions) {
  ExpectAll({
      {"contains(topic,'x')", "topic contains 'x'"},
      {"startswith( topic , 'it''s' )", "topic starts with 'it's'"},
      {"EndsWith(preview, '') or isLocked", "(preview ends with '' | is_locked = true)"},
      {"not contains(topic,'x')", "!topic contains 'x'"},
  });
}

TEST(ParseFilterTest, ReadsAny) {
  ExpectAll({
      {"uniqueSenders/any()", "any unique_senders[]"},
      {"unique_senders/any(s:s eq 'Ann')", "any unique_senders[element = 'Ann']"},
      {"uniqueSenders/Any( s : 'Ann' eq s )", "any unique_senders[element = 'Ann']"},
      {"unique_senders.any(topic:topic eq 'Ann') and topic eq 'x'",
       "(any unique_senders[element = 'Ann'] & topic = 'x')"},
      {"uniqueSenders/any(s:contains(s,'a') and not (s in ('Ann','Bob') or s lt 'A'))",
       "any unique_senders[(element contains 'a' & !(element in ['Ann', 'Bob'] | element < 'A'))]"},
      {"not uniqueSenders/any(s:s eq null)", "!any unique_senders[element = null]"},
      {"uniqueSenders/any(a:a eq 'x') or uniqueSenders/any(b:b eq 'y')",
       "(any unique_senders[element = 'x'] | any unique_senders[element = 'y'])"},
  });
}

// --- What is refused

constexpr char kFields[] =
    "there is no such field; there are id, topic, has_attachments, last_delivered_date_time, "
    "unique_senders, preview, is_locked, conversation_id, created_date_time, "
    "last_modified_date_time";
constexpr char kOperators[] = "the operators are eq, ne, gt, ge, lt, le, in, and, or, not";
constexpr char kFunctions[] =
    "there is no such function; there are contains, startswith, endswith, and any of a list";
constexpr char kTopic[] = "topic is text, to be compared with text in single quotes";
constexpr char kLocked[] = "is_locked is true or false, to be compared by eq, ne or in";
constexpr char kIdUse[] = "id is an id, to be compared by eq, ne or in";
constexpr char kCreated[] =
    "created_date_time is a time, to be compared with one such as 2026-01-31T12:00:00Z, without "
    "quotes";
constexpr char kSenders[] =
    "unique_senders is a list, to be asked as in unique_senders/any(e:e eq 'text')";
constexpr char kCondition[] = "expected a comparison, a function, not or (";

struct Refusal {
  std::string filter;
  int position;
  std::string token;
  std::string rule;
};

void ExpectRefused(const std::vector<Refusal>& refusals) {
  for (const auto& [filter, position, token, rule] : refusals) {
    const absl::StatusOr<FilterNode> node = ParseFilter(filter, ThreadFilterFields());
    EXPECT_THAT(node, StatusIs(absl::StatusCode::kInvalidArgument,
                               absl::StrCat("at character ", position, ", ", token, ": ", rule)))
        << filter;
  }
}

TEST(ParseFilterTest, RefusesWhatIsIncomplete) {
  ExpectRefused({
      {"", 1, "the end", kCondition},
      {"  ", 3, "the end", kCondition},
      {"topic", 1, "topic", kTopic},
      {"topic eq", 9, "the end", "expected a value to compare with"},
      {"'x'", 1, "'x'", "expected a comparison with a field"},
      {"'x' eq", 7, "the end", "expected a field to compare with"},
      {"isLocked and", 13, "the end", kCondition},
      {"not", 4, "the end", kCondition},
      {"(isLocked", 10, "the end", "expected ) or an operator"},
      {"()", 2, ")", kCondition},
      {"topic in", 9, "the end", "expected ( and values, as in ('a', 'b')"},
      {"topic in 'a'", 10, "'a'", "expected ( and values, as in ('a', 'b')"},
      {"topic in ()", 11, ")", "expected a value"},
      {"topic in ('a',)", 15, ")", "expected a value"},
      {"topic in ('a' 'b')", 15, "'b'", "expected , or )"},
      {"topic in ('a'", 14, "the end", "expected , or )"},
      {"contains(", 10, "the end", "expected a field of text"},
      {"contains(topic", 15, "the end", "expected , and text in single quotes"},
      {"contains(topic,", 16, "the end", "expected text in single quotes"},
      {"contains(topic,'x'", 19, "the end", "expected )"},
      {"topic eq 'x", 10, "'x", "the closing quote is missing"},
      {"topic eq '\\''\n", 10, "'\\\\''\\n", "the closing quote is missing"},
      {"topic eq 'x''", 10, "'x''", "the closing quote is missing"},
  });
}

TEST(ParseFilterTest, RefusesWhatIsTooMuch) {
  ExpectRefused({
      {"isLocked)", 9, ")", "there is no ( that it closes"},
      {"isLocked 'x'", 10, "'x'", "expected an operator"},
      {"topic eq 'x' 'y'", 14, "'y'", "expected an operator"},
      {"topic eq 'x' eq 'y'", 14, "eq", kOperators},
      {"(isLocked,true)", 10, ",", "expected ) or an operator"},
      {"contains(topic,'x','y')", 19, ",", "expected )"},
  });
}

TEST(ParseFilterTest, RefusesUnknownNames) {
  ExpectRefused({
      {"foo eq 'x'", 1, "foo", kFields},
      {"Topic eq 'x'", 1, "Topic", kFields},
      {"'x' eq foo", 8, "foo", kFields},
      {"$it/topic eq 'x'", 1, "$it/topic", kFields},
      {"posts/any()", 1, "posts", kFields},
      {"unique_senders/name eq 'x'", 1, "unique_senders/name", kFields},
      {"topic has 'x'", 7, "has", kOperators},
      {"topic like 'x'", 7, "like", kOperators},
      {"isLocked xor isLocked", 10, "xor", kOperators},
      {"topic eq 'x' && isLocked", 14, "&", kOperators},
      {"topic = 'x'", 7, "=", kOperators},
      {"created_date_time add 5", 19, "add", kOperators},
      {"tolower(topic) eq 'x'", 1, "tolower", kFunctions},
      {"any()", 1, "any", kFunctions},
      {"uniqueSenders/all(s:s eq 'x')", 1, "uniqueSenders/all", kFunctions},
      {"topic eq \"x\"", 10, "\"", "text stands in single quotes"},
      {"topic eq 'x';", 13, ";", "this has no meaning in a filter"},
      {"topic eq é", 10, "é", "this has no meaning in a filter"},
      {"topic eq 'é😀' foo", 15, "foo", kOperators},
  });
}

TEST(ParseFilterTest, RefusesWrongTypes) {
  const std::string id = kId;
  ExpectRefused({
      {"topic eq 5", 10, "5", kTopic},
      {"topic eq true", 10, "true", kTopic},
      {"topic eq 2026-01-31T12:00:00Z", 10, "2026-01-31T12:00:00Z", kTopic},
      {"topic eq " + id, 10, id, kTopic},
      {"topic eq preview", 10, "preview", "expected a value to compare with"},
      {"topic in ('a',5)", 15, "5", kTopic},
      {"topic in ('a',null)", 15, "null", "null is compared by eq or ne"},
      {"topic gt null", 10, "null", "null is compared by eq or ne"},
      {"topic and isLocked", 1, "topic", kTopic},
      {"not topic", 5, "topic", kTopic},
      {"isLocked eq 'true'", 13, "'true'", kLocked},
      {"isLocked gt false", 10, "gt", kLocked},
      {"true le isLocked", 6, "le", kLocked},
      {"createdDateTime gt '2026-01-31T12:00:00Z'", 20, "'2026-01-31T12:00:00Z'", kCreated},
      {"createdDateTime", 1, "createdDateTime", kCreated},
      {"id lt '" + id + "'", 4, "lt", kIdUse},
      {"id eq 5", 7, "5", kIdUse},
      {"id eq " + id + "0", 7, id + "0", kIdUse},
      {"contains(id,'x')", 10, "id", "expected a field of text"},
      {"contains(isLocked,'x')", 10, "isLocked", "expected a field of text"},
      {"contains(uniqueSenders,'x')", 10, "uniqueSenders", "expected a field of text"},
      {"contains('x',topic)", 10, "'x'", "expected a field of text"},
      {"contains(topic,5)", 16, "5", "expected text in single quotes"},
      {"contains(topic,null)", 16, "null", "expected text in single quotes"},
      {"contains(topic,'x') eq true", 21, "eq", kOperators},
      {"5 eq 5", 6, "5", "expected a field to compare with"},
      {"null", 1, "null", "expected a comparison with a field"},
      {"null eq null", 9, "null", "expected a field to compare with"},
  });
}

TEST(ParseFilterTest, RefusesWrongUsesOfLists) {
  constexpr char kVariable[] = "expected a name and a colon, as in any(e:e eq 'text')";
  ExpectRefused({
      {"uniqueSenders eq 'x'", 15, "eq", kSenders},
      {"uniqueSenders eq null", 15, "eq", kSenders},
      {"uniqueSenders in ('x')", 15, "in", kSenders},
      {"uniqueSenders", 1, "uniqueSenders", kSenders},
      {"topic/any()", 1, "topic", kTopic},
      {"uniqueSenders/any", 1, "uniqueSenders/any", kFields},
      {"uniqueSenders/any(", 19, "the end", kVariable},
      {"uniqueSenders/any(s)", 19, "s", kVariable},
      {"uniqueSenders/any('s':s eq 'x')", 19, "'s'", kVariable},
      {"uniqueSenders/any(a.b:a.b eq 'x')", 19, "a.b", kVariable},
      {"uniqueSenders/any(s:)", 21, ")", kCondition},
      {"uniqueSenders/any(s:s eq 'x'", 29, "the end", "expected ) or an operator"},
      {"uniqueSenders/any(s:s)", 21, "s", "s is text, to be compared with text in single quotes"},
      {"uniqueSenders/any(s:S eq 'x')", 21, "S", "within any there is only s"},
      {"uniqueSenders/any(s:isLocked)", 21, "isLocked", "within any there is only s"},
      {"uniqueSenders/any(s:s/x eq 'x')", 21, "s/x", "within any there is only s"},
      {"uniqueSenders/any(s:uniqueSenders/any(t:t eq 'x'))", 21, "uniqueSenders/any",
       "there is no any within any"},
      {"uniqueSenders/any(s:s eq 'x') and s eq 'x'", 35, "s", kFields},
  });
}

TEST(ParseFilterTest, RefusesWhatIsNoText) {
  const auto refuses = [](absl::string_view filter, const std::string& message) {
    EXPECT_THAT(ParseFilter(filter, ThreadFilterFields()),
                StatusIs(absl::StatusCode::kInvalidArgument, message));
  };
  refuses(absl::string_view("topic eq '\0'", 12), "must not contain U+0000");
  refuses("topic eq '\xFF'", "must be valid UTF-8");
  refuses("topic eq '\xC3'", "must be valid UTF-8");
}

TEST(ParseFilterTest, ErrorsAreShortWhateverTheToken) {
  const std::string message = Read(absl::StrCat("topic eq ", Repeat("9", 4000)));
  EXPECT_THAT(message, HasSubstr("at character 10, 9999"));
  EXPECT_LT(message.size(), 200U);
  EXPECT_LT(ReadOfPost(Repeat("x", 4000)).size(), kMaxErrorMessageBytes);
}

// --- Limits

TEST(ParseFilterTest, BoundsBytes) {
  const std::string longest =
      absl::StrCat("topic eq '", Repeat("x", static_cast<int>(kMaxFilterBytes) - 11), "'");
  ASSERT_EQ(longest.size(), kMaxFilterBytes);
  EXPECT_THAT(ParseFilter(longest, ThreadFilterFields()), IsOk());
  EXPECT_EQ(Read(longest + " "), "must have at most 4096 bytes");
}

TEST(ParseFilterTest, BoundsNesting) {
  const auto nested = [](absl::string_view opening, absl::string_view closing, int depth) {
    return Read(absl::StrCat(Repeat(opening, depth), "isLocked", Repeat(closing, depth)));
  };
  EXPECT_EQ(nested("(", ")", kMaxFilterDepth), "is_locked = true");
  EXPECT_EQ(nested("(", ")", kMaxFilterDepth + 1),
            "at character 33, (: at most 32 levels of nesting");
  EXPECT_EQ(nested("(", ")", 2000), "at character 33, (: at most 32 levels of nesting");
  EXPECT_EQ(nested("not ", "", kMaxFilterDepth), Repeat("!", kMaxFilterDepth) + "is_locked = true");
  EXPECT_EQ(nested("not ", "", 1000), "at character 129, not: at most 32 levels of nesting");
  EXPECT_EQ(nested("not (", ")", kMaxFilterDepth / 2 + 1),
            "at character 81, not: at most 32 levels of nesting");
  EXPECT_EQ(Read(absl::StrCat(Repeat("(", kMaxFilterDepth), "uniqueSenders/any()")),
            "at character 33, uniqueSenders/any: at most 32 levels of nesting");
  // Levels that have ended do not count.
  EXPECT_THAT(ParseFilter(absl::StrCat(Repeat("(not isLocked) or ", 100), "isLocked"),
                          ThreadFilterFields()),
              IsOk());
}

TEST(ParseFilterTest, BoundsComparisons) {
  const auto chain = [](absl::string_view link, int count) {
    return ParseFilter(absl::StrCat(Repeat(link, count - 1), "true"), ThreadFilterFields());
  };
  EXPECT_THAT(chain("true and ", kMaxFilterComparisons), IsOk());
  EXPECT_THAT(chain("isLocked or ", kMaxFilterComparisons), IsOk());
  EXPECT_THAT(chain("true and ", kMaxFilterComparisons + 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "at character 1801, true: at most 200 comparisons"));
  EXPECT_THAT(ParseFilter(absl::StrCat(Repeat("uniqueSenders/any(s:s gt '') or ", 101),
                                       Repeat("true or ", kMaxFilterComparisons - 102), "true"),
                          ThreadFilterFields()),
              IsOk())
      << "what is within any counts, and not any itself";
  const auto in = [](int count) {
    return Read(absl::StrCat("topic in ('x'", Repeat(",'x'", count - 1), ") and isLocked"));
  };
  EXPECT_THAT(in(kMaxFilterComparisons - 1), HasSubstr("& is_locked = true"));
  EXPECT_EQ(in(kMaxFilterComparisons), "at character 816, isLocked: at most 200 comparisons");
  EXPECT_EQ(in(kMaxFilterComparisons + 1), "at character 811, 'x': at most 200 comparisons");
}

// --- What filters mean

v1::Post SomePost() {
  return ParseText<v1::Post>(R"pb(
    id: "01890a5d-ac96-774b-bcce-b302099a8057"
    name: "groups/g/threads/t/posts/01890a5d-ac96-774b-bcce-b302099a8057"
    created_date_time { seconds: 10 nanos: 5000 }
    received_date_time { seconds: 10 nanos: 5000 }
    last_modified_date_time { seconds: 20 }
    categories: "red"
    categories: "it's"
    has_attachments: true
    body { content_type: "html" content: "100% <b>f\303\274r</b> 😀" }
    sender { email_address { name: "Ann" } }
    in_reply_to: "groups/g/threads/t/posts/01890a5d-ac96-774b-bcce-b302099a8056"
  )pb");
}

bool PostMatches(absl::string_view filter, const v1::Post& post = SomePost()) {
  const absl::StatusOr<FilterNode> node = ParseFilter(filter, PostFilterFields());
  EXPECT_THAT(node, IsOk()) << filter;
  return node.ok() && Matches(*node, PostFilterFields(), post);
}

void ExpectMatch(const std::vector<std::string>& filters) {
  for (const std::string& filter : filters) {
    EXPECT_TRUE(PostMatches(filter)) << filter;
    EXPECT_FALSE(PostMatches(absl::StrCat("not (", filter, ")"))) << filter;
  }
}

void ExpectNoMatch(const std::vector<std::string>& filters) {
  for (const std::string& filter : filters) {
    EXPECT_FALSE(PostMatches(filter)) << filter;
    EXPECT_TRUE(PostMatches(absl::StrCat("not (", filter, ")"))) << filter;
  }
}

TEST(MatchesTest, ComparesEachType) {
  ExpectMatch({
      "body/content eq '100% <b>für</b> 😀'",
      "body/content gt '100'",
      "body/content lt '101'",
      "body/content ge '100% <b>für</b> 😀' and body/content le '100% <b>für</b> 😀'",
      "hasAttachments",
      "hasAttachments eq true",
      "hasAttachments ne false",
      "hasAttachments in (true)",
      "createdDateTime eq 1970-01-01T00:00:10.000005Z",
      "createdDateTime lt 1970-01-01T00:00:10.000006Z",
      "createdDateTime gt 1970-01-01T00:00:10.000004Z",
      "id eq '01890A5D-AC96-774B-BCCE-B302099A8057'",
      "id in ('x', 01890a5d-ac96-774b-bcce-b302099a8057)",
      "id ne 'x'",
      "inReplyTo eq 01890a5d-ac96-774b-bcce-b302099a8056",
      "true",
  });
  ExpectNoMatch({
      "body/content eq '100% <B>für</B> 😀'",
      "body/content gt '100% <b>für</b> 😀'",
      "hasAttachments eq false",
      "createdDateTime ne 1970-01-01T00:00:10.000005Z",
      "createdDateTime gt 1970-01-01T00:00:10.000005Z",
      "lastModifiedDateTime in (1970-01-01T00:00:10.000005Z)",
      "inReplyTo eq 01890a5d-ac96-774b-bcce-b302099a8057",
      "inReplyTo eq 'groups/g/threads/t/posts/01890a5d-ac96-774b-bcce-b302099a8056'",
      "false",
  });
}

TEST(MatchesTest, TextComparesByCodePoint) {
  ExpectMatch({
      "body/content lt 'a'",
      "body/content lt 'é'",
      // By UTF-16, as some compare, it would be the other way round.
      "categories/any(c:c lt '\uFFFD') and not categories/any(c:c gt '😀')",
  });
  v1::Post post = SomePost();
  post.mutable_body()->set_content("😀");
  EXPECT_TRUE(PostMatches("body/content gt '\uFFFD'", post));
}

TEST(MatchesTest, WhatIsAbsentIsNullAndNothingElse) {
  ExpectMatch({
      "sender/emailAddress/address eq null",
      "sender/emailAddress/address ne 'x'",
      "sender/emailAddress/address ne ''",
      "sender/emailAddress/name ne null",
      "id ne null",
      "body/content ne null",
  });
  ExpectNoMatch({
      "sender/emailAddress/address ne null",
      "sender/emailAddress/address eq ''",
      "sender/emailAddress/address lt 'x'",
      "sender/emailAddress/address ge ''",
      "sender/emailAddress/address in ('', 'x')",
      "contains(sender/emailAddress/address, '')",
      "startswith(sender/emailAddress/address, '')",
      "endswith(sender/emailAddress/address, '')",
      "sender/emailAddress/name eq null",
      "id eq null",
      "hasAttachments eq null",
      "createdDateTime eq null",
  });
  const v1::Post empty;
  EXPECT_TRUE(PostMatches("body/content eq null and body/contentType eq null", empty));
  EXPECT_TRUE(PostMatches("sender/emailAddress/name eq null and inReplyTo eq null", empty));
  EXPECT_FALSE(PostMatches("categories/any()", empty));
  EXPECT_FALSE(PostMatches("categories/any(c:c ne 'x')", empty));
}

TEST(MatchesTest, FunctionsTakeTextAsItIs) {
  ExpectMatch({
      "contains(body/content, '% <b>f')",
      "contains(body/content, 'ür')",
      "contains(body/content, '')",
      "startswith(body/content, '100%')",
      "startswith(body/content, '')",
      "endswith(body/content, '😀')",
      "endswith(body/content, '')",
      "endswith(body/content, '100% <b>für</b> 😀')",
  });
  ExpectNoMatch({
      "contains(body/content, '%f')",
      "contains(body/content, 'FÜR')",
      "startswith(body/content, '_00')",
      "endswith(body/content, '*')",
      "endswith(body/content, 'x100% <b>für</b> 😀')",
  });
}

TEST(MatchesTest, AnyAsksEachElementByItself) {
  ExpectMatch({
      "categories/any()",
      "categories/any(c:c eq 'red')",
      "categories/any(c:c eq 'it''s')",
      "categories/any(c:c ne 'red')",
      "categories/any(c:not contains(c,'d'))",
      "categories/any(c:c eq 'red') and categories/any(c:startswith(c,'it'))",
      "categories/any(c:c in ('blue', 'red'))",
  });
  ExpectNoMatch({
      "categories/any(c:c eq 'blue')",
      "categories/any(c:c eq 'red' and startswith(c,'it'))",
      "categories/any(c:c eq null)",
  });
}

}  // namespace
}  // namespace threadstore::testing
