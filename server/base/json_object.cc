#include "server/base/json_object.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "server/base/json_scalar.h"

namespace threadstore {
namespace {

constexpr absl::string_view kMustBe = "must be a JSON object";
constexpr absl::string_view kNoNul = "must not contain U+0000";

// Receives the tokens of nlohmann's parser, which keeps its own stack.
class Checker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Checker(int max_depth) : max_depth_(static_cast<size_t>(max_depth)) {}

  absl::Status TakeStatus() && { return std::move(status_); }

  bool null() override { return OnScalar(); }
  bool boolean(bool /*value*/) override { return OnScalar(); }
  bool number_integer(number_integer_t /*value*/) override { return OnScalar(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return OnScalar(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return OnScalar();
  }
  bool string(string_t& value) override {
    return absl::StrContains(value, '\0') ? Fail(kNoNul) : OnScalar();
  }
  bool binary(binary_t& /*value*/) override { return Fail(kMustBe); }

  bool start_object(size_t /*size*/) override { return Open(); }
  bool start_array(size_t /*size*/) override { return open_.empty() ? Fail(kMustBe) : Open(); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    if (absl::StrContains(name, '\0')) return Fail(kNoNul);
    if (open_.back().insert(name).second) return true;
    return Fail(absl::StrCat("must not have the member ", Quotable(name), " twice in one object"));
  }

  bool parse_error(size_t position, const std::string& /*last_token*/,
                   const nlohmann::detail::exception& error) override {
    constexpr int kNumberOverflow = 406;
    return Fail(error.id == kNumberOverflow
                    ? "must not have numbers out of range"
                    : absl::StrCat(kMustBe, ": it is not JSON at byte ", position));
  }

 private:
  // The names of an object's members so far; unused if it is a list.
  using Members = absl::flat_hash_set<std::string>;

  bool OnScalar() { return open_.empty() ? Fail(kMustBe) : true; }

  bool Open() {
    if (open_.size() == max_depth_) {
      return Fail(absl::StrCat("must have at most ", max_depth_, " levels of lists and objects"));
    }
    open_.emplace_back();
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  bool Fail(absl::string_view description) {
    status_ = absl::InvalidArgumentError(description);
    return false;
  }

  const size_t max_depth_;
  std::vector<Members> open_;
  absl::Status status_;
};

}  // namespace

absl::Status CheckJsonObject(absl::string_view json, int max_depth) {
  // The parser skips a byte order mark, and takes U+0000 for the end.
  if (absl::StartsWith(json, "\xEF\xBB\xBF")) {
    return absl::InvalidArgumentError(absl::StrCat(kMustBe, ", and begins with a byte order mark"));
  }
  if (absl::StrContains(json, '\0')) return absl::InvalidArgumentError(kNoNul);
  Checker checker(max_depth);
  nlohmann::json::sax_parse(json.begin(), json.end(), &checker);
  return std::move(checker).TakeStatus();
}

}  // namespace threadstore
