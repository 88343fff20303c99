#include "client/threadctl/input.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/threadctl/text.h"
#include "server/base/errno_text.h"
#include "server/base/proto_json.h"

namespace threadstore::threadctl {
namespace {

// The server takes 5 MiB; JSON may write each byte of a text as six.
constexpr size_t kMaxFileBytes = size_t{32} << 20;

[[noreturn]] void ThrowFileError(absl::string_view source, absl::string_view what) {
  throw CLI::FileError(absl::StrCat(source, ": ", what));
}

std::string ReadAll(std::FILE* file, absl::string_view source) {
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), file)) {
    text.append(buffer.data(), size);
    if (text.size() > kMaxFileBytes) {
      ThrowFileError(source, absl::StrCat("is larger than ", kMaxFileBytes >> 20, " MiB"));
    }
  }
  if (std::ferror(file) != 0) ThrowFileError(source, ErrnoText(errno));
  return text;
}

std::string ReadFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (file == nullptr) ThrowFileError(path, ErrnoText(errno));
  return ReadAll(file.get(), path);
}

std::string SourceName(const std::string& path) { return path == "-" ? "standard input" : path; }

}  // namespace

CLI::Option* AddRepeatedFlag(CLI::App* verb, const std::string& name,
                             const std::string& description) {
  return verb->add_option(name, description)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void AddRequestId(CLI::App* verb, std::string* request_id) {
  verb->add_option("--request_id", *request_id,
                   "A UUID, under which the same request creates nothing new when sent again");
}

void AddEtag(CLI::App* verb, std::string* etag) {
  verb->add_option("--etag", *etag, "Do it only if this is still the etag");
}

void RequireChange(const google::protobuf::FieldMask& mask, const std::string& flags) {
  if (mask.paths().empty()) throw CLI::RequiredError(absl::StrCat("a change (", flags, ")"));
}

CLI::Option* AddFile(CLI::App* verb, const std::string& description) {
  return verb->add_option("--file", description)->type_name("FILE");
}

std::string InputPath(const CLI::Option& file, const std::string& what) {
  if (file.count() > 0) return file.as<std::string>();
  if (isatty(STDIN_FILENO) != 0) throw CLI::RequiredError(what);
  return "-";
}

std::string ReadInput(const std::string& path) {
  return path == "-" ? ReadAll(stdin, SourceName(path)) : ReadFile(path);
}

void ReadJsonInput(const std::string& path, google::protobuf::Message* message) {
  const absl::Status status = ReadProtoJson(ReadInput(path), message);
  if (!status.ok()) ThrowFileError(SourceName(path), status.message());
}

v1::Attachment ReadAttachment(const std::string& path) {
  v1::Attachment attachment;
  attachment.set_display_name(std::filesystem::path(path).filename().string());
  attachment.mutable_file()->set_content_bytes(ReadFile(path));
  return attachment;
}

BodyFlags AddBodyFlags(CLI::App* verb) {
  CLI::Option* text = verb->add_option("--body", "The post's text")->type_name("TEXT");
  CLI::Option* html =
      verb->add_option("--html", "The post's text as HTML")->type_name("HTML")->excludes(text);
  return {text, html};
}

bool IsGiven(const BodyFlags& flags) { return flags.text->count() + flags.html->count() > 0; }

v1::ItemBody MakeBody(const BodyFlags& flags) {
  const bool is_html = flags.html->count() > 0;
  v1::ItemBody body;
  body.set_content_type(is_html ? "html" : "text");
  body.set_content((is_html ? flags.html : flags.text)->as<std::string>());
  return body;
}

std::function<v1::Post()> AddPostFlags(CLI::App* verb) {
  const BodyFlags body = AddBodyFlags(verb);
  CLI::Option* file = AddFile(verb, "The file with the post's JSON; - is standard input")
                          ->excludes(body.text)
                          ->excludes(body.html);
  CLI::Option* from =
      verb->add_option("--from", "Who posts, if an application calls: 'NAME <ADDRESS>', or either")
          ->type_name("SENDER");
  CLI::Option* attach =
      AddRepeatedFlag(verb, "--attach", "Attach this file; may be repeated")->type_name("FILE");
  return [=] {
    v1::Post post;
    if (IsGiven(body)) {
      *post.mutable_body() = MakeBody(body);
    } else {
      ReadJsonInput(InputPath(*file, "a post (--body, --html, --file, or JSON on standard input)"),
                    &post);
    }
    if (from->count() > 0) *post.mutable_sender() = ParseRecipient(from->as<std::string>());
    for (const std::string& path : attach->results()) {
      *post.add_attachments() = ReadAttachment(path);
    }
    return post;
  };
}

}  // namespace threadstore::threadctl
