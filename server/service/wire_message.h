#ifndef THREADSTORE_SERVER_SERVICE_WIRE_MESSAGE_H_
#define THREADSTORE_SERVER_SERVICE_WIRE_MESSAGE_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"

// Messages as they arrive.
namespace threadstore {

// What the bytes of a message like `message` will take in memory when they are parsed, themselves
// included. INVALID_ARGUMENT if they are not one, or have more than `max_fields` fields.
absl::StatusOr<size_t> MeasureMessage(grpc::ByteBuffer& bytes,
                                      const google::protobuf::Message& message, int max_fields);

// INVALID_ARGUMENT / MALFORMED_REQUEST if the bytes are not a message of that type.
absl::Status ParseMessage(grpc::ByteBuffer& bytes, google::protobuf::Message& message);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_WIRE_MESSAGE_H_
