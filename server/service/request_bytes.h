#ifndef THREADSTORE_SERVER_SERVICE_REQUEST_BYTES_H_
#define THREADSTORE_SERVER_SERVICE_REQUEST_BYTES_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"

// Requests as they come, not parsed yet.
namespace threadstore {

// What a request will take in memory, as a message of the type of `message` and as what is made of
// it. INVALID_ARGUMENT if it has too many fields.
absl::StatusOr<size_t> MeasureRequest(grpc::ByteBuffer& bytes,
                                      const google::protobuf::Message& message);

// INVALID_ARGUMENT / MALFORMED_REQUEST for bytes that are no such message.
absl::Status ParseRequest(grpc::ByteBuffer& bytes, google::protobuf::Message& message);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_REQUEST_BYTES_H_
