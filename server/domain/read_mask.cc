#include "server/domain/read_mask.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/field_mask_util.h"
#include "server/domain/field_checks.h"
#include "server/domain/limits.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldMask;
using google::protobuf::util::FieldMaskUtil;

bool Names(const FieldMask& mask, absl::string_view path) {
  return std::find(mask.paths().begin(), mask.paths().end(), path) != mask.paths().end();
}

bool IsPathOf(const Descriptor& resource, const std::string& path) {
  // protobuf skips empty names.
  const bool has_empty_name = absl::StrContains(absl::StrCat(".", path, "."), "..");
  return path.size() <= kMaxMaskPathBytes && !has_empty_name &&
         FieldMaskUtil::GetFieldDescriptors(&resource, path, nullptr);
}

std::string Quoted(absl::string_view path) {
  return absl::Utf8SafeCEscape(path.substr(0, kMaxMaskPathBytes));
}

}  // namespace

ReadMask::ReadMask(const FieldMask& mask, const Descriptor& resource, Violations& violations) {
  if (!CheckCount("read_mask", mask.paths_size(), kMaxMaskPaths, violations)) return;
  for (const std::string& path : mask.paths()) {
    if (path != kAllFields && !IsPathOf(resource, path)) {
      violations.Add("read_mask", absl::StrCat("must not name ", Quoted(path), ": ",
                                               std::string(resource.name()), " has no such field"));
    }
  }
  if (!Names(mask, kAllFields)) mask_ = mask;
}

void ReadMask::Keep(absl::string_view field) {
  if (!mask_.paths().empty()) mask_.add_paths(std::string(field));
}

bool ReadMask::Has(absl::string_view field) const {
  const std::string inside = absl::StrCat(field, ".");
  return mask_.paths().empty() ||
         std::any_of(mask_.paths().begin(), mask_.paths().end(), [&](const std::string& path) {
           return path == field || absl::StartsWith(path, inside);
         });
}

void ReadMask::Trim(google::protobuf::Message& resource) const {
  if (!mask_.paths().empty()) FieldMaskUtil::TrimMessage(mask_, &resource);
}

Expand::Expand(const FieldMask& mask, std::initializer_list<absl::string_view> relations,
               Violations& violations)
    : mask_(mask) {
  if (!CheckCount("expand", mask.paths_size(), kMaxMaskPaths, violations)) return;
  for (const std::string& path : mask.paths()) {
    if (std::find(relations.begin(), relations.end(), path) != relations.end()) continue;
    violations.Add("expand", absl::StrCat("must not name ", Quoted(path), ": there is ",
                                          absl::StrJoin(relations, ", ")));
  }
}

bool Expand::Has(absl::string_view relation) const { return Names(mask_, relation); }

}  // namespace threadstore
