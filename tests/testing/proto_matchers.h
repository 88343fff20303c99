#ifndef THREADSTORE_TESTS_TESTING_PROTO_MATCHERS_H_
#define THREADSTORE_TESTS_TESTING_PROTO_MATCHERS_H_

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"

namespace threadstore::testing {

// Matches a message equal to `expected` in every field.
MATCHER_P(EqualsProto, expected, "equals " + expected.ShortDebugString()) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  const bool equal = differencer.Compare(expected, arg);
  *result_listener << differences;
  return equal;
}

// The message that a text in protobuf's text format describes.
template <typename Message>
Message ParseText(const std::string& text) {
  Message message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) {
    ADD_FAILURE() << "not a " << message.GetTypeName() << ": " << text;
  }
  return message;
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_PROTO_MATCHERS_H_
