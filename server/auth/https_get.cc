#include "server/auth/https_get.h"

#include <curl/curl.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/file_text.h"

namespace threadstore {
namespace {

constexpr size_t kMaxBodyBytes = size_t{1} << 20;
constexpr long kTimeoutMillis = 5000;  // NOLINT(google-runtime-int): curl's type.
constexpr long kOk = 200;              // NOLINT(google-runtime-int)

void InitializeOnce() {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)initialized;  // A failure shows as one of the first call.
}

// Takes less than it was given to end the transfer.
size_t TakeBody(const char* data, size_t size, size_t count, void* user) {
  auto& body = *static_cast<std::string*>(user);
  const size_t bytes = size * count;
  if (body.size() + bytes > kMaxBodyBytes) return 0;
  body.append(data, bytes);
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> HttpsGet(const KeyLocation& location) {
  InitializeOnce();
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (curl == nullptr) return absl::UnavailableError("libcurl does not start");
  std::string body;
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, location.jwks.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl.get(), CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMillis);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  if (!location.ca.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_CAINFO, location.ca.c_str());
    // Debian's libcurl would trust all that the system trusts besides.
    curl_easy_setopt(curl.get(), CURLOPT_CAPATH, nullptr);
  }
  if (!location.token_file.empty()) {
    const absl::StatusOr<std::string> token = ReadFileText(location.token_file, kMaxBodyBytes);
    if (!token.ok()) {
      return absl::UnavailableError(
          absl::StrCat(location.token_file, " ", token.status().message()));
    }
    curl_easy_setopt(curl.get(), CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl.get(), CURLOPT_XOAUTH2_BEARER,
                     std::string(absl::StripAsciiWhitespace(*token)).c_str());
  }
  const CURLcode result = curl_easy_perform(curl.get());
  if (result != CURLE_OK) {
    return absl::UnavailableError(*reason == '\0' ? curl_easy_strerror(result) : reason);
  }
  long status = 0;  // NOLINT(google-runtime-int)
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != kOk) return absl::UnavailableError(absl::StrCat("the answer is HTTP ", status));
  return body;
}

}  // namespace threadstore
