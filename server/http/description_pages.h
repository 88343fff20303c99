#ifndef THREADSTORE_SERVER_HTTP_DESCRIPTION_PAGES_H_
#define THREADSTORE_SERVER_HTTP_DESCRIPTION_PAGES_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "server/http/http_message.h"

// Pages that tell what the HTTP face can do. They need no credentials: all of it is in public
// source anyway.
namespace threadstore {

// Of the pages of `/docs`: scripts, styles and requests of this origin alone. Swagger UI has its
// icons as data URLs in its style sheet.
inline constexpr absl::string_view kDocsContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

// The answer to a GET or HEAD request for
//   `/`                          what this is, and links to the rest, as JSON,
//   `/openapi.json`, `/$metadata`  the descriptions, also below `/v1.0`, `/beta` and `/localtest`,
//   `/docs`, `/docs/...`         a page to read and try them, if `docs_enabled` and built in.
//
// `path` is that of `request.target`, decoded and without its query. Nothing if the path is none of
// these, or the method another: what is then answered, 404 or 405, is the caller's to say. A HEAD
// has the headers of the GET, and no body.
//
// Answers have an ETag, and are 304 to an If-None-Match that names it. They are compressed for
// clients that accept gzip (RFC 9110, section 12.5.3). Takes a millisecond; thread-safe.
std::optional<HttpResponse> ServeDescription(const HttpRequest& request, absl::string_view path,
                                             bool docs_enabled);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIPTION_PAGES_H_
