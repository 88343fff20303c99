#ifndef THREADSTORE_SERVER_BASE_JSON_DIALECT_H_
#define THREADSTORE_SERVER_BASE_JSON_DIALECT_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "server/base/field_path.h"
#include "server/base/json_scalar.h"

namespace threadstore {

// How the members of JSON objects stand for the fields of messages. As it is, it is
// ReadProtoJson's; others override what they have otherwise. One value reads one text at a time.
class JsonDialect {
 public:
  // What is to be done with a member's value.
  enum class Use {
    kUnknown,  // There is no such member: an error.
    kIgnored,  // Nothing, with all that it holds.
    kField,    // It is read into a field.
    kRaw,      // It is given to TakeRaw.
  };

  struct Member {
    Use use = Use::kUnknown;

    // Of kField: from the object's message through single messages, which come to be with the
    // value, to the field.
    FieldPath path = {};

    // Of kUnknown: why, if not because nobody knows such a member.
    std::string problem = {};
  };

  // The members that an object had.
  struct Members {
    std::map<std::string, bool> fields;  // Their paths, joined by `.`, and whether they were null.
    std::set<std::string> others;        // Names of those without a field.
  };

  // A value that is not read, but given as it is.
  struct RawValue {
    absl::string_view name;         // The member's.
    absl::string_view quoted_name;  // As it was written.
    absl::string_view json;         // As it was written, without white space around it.
    const Scalar* scalar;           // Null if it is a list or an object.
  };

  virtual ~JsonDialect() = default;

  // The member of that name of an object that is read into `object`.
  virtual Member Find(const google::protobuf::Message& object, absl::string_view name) const;

  // The names that an unknown one may have been meant to be.
  virtual std::vector<absl::string_view> Names(const google::protobuf::Message& object) const;

  // Stores a scalar other than null into `field`, or adds it if that is a list.
  virtual Fault ReadScalar(const Scalar& scalar, google::protobuf::Message* message,
                           const google::protobuf::FieldDescriptor* field);

  virtual Fault TakeRaw(const RawValue& value, google::protobuf::Message* object);

  // Called when an object has been read.
  virtual Fault EndObject(const Members& members, google::protobuf::Message* object);
};

// Whether a member says something of others instead of being one (OData JSON format 4.01, section
// 4.6): its name begins with `@` or contains `@odata.`.
bool IsAnnotation(absl::string_view name);

// Reads `json` as ReadProtoJson does, but in another dialect.
absl::Status ReadJson(absl::string_view json, JsonDialect& dialect,
                      google::protobuf::Message* message);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_JSON_DIALECT_H_
