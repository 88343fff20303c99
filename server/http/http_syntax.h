#ifndef THREADSTORE_SERVER_HTTP_HTTP_SYNTAX_H_
#define THREADSTORE_SERVER_HTTP_HTTP_SYNTAX_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/http/http_message.h"

// Parts of the grammar of HTTP (RFC 9110, section 5.6) and of URIs (RFC 3986).
namespace threadstore {

// Whether `c` may be in a token: a method, the name of a field.
bool IsTokenChar(char c);

// Whether `text` is HOST or HOST:PORT: a name, an IPv4 address, or an IPv6 address in brackets.
bool IsHost(absl::string_view text);

// `text`, which is HOST or HOST:PORT, without the port.
absl::string_view WithoutPort(absl::string_view text);

// The elements of a list of all fields of this name, without white space around them; empty ones
// are left out. A quoted comma does not divide.
std::vector<absl::string_view> ListOf(const HttpHeaders& headers, absl::string_view name);

// The scheme and the authority of a URL.
struct WebOrigin {
  std::string scheme;  // http or https.
  std::string host;    // HOST or HOST:PORT in lower case, without the scheme's own port.

  std::string ToString() const;
  bool operator==(const WebOrigin&) const = default;
};

// The origin of `scheme` and `host`, in any case.
WebOrigin MakeWebOrigin(absl::string_view scheme, absl::string_view host);

// Reads SCHEME://HOST[:PORT] with a scheme of http or https. `rest`, if not null, is set to what
// follows; otherwise nothing may. Nothing if `text` is something else.
std::optional<WebOrigin> ParseWebOrigin(absl::string_view text, absl::string_view* rest = nullptr);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_HTTP_SYNTAX_H_
