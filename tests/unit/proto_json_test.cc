#include "server/base/proto_json.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/api/http.pb.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore {
namespace {

using ::google::protobuf::Message;
using ::testing::HasSubstr;
using ::threadstore::testing::IsOk;
using ::threadstore::testing::StatusIs;

// A literal that holds U+0000.
template <size_t size>
constexpr absl::string_view Bytes(const char (&literal)[size]) {
  return absl::string_view(literal, size - 1);
}

// Messages with a field of each kind, most of which the API does not use.
class KitchenSink {
 public:
  KitchenSink() : pool_(google::protobuf::DescriptorPool::generated_pool()) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      name: "test/everything.proto"
      package: "test"
      syntax: "proto3"
      dependency: "google/protobuf/timestamp.proto"
      enum_type {
        name: "Color"
        value { name: "COLOR_UNSPECIFIED" number: 0 }
        value { name: "COLOR_RED" number: 1 }
      }
      message_type {
        name: "Everything"
        field { number: 1 name: "a_bool" type: TYPE_BOOL }
        field { number: 2 name: "an_int32" type: TYPE_INT32 }
        field { number: 3 name: "an_int64" type: TYPE_INT64 }
        field { number: 4 name: "a_uint32" type: TYPE_UINT32 }
        field { number: 5 name: "a_uint64" type: TYPE_FIXED64 }
        field { number: 6 name: "a_double" type: TYPE_DOUBLE }
        field { number: 7 name: "a_float" type: TYPE_FLOAT }
        field { number: 8 name: "a_string" type: TYPE_STRING }
        field { number: 9 name: "some_bytes" type: TYPE_BYTES }
        field { number: 10 name: "color" type_name: ".test.Color" }
        field { number: 11 name: "maybe" type: TYPE_INT32 proto3_optional: true oneof_index: 1 }
        field { number: 12 name: "time" type_name: ".google.protobuf.Timestamp" }
        field { number: 13 name: "numbers" type: TYPE_SINT64 label: LABEL_REPEATED }
        field {
          number: 14 name: "times" type_name: ".google.protobuf.Timestamp" label: LABEL_REPEATED
        }
        field { number: 15 name: "colors" type_name: ".test.Color" label: LABEL_REPEATED }
        field { number: 16 name: "inner" type_name: ".test.Everything" }
        field {
          number: 17 name: "labels" type_name: ".test.Everything.LabelsEntry" label: LABEL_REPEATED
        }
        field { number: 18 name: "left" type: TYPE_STRING oneof_index: 0 }
        field { number: 19 name: "right" type_name: ".test.Everything" oneof_index: 0 }
        field { number: 20 name: "renamed" json_name: "otherName" type: TYPE_STRING }
        field { number: 21 name: "flags" type: TYPE_BOOL label: LABEL_REPEATED }
        field { number: 22 name: "reals" type: TYPE_DOUBLE label: LABEL_REPEATED }
        field { number: 23 name: "blobs" type: TYPE_BYTES label: LABEL_REPEATED }
        oneof_decl { name: "choice" }
        oneof_decl { name: "_maybe" }
        nested_type {
          name: "LabelsEntry"
          options { map_entry: true }
          field { number: 1 name: "key" type: TYPE_STRING label: LABEL_OPTIONAL }
          field { number: 2 name: "value" type: TYPE_STRING label: LABEL_OPTIONAL }
        }
      }
    )",
                                                              &file));
    for (auto& field : *file.mutable_message_type(0)->mutable_field()) {
      if (!field.has_label()) {
        field.set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
      }
    }
    // Makes sure that the generated pool, where the new file looks for it, has Timestamp.
    EXPECT_NE(google::protobuf::Timestamp::descriptor(), nullptr);
    EXPECT_NE(pool_.BuildFile(file), nullptr);
  }

  std::unique_ptr<Message> New() {
    return std::unique_ptr<Message>(
        factory_.GetPrototype(pool_.FindMessageTypeByName("test.Everything"))->New());
  }

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
};

class ProtoJsonTest : public ::testing::Test {
 protected:
  // The text form of what `json` reads as, or the error.
  std::string Read(absl::string_view json) {
    const std::unique_ptr<Message> message = sink_.New();
    const absl::Status status = ReadProtoJson(json, message.get());
    if (!status.ok()) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(message->ByteSizeLong(), 0u) << "a failed read leaves something behind";
      return std::string(status.message());
    }
    google::protobuf::TextFormat::Printer printer;
    printer.SetSingleLineMode(true);
    std::string text;
    printer.PrintToString(*message, &text);
    return text.empty() ? text : text.substr(0, text.size() - 1);
  }

  KitchenSink sink_;
};

absl::Status ReadThread(absl::string_view json) {
  v1::ConversationThread thread;
  return ReadProtoJson(json, &thread);
}

TEST_F(ProtoJsonTest, ReadsTheDocumentedRequest) {
  constexpr absl::string_view kJson = R"({
    "@odata.type": "#microsoft.graph.conversationThread",
    "toRecipients": [
      {
        "@odata.type": "microsoft.graph.recipient",
        "emailAddress": {
          "@odata.type": "microsoft.graph.emailAddress",
          "name": "Name value",
          "address": "Address value"
        }
      }
    ],
    "topic": "Topic value",
    "hasAttachments": true,
    "lastDeliveredDateTime": "2016-12-31T23:58:15.3049+03:00",
    "uniqueSenders": ["Unique Senders value"],
    "ccRecipients": [{"@odata.type": "microsoft.graph.recipient"}],
    "preview": "Preview value",
    "isLocked": true
  })";
  v1::ConversationThread thread;
  ASSERT_THAT(ReadProtoJson(kJson, &thread), IsOk());
  v1::ConversationThread expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    to_recipients { email_address { name: "Name value" address: "Address value" } }
    topic: "Topic value"
    has_attachments: true
    last_delivered_date_time { seconds: 1483217895 nanos: 304900000 }
    unique_senders: "Unique Senders value"
    cc_recipients {}
    preview: "Preview value"
    is_locked: true
  )",
                                                            &expected));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(thread, expected))
      << thread.DebugString();
}

TEST_F(ProtoJsonTest, KeepsPresence) {
  v1::Recipient recipient;
  ASSERT_THAT(ReadProtoJson("{}", &recipient), IsOk());
  EXPECT_FALSE(recipient.has_email_address());
  ASSERT_THAT(ReadProtoJson(R"({"emailAddress":null})", &recipient), IsOk());
  EXPECT_FALSE(recipient.has_email_address());
  ASSERT_THAT(ReadProtoJson(R"({"emailAddress":{}})", &recipient), IsOk());
  EXPECT_TRUE(recipient.has_email_address());
  EXPECT_FALSE(recipient.email_address().has_name());
  ASSERT_THAT(ReadProtoJson(R"({"emailAddress":{"name":"","address":null}})", &recipient), IsOk());
  EXPECT_TRUE(recipient.email_address().has_name());
  EXPECT_FALSE(recipient.email_address().has_address());
}

TEST_F(ProtoJsonTest, ReplacesWhatTheMessageHeld) {
  v1::ConversationThread thread;
  thread.set_topic("old");
  ASSERT_THAT(ReadProtoJson("{}", &thread), IsOk());
  EXPECT_EQ(thread.topic(), "");
}

TEST_F(ProtoJsonTest, ReadsEveryKindOfField) {
  const struct {
    absl::string_view json;
    absl::string_view text;
  } kCases[] = {
      {"{}", ""},
      {" \t\r\n{ \n } \n", ""},
      {"\xEF\xBB\xBF{}", ""},
      {R"({"aBool":true})", "a_bool: true"},
      {R"({"a_bool":true})", "a_bool: true"},
      {R"({"aBool":null})", ""},
      {R"({"flags":[true,false]})", "flags: true flags: false"},
      {R"({"anInt32":-2147483648})", "an_int32: -2147483648"},
      {R"({"anInt32":2147483647})", "an_int32: 2147483647"},
      {R"({"anInt32":-0})", ""},
      {R"({"anInt64":-9223372036854775808})", "an_int64: -9223372036854775808"},
      {R"({"anInt64":9223372036854775807})", "an_int64: 9223372036854775807"},
      {R"({"anInt64":"9223372036854775807"})", "an_int64: 9223372036854775807"},
      {R"({"aUint32":4294967295})", "a_uint32: 4294967295"},
      {R"({"aUint64":18446744073709551615})", "a_uint64: 18446744073709551615"},
      {R"({"aUint64":"18446744073709551615"})", "a_uint64: 18446744073709551615"},
      {R"({"numbers":[1,"2",3]})", "numbers: 1 numbers: 2 numbers: 3"},
      {R"({"numbers":[]})", ""},
      {R"({"aDouble":-1.5e3})", "a_double: -1500"},
      {R"({"aDouble":7})", "a_double: 7"},
      {R"({"aDouble":"NaN"})", "a_double: nan"},
      {R"({"aDouble":"-Infinity"})", "a_double: -inf"},
      {R"({"reals":[0.5,"Infinity"]})", "reals: 0.5 reals: inf"},
      {R"({"aFloat":1.5})", "a_float: 1.5"},
      {R"({"aString":"a\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00é"})",
       R"(a_string: "a\"\\/\010\014\n\r\t\000\303\251\360\237\230\200\303\251")"},
      {R"({"someBytes":"-_8="})", R"(some_bytes: "\373\377")"},
      {R"({"someBytes":"+/8"})", R"(some_bytes: "\373\377")"},
      {R"({"someBytes":""})", ""},
      {R"({"blobs":["AA==","AAA=","AAAA"]})",
       R"(blobs: "\000" blobs: "\000\000" blobs: "\000\000\000")"},
      {R"({"color":"COLOR_RED"})", "color: COLOR_RED"},
      {R"({"color":1})", "color: COLOR_RED"},
      {R"({"color":77})", "color: 77"},
      {R"({"colors":["COLOR_RED",0]})", "colors: COLOR_RED colors: COLOR_UNSPECIFIED"},
      {R"({"maybe":0})", "maybe: 0"},
      {R"({"maybe":null})", ""},
      {R"({"inner":{"inner":{}}})", "inner { inner { } }"},
      {R"({"left":"x"})", R"(left: "x")"},
      {R"({"left":null,"right":{}})", "right { }"},
      {R"({"otherName":"x"})", R"(renamed: "x")"},
      {R"({"renamed":"x"})", R"(renamed: "x")"},
      {R"({"time":"1970-01-01T00:00:01Z"})", "time { seconds: 1 }"},
      {R"({"times":["1970-01-01T00:00:01Z","1970-01-01T00:00:02Z"]})",
       "times { seconds: 1 } times { seconds: 2 }"},
  };
  for (const auto& [json, text] : kCases) {
    EXPECT_EQ(Read(json), std::string(text)) << json;
  }
}

TEST_F(ProtoJsonTest, IgnoresAnnotationsWhateverTheyHold) {
  for (const absl::string_view json : {
           R"({"@odata.type":"x","aBool":true})",
           R"({"@odata.context":null,"aBool":true})",
           R"({"@":[1,[2,{"a":null}],null,"x",1.5e9,true],"aBool":true})",
           R"({"@x":{"unknown":{"deeper":[]},"aBool":7},"aBool":true})",
           R"({"aBool":true,"aString@odata.bind":["x"]})",
           R"({"aBool":true,"unknown@odata.count":3})",
       }) {
    EXPECT_EQ(Read(json), "a_bool: true") << json;
  }
  EXPECT_EQ(Read(R"({"inner":{"@odata.id":1}})"), "inner { }");
}

TEST_F(ProtoJsonTest, ReadsTimes) {
  const struct {
    absl::string_view time;
    absl::string_view text;
  } kCases[] = {
      {"2016-12-31T23:58:15.3049+03:00", "time { seconds: 1483217895 nanos: 304900000 }"},
      {"2016-02-29T00:00:00Z", "time { seconds: 1456704000 }"},
      {"1969-12-31T23:59:59.999999999Z", "time { seconds: -1 nanos: 999999999 }"},
      {"1970-01-01T00:00:00.000000001-00:00", "time { nanos: 1 }"},
      {"1970-01-01T23:59:00+23:59", "time { }"},
      {"0001-01-01T00:00:00Z", "time { seconds: -62135596800 }"},
      {"9999-12-31T23:59:59.999999999Z", "time { seconds: 253402300799 nanos: 999999999 }"},
  };
  for (const auto& [time, text] : kCases) {
    EXPECT_EQ(Read(absl::StrCat(R"({"time":")", time, R"("})")), std::string(text)) << time;
  }
}

TEST_F(ProtoJsonTest, RefusesWhatIsNotATime) {
  for (const absl::string_view time : {"",
                                       "now",
                                       "infinite-past",
                                       "infinite-future",
                                       "2016-12-31",
                                       "2016-12-31 23:58:15Z",
                                       "2016-12-31t23:58:15Z",
                                       "2016-12-31T23:58:15z",
                                       "2016-12-31T23:58:15",
                                       "2016-12-31T23:58Z",
                                       "2016-12-31T23:58:15.Z",
                                       "2016-12-31T23:58:15,5Z",
                                       "2016-12-31T23:58:15.1234567890Z",
                                       "2016-12-31T23:58:15+03",
                                       "2016-12-31T23:58:15+0300",
                                       "2016-12-31T23:58:15+24:00",
                                       "2016-12-31T23:58:15+03:60",
                                       "2016-12-31T23:59:60Z",
                                       "2016-12-31T23:58:15ZZ",
                                       " 2016-12-31T23:58:15Z",
                                       "2016-12-31T23:58:15Z ",
                                       "12016-12-31T23:58:15Z",
                                       "-016-12-31T23:58:15Z",
                                       "2016-1-31T23:58:15Z",
                                       "2016-12-31T23:58: 5Z"}) {
    EXPECT_EQ(Read(absl::StrCat(R"({"time":")", time, R"("})")),
              "line 1, column 9: time: expected an RFC 3339 time such as "
              "2016-12-31T23:58:15.3049+03:00")
        << time;
  }
  for (const absl::string_view time :
       {"2016-02-30T00:00:00Z", "2015-02-29T00:00:00Z", "2016-13-01T00:00:00Z",
        "2016-00-01T00:00:00Z", "2016-01-00T00:00:00Z", "2016-04-31T00:00:00Z",
        "2016-01-01T24:00:00Z", "2016-01-01T00:60:00Z"}) {
    EXPECT_EQ(Read(absl::StrCat(R"({"time":")", time, R"("})")),
              "line 1, column 9: time: there is no such date or time of day")
        << time;
  }
  for (const absl::string_view time :
       {"0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"}) {
    EXPECT_EQ(Read(absl::StrCat(R"({"time":")", time, R"("})")),
              "line 1, column 9: time: the time is outside the years 0001 to 9999 in UTC")
        << time;
  }
}

TEST_F(ProtoJsonTest, NamesPlaceAndMemberOfWrongValues) {
  const struct {
    absl::string_view json;
    absl::string_view error;
  } kCases[] = {
      // Types.
      {"[]", "line 1, column 1: expected an object, got a list"},
      {"null", "line 1, column 1: expected an object, got null"},
      {" 1", "line 1, column 2: expected an object, got a number"},
      {R"({"aBool":"true"})", "line 1, column 10: aBool: expected true or false, got a string"},
      {R"({"aBool":1})", "line 1, column 10: aBool: expected true or false, got a number"},
      {R"({"aString":1})", "line 1, column 12: aString: expected a string, got a number"},
      {R"({"aString":{}})", "line 1, column 12: aString: expected a string, got an object"},
      {R"({"aString":[]})", "line 1, column 12: aString: expected a string, got a list"},
      {R"({"anInt32":true})", "line 1, column 12: anInt32: expected a number, got a boolean"},
      {R"({"anInt32":"1"})", "line 1, column 12: anInt32: expected a number, got a string"},
      {R"({"inner":"x"})", "line 1, column 10: inner: expected an object, got a string"},
      {R"({"inner":[]})", "line 1, column 10: inner: expected an object, got a list"},
      {R"({"color":true})",
       "line 1, column 10: color: expected the name of an enum value, got a boolean"},
      {R"({"color":"RED"})", "line 1, column 10: color: RED is not a value of test.Color"},
      {R"({"color":1.5})", "line 1, column 10: color: 1.5 is not a value of test.Color"},
      {R"({"time":1})",
       "line 1, column 9: time: expected an RFC 3339 time such as "
       "2016-12-31T23:58:15.3049+03:00, got a number"},
      {R"({"time":{}})", "line 1, column 9: time: expected a time, got an object"},
      {R"({"aDouble":"1.5"})", "line 1, column 12: aDouble: expected a number, got a string"},
      // Lists.
      {R"({"numbers":1})", "line 1, column 12: numbers: expected a list, got a number"},
      {R"({"numbers":{}})", "line 1, column 12: numbers: expected a list, got an object"},
      {R"({"numbers":null})", "line 1, column 12: numbers: expected a list, got null"},
      {R"({"numbers":[1,null]})", "line 1, column 15: numbers[1]: expected a number, got null"},
      {R"({"numbers":[[1]]})", "line 1, column 13: numbers[0]: expected a number, got a list"},
      {R"({"numbers":[1,2,{}]})",
       "line 1, column 17: numbers[2]: expected a number, got an object"},
      {R"({"times":[null]})", "line 1, column 11: times[0]: expected a time, got null"},
      // Ranges.
      {R"({"anInt32":2147483648})",
       "line 1, column 12: anInt32: expected a whole number from -2147483648 to 2147483647"},
      {R"({"anInt32":1.0})",
       "line 1, column 12: anInt32: expected a whole number from -2147483648 to 2147483647"},
      {R"({"aUint32":-1})",
       "line 1, column 12: aUint32: expected a whole number from 0 to 4294967295"},
      {R"({"anInt64":9223372036854775808})",
       "line 1, column 12: anInt64: expected a whole number from -9223372036854775808 to "
       "9223372036854775807"},
      {R"({"aUint64":" 1"})",
       "line 1, column 12: aUint64: expected a whole number from 0 to 18446744073709551615"},
      {R"({"aUint64":"01"})",
       "line 1, column 12: aUint64: expected a whole number from 0 to 18446744073709551615"},
      {R"({"aUint64":"+1"})",
       "line 1, column 12: aUint64: expected a whole number from 0 to 18446744073709551615"},
      {R"({"aDouble":1e999})", "line 1, column 12: aDouble: the number is out of range"},
      {R"({"@x":[0,1e999]})", "line 1, column 10: @x[1]: the number is out of range"},
      {R"({"aFloat":1e39})", "line 1, column 11: aFloat: the number is out of range"},
      // Bytes.
      {R"({"someBytes":"A"})", "line 1, column 14: someBytes: the string is not base64"},
      {R"({"someBytes":"A A="})", "line 1, column 14: someBytes: the string is not base64"},
      {R"({"someBytes":"AA="})", "line 1, column 14: someBytes: the string is not base64"},
      {R"({"someBytes":"AA==="})", "line 1, column 14: someBytes: the string is not base64"},
      {R"({"someBytes":"AB=="})", "line 1, column 14: someBytes: the string is not base64"},
      {R"({"someBytes":"é"})", "line 1, column 14: someBytes: the string is not base64"},
      // Members.
      {R"({"nonsense":1})", "line 1, column 2: nonsense: unknown member"},
      {R"({"":1})", "line 1, column 2: unknown member"},
      {R"({"aBol":true})", "line 1, column 2: aBol: unknown member; did you mean aBool?"},
      {R"({"ABOOL":true})", "line 1, column 2: ABOOL: unknown member; did you mean aBool?"},
      {R"({"a\u001b[31m":1})", "line 1, column 2: a\\033[31m: unknown member"},
      {R"({"odata.type":1})", "line 1, column 2: odata.type: unknown member"},
      {R"({"aBool":true,"aBool":true})", "line 1, column 15: aBool: duplicate member"},
      {R"({"aBool":true,"a_bool":true})", "line 1, column 15: a_bool: duplicate member"},
      {R"({"aBool":null,"aBool":true})", "line 1, column 15: aBool: duplicate member"},
      {R"({"aBool":true,"\u0061Bool":true})", "line 1, column 15: aBool: duplicate member"},
      {R"({"@x":1,"@x":1})", "line 1, column 9: @x: duplicate member"},
      {R"({"@x":{"y":[{"z":1,"z":2}]}})", "line 1, column 20: @x.y[0].z: duplicate member"},
      {R"({"left":"","right":{}})", "line 1, column 20: right: cannot stand beside left"},
      {R"({"right":{},"left":"x"})", "line 1, column 20: left: cannot stand beside right"},
      {R"({"labels":{}})", "line 1, column 2: labels: members of type map are not read from JSON"},
  };
  for (const auto& [json, error] : kCases) {
    EXPECT_EQ(Read(json), std::string(error)) << json;
  }
}

TEST_F(ProtoJsonTest, NamesPlaceOfSyntaxErrors) {
  const struct {
    absl::string_view json;
    absl::string_view error;
  } kCases[] = {
      // Ends.
      {"", "line 1, column 1: there is no JSON here"},
      {" \n ", "line 2, column 2: there is no JSON here"},
      {"\xEF\xBB\xBF", "line 1, column 1: there is no JSON here"},
      {"{",
       "line 1, column 2: expected a member's name in double quotes or }, got the end of "
       "the text"},
      {R"({"inner":{)",
       "line 1, column 11: inner: expected a member's name in double quotes or "
       "}, got the end of the text"},
      {R"({"aBool")", "line 1, column 9: aBool: expected :, got the end of the text"},
      {R"({"aBool":)", "line 1, column 10: aBool: expected a value, got the end of the text"},
      {R"({"aBool":true)", "line 1, column 14: expected , or }, got the end of the text"},
      {R"({"numbers":[)",
       "line 1, column 13: numbers[0]: expected a value or ], got the end of the text"},
      {R"({"numbers":[1)", "line 1, column 14: numbers: expected , or ], got the end of the text"},
      // Behind the object.
      {"{}{}", "line 1, column 3: expected nothing more, got {"},
      {"{} x", "line 1, column 4: expected nothing more, got x"},
      {"{},", "line 1, column 3: expected nothing more, got ,"},
      {"{}\n\"x\"", "line 2, column 1: expected nothing more, got a string"},
      {Bytes("{}\0{}"), "line 1, column 3: expected nothing more, got the byte 0x00"},
      {Bytes("{}\0"), "line 1, column 3: expected nothing more, got the byte 0x00"},
      {Bytes("\0{}"), "line 1, column 1: expected an object, got the byte 0x00"},
      {Bytes("{\"numbers\":[1\0]}"),
       "line 1, column 14: numbers: expected , or ], got the byte 0x00"},
      // Separators.
      {R"({"aBool":true,})", "line 1, column 15: trailing comma"},
      {R"({"inner":{"aBool":true,}})", "line 1, column 24: inner: trailing comma"},
      {R"({"numbers":[1,]})", "line 1, column 15: numbers: trailing comma"},
      {R"({,})", "line 1, column 2: expected a member's name in double quotes or }, got ,"},
      {R"({"numbers":[,1]})", "line 1, column 13: numbers[0]: expected a value or ], got ,"},
      {R"({"numbers":[1,,2]})", "line 1, column 15: numbers[1]: expected a value, got ,"},
      {R"({"numbers":[1 2]})", "line 1, column 15: numbers: expected , or ], got 2"},
      {R"({"numbers":[1}})", "line 1, column 14: numbers: expected , or ], got }"},
      {R"({"aBool":true "aString":""})", "line 1, column 15: expected , or }, got a string"},
      {R"({"aBool" true})", "line 1, column 10: aBool: expected :, got true"},
      {R"({"aBool",true})", "line 1, column 9: aBool: expected :, got ,"},
      {R"({"aBool"::true})", "line 1, column 10: aBool: expected a value, got :"},
      {R"({"aBool":})", "line 1, column 10: aBool: expected a value, got }"},
      // Words.
      {R"({aBool:true})",
       "line 1, column 2: expected a member's name in double quotes or }, got aBool"},
      {R"({"aBool":True})", "line 1, column 10: aBool: expected a value, got True"},
      {R"({"aBool":tru})", "line 1, column 10: aBool: expected a value, got tru"},
      {R"({"aDouble":NaN})", "line 1, column 12: aDouble: expected a value, got NaN"},
      {R"({"numbers":[1,x]})", "line 1, column 15: numbers[1]: expected a value, got x"},
      {R"({"@x":{"y":undefined}})", "line 1, column 12: @x.y: expected a value, got undefined"},
      // Numbers.
      {R"({"anInt32":01})", "line 1, column 13: expected , or }, got 1"},
      {R"({"@x":-00})", "line 1, column 9: expected , or }, got 0"},
      {R"({"aBool":truex})", "line 1, column 14: expected , or }, got x"},
      {R"({"aBool":nullnull})", "line 1, column 14: expected , or }, got null"},
      {R"({"@x":falsefalse})", "line 1, column 12: expected , or }, got false"},
      {R"({"reals":[-1.5e+3-2]})", "line 1, column 18: reals: expected , or ], got -2"},
      {R"({"reals":[1.5.5]})", "line 1, column 14: reals: expected , or ], got .5"},
      {R"({"anInt32":+1})", "line 1, column 12: anInt32: expected a value, got +1"},
      {R"({"aDouble":.5})", "line 1, column 12: aDouble: expected a value, got .5"},
      {R"({"aDouble":-})", "line 1, column 12: aDouble: invalid number; expected digit after '-'"},
      {R"({"aDouble":1.})", "line 1, column 12: aDouble: invalid number; expected digit after '.'"},
      // Quotes and comments.
      {R"({'aBool':true})",
       "line 1, column 2: expected a member's name in double quotes or }, got '; strings are in "
       "double quotes"},
      {R"({"aString":'x'})",
       "line 1, column 12: aString: expected a value, got '; strings are in double quotes"},
      {"{ // note\n}",
       "line 1, column 3: expected a member's name in double quotes or }, got /; JSON has no "
       "comments"},
      {"{\"aBool\":true /* note */}",
       "line 1, column 15: expected , or }, got /; JSON has no comments"},
      {"# note\n{}", "line 1, column 1: expected an object, got #; JSON has no comments"},
      // Strings.
      {R"({"aString":"x)", "line 1, column 12: aString: invalid string: missing closing quote"},
      {R"({"aString":"\x"})",
       "line 1, column 12: aString: invalid string: forbidden character after backslash"},
      {R"({"aString":"\u12g4"})",
       "line 1, column 12: aString: invalid string: '\\u' must be followed by 4 hex digits"},
      {R"({"aString":"\ud83d"})",
       "line 1, column 12: aString: invalid string: surrogate U+D800..U+DBFF must be followed by "
       "U+DC00..U+DFFF"},
      {R"({"aString":"\ude00"})",
       "line 1, column 12: aString: invalid string: surrogate U+DC00..U+DFFF must follow "
       "U+D800..U+DBFF"},
      {R"({"@x":"\ude00"})",
       "line 1, column 7: @x: invalid string: surrogate U+DC00..U+DFFF must follow "
       "U+D800..U+DBFF"},
      {R"({"aString":"\ud83dx"})",
       "line 1, column 12: aString: invalid string: surrogate U+D800..U+DBFF must be followed by "
       "U+DC00..U+DFFF"},
      {"{\"aString\":\"a\tb\"}",
       "line 1, column 12: aString: invalid string: control character U+0009 (HT) must be escaped "
       "to \\u0009 or \\t"},
      {Bytes("{\"aString\":\"a\0\"}"),
       "line 1, column 12: aString: invalid string: control character U+0000 (NUL) must be "
       "escaped to \\u0000"},
      // Bytes that are not UTF-8: cut short, overlong, a surrogate, too large.
      {"{\"aString\":\"\xC3\"}",
       "line 1, column 12: aString: invalid string: ill-formed UTF-8 byte"},
      {"{\"aString\":\"\xC0\x80\"}",
       "line 1, column 12: aString: invalid string: ill-formed UTF-8 byte"},
      {"{\"aString\":\"\xED\xA0\x80\"}",
       "line 1, column 12: aString: invalid string: ill-formed UTF-8 byte"},
      {"{\"aString\":\"\xF4\x90\x80\x80\"}",
       "line 1, column 12: aString: invalid string: ill-formed UTF-8 byte"},
      {"{\"a\xFF\":1}", "line 1, column 2: invalid string: ill-formed UTF-8 byte"},
      {"{\xFF",
       "line 1, column 2: expected a member's name in double quotes or }, got the byte "
       "0xFF"},
      {"\xEF\xBB{}", "line 1, column 1: expected an object, got the byte 0xEF"},
  };
  for (const auto& [json, error] : kCases) {
    EXPECT_EQ(Read(json), std::string(error)) << json;
  }
}

TEST_F(ProtoJsonTest, CountsLinesAndCharacters) {
  const struct {
    absl::string_view json;
    absl::string_view error;
  } kCases[] = {
      {"{\n  \"aBool\": true,\n  \"x\": 1\n}", "line 3, column 3: x: unknown member"},
      {"{\r\n\t\"x\": 1}", "line 2, column 2: x: unknown member"},
      {"\n\n{\"numbers\": [1,\n 2,\n    true\n]}",
       "line 5, column 5: numbers[2]: expected a number, got a boolean"},
      // Characters, not bytes; escapes are as long as they are written.
      {"{\"aString\":\"é😀\",\"x\":1}", "line 1, column 17: x: unknown member"},
      {R"({"aString":"\n\u00e9","x":1})", "line 1, column 23: x: unknown member"},
      {R"({"aString":"\\","x":1})", "line 1, column 17: x: unknown member"},
      {R"({"aString":"\"{[,:","x":1})", "line 1, column 21: x: unknown member"},
      {"\xEF\xBB\xBF{\"x\":1}", "line 1, column 2: x: unknown member"},
  };
  for (const auto& [json, error] : kCases) {
    EXPECT_EQ(Read(json), std::string(error)) << json;
  }
}

TEST_F(ProtoJsonTest, NamesTheMemberByItsPath) {
  EXPECT_THAT(ReadThread("{\n  \"toRecipients\": [\n    {},\n"
                         "    {\"emailAddress\": {\"adress\": \"x\"}}\n  ]\n}"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "line 4, column 23: toRecipients[1].emailAddress.adress: unknown member; "
                       "did you mean address?"));
  // A long name is cut between characters.
  std::string name;
  for (int i = 0; i < 100; ++i) name += "é";
  EXPECT_THAT(
      ReadThread(absl::StrCat("{\"", name, "\":1}")),
      StatusIs(absl::StatusCode::kInvalidArgument,
               absl::StrCat("line 1, column 2: ", name.substr(0, 80), "...: unknown member")));
}

TEST_F(ProtoJsonTest, BoundsDepth) {
  const auto repeat = [](absl::string_view text, int times) {
    std::string repeated;
    for (int i = 0; i < times; ++i) absl::StrAppend(&repeated, text);
    return repeated;
  };
  // The root is a level, and the innermost object another.
  const auto objects = [&](int levels) {
    return absl::StrCat(repeat(R"({"inner":)", levels - 1), "{}", repeat("}", levels - 1));
  };
  const auto lists = [&](int levels) {
    return absl::StrCat(R"({"@x":)", repeat("[", levels), repeat("]", levels), "}");
  };
  EXPECT_THAT(Read(objects(kMaxProtoJsonDepth)), HasSubstr("inner { inner {"));
  EXPECT_THAT(Read(objects(kMaxProtoJsonDepth + 1)),
              HasSubstr("inner.inner: more than 100 levels of lists and objects"));
  EXPECT_EQ(Read(lists(kMaxProtoJsonDepth - 1)), "");
  EXPECT_THAT(Read(lists(kMaxProtoJsonDepth)), HasSubstr("line 1, column 106: @x[0][0]"));
  EXPECT_THAT(Read(repeat("{\"@x\":[", 1'000'000)), HasSubstr("more than 100 levels"));
}

TEST_F(ProtoJsonTest, RefusesTypesWithAFormOfTheirOwn) {
  google::rpc::RetryInfo retry;
  EXPECT_THAT(ReadProtoJson(R"({"retryDelay":"1s"})", &retry),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "line 1, column 2: retryDelay: members of type google.protobuf.Duration "
                       "are not read from JSON"));
  google::protobuf::Timestamp timestamp;
  EXPECT_THAT(ReadProtoJson("{}", &timestamp),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "google.protobuf.Timestamp is not read from an object"));
}

TEST_F(ProtoJsonTest, ClosedEnumsKnowTheirNumbers) {
  google::protobuf::FieldOptions options;
  EXPECT_THAT(ReadProtoJson(R"({"ctype":1})", &options), IsOk());
  EXPECT_EQ(options.ctype(), google::protobuf::FieldOptions::CORD);
  EXPECT_THAT(ReadProtoJson(R"({"ctype":9})", &options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "line 1, column 10: ctype: 9 is not a value of "
                       "google.protobuf.FieldOptions.CType"));
}

TEST_F(ProtoJsonTest, WritesFieldsInOrderWithEveryPrimitive) {
  v1::ConversationThread thread;
  thread.set_topic("Topic");
  thread.add_to_recipients()->mutable_email_address()->set_name("");
  thread.add_to_recipients();
  thread.mutable_last_delivered_date_time()->set_seconds(1483217895);
  thread.mutable_last_delivered_date_time()->set_nanos(304900000);
  thread.add_unique_senders("A");
  EXPECT_EQ(WriteProtoJson(thread, 0),
            R"({"id":"","toRecipients":[{"emailAddress":{"name":""}},{}],"topic":"Topic",)"
            R"("hasAttachments":false,"lastDeliveredDateTime":"2016-12-31T20:58:15.304900Z",)"
            R"("uniqueSenders":["A"],"ccRecipients":[],"preview":"","isLocked":false,)"
            R"("posts":[],"name":"","conversationId":"","etag":"","postsNextPageToken":""})");
  v1::ListMembersResponse members;
  members.add_members()->set_role(v1::Member::ROLE_OWNER);
  EXPECT_EQ(WriteProtoJson(members, 2), R"({
  "members": [
    {
      "name": "",
      "id": "",
      "displayName": "",
      "mail": "",
      "role": "ROLE_OWNER"
    }
  ],
  "nextPageToken": ""
})");
  EXPECT_EQ(WriteProtoJson(v1::Recipient(), 2), "{}");
  EXPECT_EQ(WriteProtoJson(v1::ListMembersResponse(), 2),
            "{\n  \"members\": [],\n  \"nextPageToken\": \"\"\n}");
}

TEST_F(ProtoJsonTest, WritesEveryKindOfField) {
  const struct {
    absl::string_view text;
    absl::string_view json;  // has to be part of what is written
  } kCases[] = {
      {"a_bool: true", R"("aBool":true,)"},
      {"an_int32: -7", R"("anInt32":-7,)"},
      {"an_int64: -9223372036854775808", R"("anInt64":"-9223372036854775808",)"},
      {"a_uint32: 4294967295", R"("aUint32":4294967295,)"},
      {"a_uint64: 18446744073709551615", R"("aUint64":"18446744073709551615",)"},
      {"a_double: 0.1", R"("aDouble":0.1,)"},
      {"a_double: 1e300", R"("aDouble":1e+300,)"},
      {"a_double: nan", R"("aDouble":"NaN",)"},
      {"a_double: -inf", R"("aDouble":"-Infinity",)"},
      {"a_float: 0.1", R"("aFloat":0.1,)"},
      {R"(a_string: "a\"\\/\n\t\r\000\033\177\302\233\302\240é")",
       "\"aString\":\"a\\\"\\\\/\\n\\t\\u000d\\u0000\\u001b\\u007f\\u009b\xC2\xA0é\","},
      {R"(some_bytes: "\373\377")", R"("someBytes":"+/8=",)"},
      {"color: COLOR_RED", R"("color":"COLOR_RED",)"},
      {"color: 77", R"("color":77,)"},
      {"maybe: 0", R"("maybe":0,)"},
      {"", R"("color":"COLOR_UNSPECIFIED","numbers":[],)"},
      {"time {}", R"("time":"1970-01-01T00:00:00Z",)"},
      {"time { nanos: 120000000 }", R"("time":"1970-01-01T00:00:00.120Z",)"},
      {"time { nanos: 1000 }", R"("time":"1970-01-01T00:00:00.000001Z",)"},
      {"time { seconds: -1 nanos: 1 }", R"("time":"1969-12-31T23:59:59.000000001Z",)"},
      {"time { seconds: -62135596800 }", R"("time":"0001-01-01T00:00:00Z",)"},
      {"numbers: 1 numbers: 2", R"("numbers":["1","2"],)"},
      {"times {} times { seconds: 1 }",
       R"("times":["1970-01-01T00:00:00Z","1970-01-01T00:00:01Z"],)"},
      {"colors: COLOR_RED", R"("colors":["COLOR_RED"],)"},
      {"inner { a_bool: true }", R"("inner":{"aBool":true,)"},
      {R"(left: "")", R"("left":"",)"},
      {R"(renamed: "x")", R"("otherName":"x",)"},
      {"flags: true flags: false", R"("flags":[true,false],)"},
      {"reals: 1 reals: inf", R"("reals":[1,"Infinity"],)"},
      {R"(blobs: "" blobs: "a")", R"("blobs":["","YQ=="])"},
  };
  for (const auto& [text, json] : kCases) {
    const std::unique_ptr<Message> message = sink_.New();
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), message.get()));
    EXPECT_THAT(WriteProtoJson(*message, 0), HasSubstr(std::string(json)));
  }
}

TEST_F(ProtoJsonTest, ReadsWhatItWrites) {
  google::api::HttpRule rule;
  rule.set_selector("a\x1b\x7f\xC2\x9B");
  rule.set_post("/v1");
  rule.add_additional_bindings()->mutable_custom()->set_kind("x");
  for (const int indent : {0, 1, 4}) {
    google::api::HttpRule read;
    ASSERT_THAT(ReadProtoJson(WriteProtoJson(rule, indent), &read), IsOk());
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(rule, read))
        << read.DebugString();
  }
}

}  // namespace
}  // namespace threadstore
