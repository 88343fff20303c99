#ifndef THREADSTORE_SERVER_SERVICE_PAGE_FINISHER_H_
#define THREADSTORE_SERVER_SERVICE_PAGE_FINISHER_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/domain/page_token.h"
#include "server/domain/timestamp.h"
#include "server/store/thread_store.h"

// What all lists share: the page's resources become the response's, and the last of them the place
// where the next page begins.
namespace threadstore {

// Sets in the token the place of a page's last resource: its id, and what else the order goes by.
template <typename Page, typename Resource>
void SetPlace(const Page& /*page*/, const Resource& last, internal::v1::PageToken& token) {
  token.set_last_id(last.id());
}

inline void SetPlace(const ThreadPage& /*page*/, const v1::ConversationThread& last,
                     internal::v1::PageToken& token) {
  token.set_last_id(last.id());
  token.set_last_delivered_us(ToMicros(last.last_delivered_date_time()));
}

inline void SetPlace(const ConversationPage& page, const v1::Conversation& /*last*/,
                     internal::v1::PageToken& token) {
  token.set_last_id(page.last.id.ToString());
  token.set_last_delivered_us(page.last.last_delivered_us);
}

inline void SetPlace(const ExtensionPage& /*page*/, const v1::Extension& last,
                     internal::v1::PageToken& token) {
  token.set_last_id(last.extension_name());
}

// The callback of a store call that lists: ends `call` with the page. `resources` are the page's,
// `response_resources` their field in the response; `fingerprint` is the query's. Drops the call's
// request.
template <typename Call, typename Page, typename Resource>
auto PageFinisher(
    Call call, uint64_t fingerprint, google::protobuf::RepeatedPtrField<Resource> Page::*resources,
    google::protobuf::RepeatedPtrField<Resource>* (Call::Response::*response_resources)()) {
  call.DropRequest();
  return [call = std::move(call), fingerprint, resources,
          response_resources](absl::StatusOr<Page> page) mutable {
    if (!page.ok()) return std::move(call).Finish(page.status());
    typename Call::Response response;
    auto& listed = *(response.*response_resources)();
    listed.Swap(&((*page).*resources));
    if (page->has_more) {
      internal::v1::PageToken token;
      token.set_query_fingerprint(fingerprint);
      SetPlace(*page, *listed.rbegin(), token);
      response.set_next_page_token(EncodePageToken(token));
    }
    std::move(call).Finish(std::move(response));
  };
}

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_PAGE_FINISHER_H_
