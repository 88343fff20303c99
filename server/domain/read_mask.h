#ifndef THREADSTORE_SERVER_DOMAIN_READ_MASK_H_
#define THREADSTORE_SERVER_DOMAIN_READ_MASK_H_

#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"
#include "server/domain/violations.h"

namespace threadstore {

// Which fields of a resource to return (AIP-157), by their paths in its proto. Paths go through
// single messages only, as everywhere in protobuf: `sender.email_address.name`, but no field of one
// of many recipients.
class ReadMask {
 public:
  // Everything.
  ReadMask() = default;

  // `mask` is the request's `read_mask`, in which no paths or `*` mean everything. Adds to
  // `violations` what the resource does not have.
  ReadMask(const google::protobuf::FieldMask& mask, const google::protobuf::Descriptor& resource,
           Violations& violations);

  // Returns a field in any case.
  void Keep(absl::string_view field);

  // Whether a field, or something in it, is to be returned.
  bool Has(absl::string_view field) const;

  // Clears what is not to be returned.
  void Trim(google::protobuf::Message& resource) const;

 private:
  google::protobuf::FieldMask mask_;  // Without paths: everything.
};

// What to return along with a resource: the request's `expand`. Adds to `violations` what is not
// one of `relations`.
class Expand {
 public:
  Expand(const google::protobuf::FieldMask& mask,
         std::initializer_list<absl::string_view> relations, Violations& violations);

  bool Has(absl::string_view relation) const;

 private:
  const google::protobuf::FieldMask& mask_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_READ_MASK_H_
