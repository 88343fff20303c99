#ifndef THREADSTORE_SERVER_HTTP_DESCRIPTIONS_H_
#define THREADSTORE_SERVER_HTTP_DESCRIPTIONS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Descriptions of the HTTP face, made when the server is built from the annotations and comments of
// the protos and from the Graph schema (see server/http/describe), and embedded in it.
namespace threadstore {

// OpenAPI 3.1 as JSON: every route, with what it takes and answers. Paths are relative to `/v1.0`.
absl::string_view OpenApiDocument();

// OData CSDL 4.0 as XML, what `$metadata` answers.
absl::string_view CsdlDocument();

// A file that is served as it is. All three live as long as the process.
struct DocsFile {
  absl::string_view path;          // Such as `/docs/docs.js`.
  absl::string_view content_type;  // With its charset, if it is text.
  absl::string_view gzip_body;     // One gzip member (RFC 1952).
};

// The page that shows the OpenAPI document and tries it out, `/docs/index.html`, and what it
// loads. Empty if the viewer, npm's swagger-ui-dist, was not there when the server was built.
const std::vector<DocsFile>& DocsFiles();

bool HasDocsPage();

// The two documents: `/openapi.json` and `/$metadata`.
const std::vector<DocsFile>& DescriptionFiles();

// What a file that is embedded holds.
std::string BodyOf(const DocsFile& file);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIPTIONS_H_
