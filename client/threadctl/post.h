#ifndef THREADSTORE_CLIENT_THREADCTL_POST_H_
#define THREADSTORE_CLIENT_THREADCTL_POST_H_

#include <functional>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
#include "threadstore/v1/conversation_thread.pb.h"

namespace threadstore::threadctl {

inline constexpr char kThreadName[] =
    "groups/GROUP/threads/THREAD, or me/joinedGroups/GROUP/threads/THREAD";
inline constexpr char kPostName[] = "groups/GROUP/threads/THREAD/posts/POST";

// Below the summary of a verb that replies; its example follows.
constexpr absl::string_view kReplyNotes =
    "The post is a text, or JSON on standard input unless a flag says otherwise. A user posts as\n"
    "itself; an application says with --from, or with the JSON's sender, who posts.\n\n";

void PrintPost(const v1::Post& post, Printer& printer);

// Makes `verb` add a post by `reply`, to what its NAME is the name of.
template <typename Request>
void SetReplyCommand(CLI::App* verb, const std::string& name_description,
                     absl::StatusOr<v1::Post> (ThreadClient::*reply)(Request), Command* command) {
  const auto request = std::make_shared<Request>();
  AddName(verb, "NAME", request->mutable_name(), name_description);
  const std::function<v1::Post()> make_post = AddPostFlags(verb);
  AddRequestId(verb, request->mutable_request_id());
  verb->callback([request, make_post, reply, command] {
    *request->mutable_post() = make_post();
    *command = [request, reply](ThreadClient& client, Printer& printer) -> absl::Status {
      ASSIGN_OR_RETURN(const v1::Post post, (client.*reply)(*request));
      PrintPost(post, printer);
      return absl::OkStatus();
    };
  });
}

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_POST_H_
