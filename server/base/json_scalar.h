#ifndef THREADSTORE_SERVER_BASE_JSON_SCALAR_H_
#define THREADSTORE_SERVER_BASE_JSON_SCALAR_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

// JSON values that are neither lists nor objects, and the fields that hold them: the part of
// proto_json.h's reader that knows each field type.
namespace threadstore {

// What is wrong with a value; nothing if it is fine.
using Fault = std::optional<std::string>;

// A JSON value that is neither a list nor an object.
struct Scalar {
  enum class Kind { kNull, kBool, kNumber, kString };
  Kind kind = Kind::kNull;
  bool boolean = false;
  absl::string_view text = "";  // a number as written; a string's value
};

// Stores a scalar other than null into `field`, or adds it if that is a list.
Fault ReadScalar(const Scalar& scalar, google::protobuf::Message* message,
                 const google::protobuf::FieldDescriptor* field);

// The new message of a field that holds one, added if that is a list.
google::protobuf::Message* NewSubmessage(google::protobuf::Message* message,
                                         const google::protobuf::FieldDescriptor* field);

bool IsTimestamp(const google::protobuf::Descriptor* type);

// What a value of `field`, or an element if it is a list, has to be, and what it is.
absl::string_view ExpectedOf(const google::protobuf::FieldDescriptor* field);
absl::string_view KindName(Scalar::Kind kind);
std::string Expected(absl::string_view expected, absl::string_view got);

// Input that goes into a message, made safe to print and short.
std::string Quotable(absl::string_view text);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_JSON_SCALAR_H_
