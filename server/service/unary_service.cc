#include "server/service/unary_service.h"

#include "grpc/support/log.h"

namespace threadstore {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

const MethodDescriptor& FindMethod(const char* service, const Descriptor& request,
                                   const Descriptor& response) {
  const ServiceDescriptor* const methods =
      DescriptorPool::generated_pool()->FindServiceByName(service);
  const MethodDescriptor* found = nullptr;
  for (int i = 0; i < methods->method_count(); ++i) {
    const MethodDescriptor& method = *methods->method(i);
    if (method.input_type() == &request && method.output_type() == &response) found = &method;
  }
  GPR_ASSERT(found != nullptr);
  return *found;
}

}  // namespace threadstore
