#ifndef THREADSTORE_SERVER_SERVICE_PAGE_FINISHER_H_
#define THREADSTORE_SERVER_SERVICE_PAGE_FINISHER_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/domain/page_token.h"
#include "server/domain/read_mask.h"
#include "server/store/thread_store.h"

// What all lists share: the page's resources become the response's, and the last of them the place
// where the next page begins.
namespace threadstore {

// Sets in the token the place where a page ended: in most lists that of its last resource.
template <typename Page, typename Resource>
void SetPlace(const Page& /*page*/, const google::protobuf::RepeatedPtrField<Resource>& resources,
              internal::v1::PageToken& token) {
  token.set_last_id(resources.rbegin()->id());
}

inline void SetPlace(const ExtensionPage& /*page*/,
                     const google::protobuf::RepeatedPtrField<v1::Extension>& resources,
                     internal::v1::PageToken& token) {
  token.set_last_id(resources.rbegin()->extension_name());
}

inline void SetPlace(const ThreadCursor& last, internal::v1::PageToken& token) {
  token.set_last_id(last.id.ToString());
  token.set_last_delivered_us(last.last_delivered_us);
  if (last.topic.has_value()) token.set_last_topic(*last.topic);
}

inline void SetPlace(const GroupPage& page,
                     const google::protobuf::RepeatedPtrField<v1::Group>& /*groups*/,
                     internal::v1::PageToken& token) {
  token.set_last_id(page.last);
}

inline void SetPlace(const ThreadPage& page,
                     const google::protobuf::RepeatedPtrField<v1::ConversationThread>& /*threads*/,
                     internal::v1::PageToken& token) {
  SetPlace(page.last, token);
}

inline void SetPlace(const ConversationPage& page,
                     const google::protobuf::RepeatedPtrField<v1::Conversation>& /*conversations*/,
                     internal::v1::PageToken& token) {
  SetPlace(page.last, token);
}

inline void SetPlace(const PostPage& page,
                     const google::protobuf::RepeatedPtrField<v1::Post>& /*posts*/,
                     internal::v1::PageToken& token) {
  token.set_last_id(page.last.ToString());
}

// The callback of a store call that lists: ends `call` with the page. `resources` are the page's,
// `response_resources` their field in the response; `fingerprint` is the query's. Drops the call's
// request. What the mask leaves out is cleared.
template <typename Call, typename Page, typename Resource>
auto PageFinisher(
    Call call, uint64_t fingerprint, google::protobuf::RepeatedPtrField<Resource> Page::*resources,
    google::protobuf::RepeatedPtrField<Resource>* (Call::Response::*response_resources)(),
    ReadMask mask = {}) {
  call.DropRequest();
  return [call = std::move(call), fingerprint, resources, response_resources,
          mask = std::move(mask)](absl::StatusOr<Page> page) mutable {
    if (!page.ok()) return std::move(call).Finish(page.status());
    typename Call::Response response;
    auto& listed = *(response.*response_resources)();
    listed.Swap(&((*page).*resources));
    if (page->has_more) {
      internal::v1::PageToken token;
      token.set_query_fingerprint(fingerprint);
      SetPlace(*page, listed, token);
      response.set_next_page_token(EncodePageToken(token));
    }
    if constexpr (requires { response.set_total_size(*page->total_size); }) {
      if (page->total_size.has_value()) response.set_total_size(*page->total_size);
    }
    for (Resource& resource : listed) mask.Trim(resource);
    std::move(call).Finish(std::move(response));
  };
}

// Likewise of a store call that gets one resource.
template <typename Call>
auto MaskedFinisher(Call call, ReadMask mask) {
  call.DropRequest();
  return [call = std::move(call),
          mask = std::move(mask)](absl::StatusOr<typename Call::Response> resource) mutable {
    if (resource.ok()) mask.Trim(*resource);
    std::move(call).Finish(std::move(resource));
  };
}

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_PAGE_FINISHER_H_
