#ifndef THREADSTORE_CLIENT_THREADCTL_INPUT_H_
#define THREADSTORE_CLIENT_THREADCTL_INPUT_H_

#include <functional>
#include <string>

#include "CLI/CLI.hpp"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"
#include "threadstore/v1/conversation_thread.pb.h"

// What verbs read from flags, files and standard input. A file that cannot be read, or that does
// not hold what it should, is thrown as CLI::FileError.
namespace threadstore::threadctl {

// Adds a flag that may be given several times, with one value each time.
CLI::Option* AddRepeatedFlag(CLI::App* verb, const std::string& name,
                             const std::string& description);

// Adds `--request_id`, the id under which a create can be sent again.
void AddRequestId(CLI::App* verb, std::string* request_id);

// Adds `--etag`, which makes a change depend on what is stored.
void AddEtag(CLI::App* verb, std::string* etag);

// Throws CLI::RequiredError, which says that one of `flags` is missing, if `mask` has no field.
void RequireChange(const google::protobuf::FieldMask& mask, const std::string& flags);

// Adds `--file`, which names what InputPath returns.
CLI::Option* AddFile(CLI::App* verb, const std::string& description);

// Where input comes from: the file given by `file`, or standard input, which is `-`, if it is no
// terminal; otherwise throws CLI::RequiredError, since `what` is missing.
std::string InputPath(const CLI::Option& file, const std::string& what);

// What is read at a path of InputPath, at most 32 MiB.
std::string ReadInput(const std::string& path);

// Reads the JSON there into `message`, as strictly as ReadProtoJson does.
void ReadJsonInput(const std::string& path, google::protobuf::Message* message);

// The file at `path` as an attachment, under the file's own name.
v1::Attachment ReadAttachment(const std::string& path);

// The options `--body` and `--html`, of which at most one is given.
struct BodyFlags {
  CLI::Option* text;
  CLI::Option* html;
};

BodyFlags AddBodyFlags(CLI::App* verb);

// Whether one of them is given, and the body that it describes.
bool IsGiven(const BodyFlags& flags);
v1::ItemBody MakeBody(const BodyFlags& flags);

// Adds the flags that say what to post. What is returned makes the post of them, and of JSON if
// they say no text; call it when the command line has been parsed.
std::function<v1::Post()> AddPostFlags(CLI::App* verb);

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_INPUT_H_
