#ifndef THREADSTORE_SERVER_SERVICE_STATUS_H_
#define THREADSTORE_SERVER_SERVICE_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"

namespace threadstore {

// Turns an error into what travels on the wire: its payloads become the details of a
// google.rpc.Status (AIP-193). Message and details are cut to what clients accept in trailers;
// a BadRequest that loses violations says how many.
//
// An error that server/base/errors.h did not make is a fault: it is logged with the name of the
// method, and the caller receives INTERNAL without its text.
grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view method);

// At most kMaxErrorMessageBytes of a text, cut at a boundary between UTF-8 characters.
std::string CutMessage(absl::string_view message);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_STATUS_H_
