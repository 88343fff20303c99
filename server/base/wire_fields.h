#ifndef THREADSTORE_SERVER_BASE_WIRE_FIELDS_H_
#define THREADSTORE_SERVER_BASE_WIRE_FIELDS_H_

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/zero_copy_stream.h"

namespace threadstore {

// Where a serialised message of `type` has more than `max_fields` fields, those of messages in it
// and unknown ones counted: the path of the field at which it goes beyond, such as
// `thread.to_recipients`. Empty if it has not, or cannot be parsed. Takes no memory, unlike
// parsing, where two bytes can become a hundred.
std::string FindFieldBeyond(int max_fields, const google::protobuf::Descriptor& type,
                            google::protobuf::io::ZeroCopyInputStream& bytes);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_WIRE_FIELDS_H_
