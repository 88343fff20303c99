#ifndef THREADSTORE_SERVER_BASE_FIELD_PATH_H_
#define THREADSTORE_SERVER_BASE_FIELD_PATH_H_

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace threadstore {

// From a message through single messages in it to a field of the last; empty leads nowhere.
using FieldPath = absl::InlinedVector<const google::protobuf::FieldDescriptor*, 2>;

// The path of names joined by `.`, such as `body.content`; empty if there is no such field.
FieldPath PathOf(const google::protobuf::Descriptor& message, absl::string_view names);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_FIELD_PATH_H_
