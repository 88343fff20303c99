#include "server/service/wire_message.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "server/base/errors.h"
#include "server/base/wire_fields.h"

namespace threadstore {
namespace {

// What a field takes in memory, besides its bytes on the wire, in the parsed request and in the
// resource that is made of it.
constexpr size_t kBytesPerField = 150;

}  // namespace

absl::StatusOr<size_t> MeasureMessage(grpc::ByteBuffer& bytes,
                                      const google::protobuf::Message& message, int max_fields) {
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok()) return MalformedRequestError(message.GetTypeName());
  WireFields fields = CountFields(*message.GetDescriptor(), max_fields, reader);
  if (fields.beyond.empty()) {
    return bytes.Length() + kBytesPerField * static_cast<size_t>(fields.count);
  }
  return InvalidFieldError(std::move(fields.beyond),
                           absl::StrCat("a request may have at most ", max_fields,
                                        " fields and list elements altogether"));
}

absl::Status ParseMessage(grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  grpc::ProtoBufferReader reader(&bytes);
  if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return MalformedRequestError(message.GetTypeName());
}

}  // namespace threadstore
