#ifndef THREADSTORE_CLIENT_THREADCTL_CHANGE_VIEW_H_
#define THREADSTORE_CLIENT_THREADCTL_CHANGE_VIEW_H_

#include <string>

#include "absl/strings/string_view.h"
#include "client/threadctl/printer.h"
#include "threadstore/v1/thread_service.pb.h"

// How changes of threads, posts and forwards are told to people.
namespace threadstore::threadctl {

// What has happened, such as `new post` or `thread deleted`.
std::string ChangeKind(const v1::ThreadChange& change);

// Who did it, as far as the resource says so, and what of: the topic of a thread, the beginning of
// a post. Empty if the resource is gone. Not Printable yet, but on one line.
std::string ChangeSummary(const v1::ThreadChange& change);

// A line of a table of changes, with the local time: its columns are kChangeColumns.
Row ChangeRow(const v1::ThreadChange& change);
extern const char* const kChangeColumns[4];

// The same as a printable line for a terminal of `width` columns, at the end of which it is cut:
// time of day, group if `with_group`, what has happened, summary, or if there is none the name.
std::string ChangeLine(const v1::ThreadChange& change, bool with_group, int width,
                       absl::TimeZone zone);

// One line of JSON: `{"change":...,"deltaToken":...}`. Without a change there is no such member.
// The token is empty where it is not known yet.
std::string ChangeJson(const v1::ThreadChange* change, absl::string_view delta_token);

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_CHANGE_VIEW_H_
