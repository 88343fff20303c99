#ifndef THREADSTORE_TESTS_FUZZ_RPC_SCENE_H_
#define THREADSTORE_TESTS_FUZZ_RPC_SCENE_H_

#include <cstdint>

namespace threadstore::testing {

// When everything in the scene was made, in microseconds since 1970, within some milliseconds.
inline constexpr int64_t kRpcSceneTime = 1'700'000'000'000'000;

// What the store has when an input begins: a v1::ImportThreadsRequest in text format. Ids never
// change, so that inputs can have them.
inline constexpr char kRpcScene[] = R"pb(
  records {
    group {
      name: "groups/g"
      id: "g"
      display_name: "Group"
      mail: "g@x"
      created_date_time { seconds: 1700000000 }
      allow_external_senders: true
    }
  }
  records { member { name: "groups/g/members/ann" id: "ann" role: ROLE_OWNER } }
  records { member { name: "groups/g/members/bob" id: "bob" mail: "bob@x" role: ROLE_MEMBER } }
  records { sender { name: "groups/g/rejectedSenders/zoe@x" id: "zoe@x" } }
  records {
    conversation {
      name: "groups/g/conversations/018bcfe5-6800-7000-8000-00000000000a"
      id: "018bcfe5-6800-7000-8000-00000000000a"
      topic: "Fruit"
      created_date_time { seconds: 1700000000 }
    }
  }
  records {
    thread {
      has_had_posts: true
      thread {
        name: "groups/g/threads/018bcfe5-6800-7000-8000-000000000001"
        id: "018bcfe5-6800-7000-8000-000000000001"
        conversation_id: "018bcfe5-6800-7000-8000-00000000000a"
        topic: "Fruit"
        preview: "a pear"
        unique_senders: "Ann"
        unique_senders: "Bob"
        to_recipients { email_address { name: "To" address: "to@x" } }
        last_delivered_date_time { seconds: 1700000000 nanos: 1000000 }
        created_date_time { seconds: 1700000000 }
        last_modified_date_time { seconds: 1700000000 nanos: 1000000 }
        etag: "\"2\""
      }
    }
  }
  records {
    post {
      author: "ann"
      post {
        name: "groups/g/threads/018bcfe5-6800-7000-8000-000000000001/posts/018bcfe5-6800-7000-8000-000000000002"
        id: "018bcfe5-6800-7000-8000-000000000002"
        conversation_id: "018bcfe5-6800-7000-8000-00000000000a"
        conversation_thread_id: "018bcfe5-6800-7000-8000-000000000001"
        body { content_type: "html" content: "<p>an <b>apple</b></p>" }
        sender { email_address { name: "Ann" address: "ann@x" } }
        created_date_time { seconds: 1700000000 }
        received_date_time { seconds: 1700000000 }
        last_modified_date_time { seconds: 1700000000 }
        etag: "\"1\""
      }
    }
  }
  records {
    post {
      author: "bob"
      post {
        name: "groups/g/threads/018bcfe5-6800-7000-8000-000000000001/posts/018bcfe5-6801-7000-8000-000000000003"
        id: "018bcfe5-6801-7000-8000-000000000003"
        conversation_id: "018bcfe5-6800-7000-8000-00000000000a"
        conversation_thread_id: "018bcfe5-6800-7000-8000-000000000001"
        body { content_type: "text" content: "a pear" }
        sender { email_address { name: "Bob" address: "bob@x" } }
        created_date_time { seconds: 1700000000 nanos: 1000000 }
        received_date_time { seconds: 1700000000 nanos: 1000000 }
        last_modified_date_time { seconds: 1700000000 nanos: 1000000 }
        etag: "\"1\""
      }
    }
  }
)pb";

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_FUZZ_RPC_SCENE_H_
