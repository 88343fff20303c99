#ifndef THREADSTORE_CLIENT_THREADCTL_THREAD_VIEW_H_
#define THREADSTORE_CLIENT_THREADCTL_THREAD_VIEW_H_

#include <string>

#include "absl/time/time.h"
#include "threadstore/v1/conversation_thread.pb.h"

namespace threadstore::threadctl {

// A thread and its posts, oldest first, as people read them: who is in it, then each post with the
// replies to it below, indented, and times in `zone`. A post whose parent is not among the posts
// stands like one that replies to none, and says so.
//
// The text is printable (see Printable) but for its newlines, and for the escapes that colour it if
// `color`. No line of a post's body can be taken for one of the view's own: each begins with `|`.
// HTML is shown as its text.
std::string FormatThread(const v1::ConversationThread& thread, absl::TimeZone zone, bool color);

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_THREAD_VIEW_H_
