// Which texts are JSON objects.

#include "server/base/json_object.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr int kMaxDepth = 100;

std::string Nested(int depth) {
  std::string json = "{\"a\": ";
  for (int i = 1; i < depth; ++i) json += "[";
  json += depth == 1 ? "1" : "";
  for (int i = 1; i < depth; ++i) json += "]";
  return json + "}";
}

TEST(CheckJsonObjectTest, TakesObjects) {
  for (const std::string json :
       {"{}", " \r\n\t{ } \n",
        R"({"a": {"a": [1, -2.5e3, true, false, null, "x\u0041\n"]}, "b": 1})",
        R"({"": "", "é": "😀 \ud83d\ude00"})"}) {
    EXPECT_THAT(CheckJsonObject(json, kMaxDepth), IsOk()) << json;
  }
}

TEST(CheckJsonObjectTest, RefusesAllElse) {
  for (const std::string json : {"",
                                 " ",
                                 "{",
                                 "}",
                                 "[]",
                                 "[{}]",
                                 "1",
                                 "null",
                                 "\"a\"",
                                 "{} {}",
                                 "{}x",
                                 "{'a': 1}",
                                 "{a: 1}",
                                 "{\"a\": 1,}",
                                 "{\"a\": [1,]}",
                                 "{\"a\": 01}",
                                 "{\"a\": +1}",
                                 "{\"a\": .5}",
                                 "{\"a\": NaN}",
                                 "{\"a\": Infinity}",
                                 "{\"a\": 1} // end",
                                 "/**/{}",
                                 "{\"a\": \"\n\"}",
                                 "{\"a\": \"\\x\"}",
                                 "{\"a\": \"\\ud83d\"}",
                                 "{\"a\" 1}",
                                 "{\"a\": }",
                                 "\xEF\xBB\xBF{}"}) {
    EXPECT_THAT(CheckJsonObject(json, kMaxDepth),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("must be a JSON object")))
        << json;
  }
}

TEST(CheckJsonObjectTest, SaysWhere) {
  EXPECT_THAT(CheckJsonObject(R"({"a": x})", kMaxDepth),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at byte 7")));
}

TEST(CheckJsonObjectTest, RefusesAMemberTwiceAtAnyLevel) {
  for (const std::string json : {R"({"a": 1, "a": 1})", R"({"a": 1, "\u0061": 2})",
                                 R"({"b": [{"a": 1, "c": 2, "a": 3}]})"}) {
    EXPECT_THAT(CheckJsonObject(json, kMaxDepth),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("twice")))
        << json;
  }
  EXPECT_THAT(CheckJsonObject(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]})", kMaxDepth), IsOk());
}

TEST(CheckJsonObjectTest, RefusesNumbersOutOfRange) {
  EXPECT_THAT(CheckJsonObject(R"({"a": 1e400})", kMaxDepth),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("out of range")));
  EXPECT_THAT(CheckJsonObject(R"({"a": 123456789012345678901234567890})", kMaxDepth), IsOk());
}

TEST(CheckJsonObjectTest, RefusesU0000) {
  EXPECT_THAT(CheckJsonObject(absl::string_view("{}\0", 3), kMaxDepth),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("U+0000")));
  for (const char* json : {R"({"a":"b\u0000"})", R"({"a\u0000":1})", R"({"a":[{"b":"\u0000"}]})"}) {
    EXPECT_THAT(CheckJsonObject(json, kMaxDepth),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("U+0000")))
        << json;
  }
}

TEST(CheckJsonObjectTest, BoundsTheDepth) {
  EXPECT_THAT(CheckJsonObject(Nested(1), 1), IsOk());
  EXPECT_THAT(CheckJsonObject(Nested(kMaxDepth), kMaxDepth), IsOk());
  EXPECT_THAT(CheckJsonObject(Nested(kMaxDepth + 1), kMaxDepth),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 100 levels")));
  EXPECT_THAT(CheckJsonObject(Nested(1'000'000), kMaxDepth),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 100 levels")));
}

}  // namespace
}  // namespace threadstore
