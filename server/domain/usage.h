#ifndef THREADSTORE_SERVER_DOMAIN_USAGE_H_
#define THREADSTORE_SERVER_DOMAIN_USAGE_H_

#include <cstdint>
#include <string>

#include "threadstore/v1/conversation_thread.pb.h"

// What groups take up, and how much they may.
//
// The threads of a group are those that can be read: what is deleted stops counting at once. Its
// bytes are those of the texts, in UTF-8, and of the contents that callers wrote, as they are
// stored:
//   of a thread       its topic; the names and addresses of its recipients, To and Cc, who grow by
//                     the new participants of posts; until its first post, from which on they are
//                     derived, its preview and its unique senders
//   of a post         the content of its body, its categories, and the names and addresses of its
//                     new participants
//   of an attachment  its content, and all its texts
//   of an extension   its name and its content
//   of a forward      its comment, and the names and addresses of its recipients
// Nothing else counts: not who has posted, nor what is derived, nor ids and times, nor what an
// engine takes on its disk for rows and indexes.
namespace threadstore {

struct Usage {
  int64_t threads = 0;
  int64_t bytes = 0;
};

// What each group may have; 0 is no quota. A write that would add to what a quota bounds, and take
// it beyond, is refused with QUOTA_EXCEEDED, after everything else that it may be refused for. What
// adds nothing passes, also in a group that is beyond a quota that has been lowered.
struct GroupQuotas {
  int64_t max_threads = 0;
  int64_t max_bytes = 0;
};

// A text, or a content.
int64_t BytesOf(const std::string& text);

int64_t BytesOf(const v1::Recipient& recipient);

// A thread without its posts. If it has had any, what it says of them is derived, and does not
// count.
int64_t BytesOf(const v1::ConversationThread& thread, bool has_had_posts);

// A post with those attachments and extensions that the message has.
int64_t BytesOf(const v1::Post& post);

int64_t BytesOf(const v1::Attachment& attachment);
int64_t BytesOf(const v1::Extension& extension);
int64_t BytesOf(const v1::Forward& forward);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_USAGE_H_
