#ifndef THREADSTORE_SERVER_BASE_WIRE_FIELDS_H_
#define THREADSTORE_SERVER_BASE_WIRE_FIELDS_H_

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/zero_copy_stream.h"

namespace threadstore {

struct WireFields {
  // Fields and list elements, those of messages in it and unknown ones counted. Counting ends
  // where the message cannot be parsed, or with the first that goes beyond the limit.
  int count = 0;

  // The path of that one, such as `thread.to_recipients`; empty if there is none.
  std::string beyond;
};

// Counts the fields of a serialised message of `type`. Takes no memory, unlike parsing, where two
// bytes can become a hundred.
WireFields CountFields(const google::protobuf::Descriptor& type, int limit,
                       google::protobuf::io::ZeroCopyInputStream& bytes);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_WIRE_FIELDS_H_
