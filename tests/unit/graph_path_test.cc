#include "server/http/graph_path.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace threadstore {
namespace {

TEST(GraphPathTest, NamesMembersAsTheyAreInJson) {
  const struct {
    absl::string_view field;
    absl::string_view name;
  } kCases[] = {
      {"thread.topic", "topic"},
      {"thread.to_recipients[3].email_address.address", "toRecipients[3].emailAddress.address"},
      {"thread.posts[0].body.content_type", "posts[0].body.contentType"},
      {"thread.posts[0].attachments[12].display_name", "posts[0].attachments[12].name"},
      {"thread", "thread"},
      {"conversation.threads[1].posts", "threads[1].posts"},
      {"conversation.threads[1].id", "threads[1].id"},
      {"post", "post"},
      {"post.new_participants[0].email_address.name", "newParticipants[0].emailAddress.name"},
      {"post.attachments[0]", "attachments[0]"},
      {"post.attachments[0].file.content_bytes", "attachments[0].contentBytes"},
      {"post.attachments[0].item.item_json", "attachments[0].item"},
      {"post.extensions[1].extension_name", "extensions[1].extensionName"},
      {"post.extensions[1].content_json", "extensions[1]"},
      {"attachment.display_name", "name"},
      {"attachment.reference.source_url", "sourceUrl"},
      {"attachment.reference", "reference"},
      {"extension.content_json", "extension"},
      {"extension.extension_name", "extensionName"},
      {"group.display_name", "displayName"},
      {"group.mail_nickname", "mailNickname"},
      {"group_id", "id"},
      {"comment", "comment"},
      {"to_recipients[0].email_address.address", "toRecipients[0].emailAddress.address"},
      {"member.id", "@odata.id"},
      {"sender.id", "@odata.id"},
      {"post.sender", "sender"},
      {"post.", ""},
  };
  for (const auto& [field, name] : kCases) EXPECT_EQ(GraphPath(field), std::string(name)) << field;
}

TEST(GraphPathTest, NamesOptionsAndHeaders) {
  const struct {
    absl::string_view field;
    absl::string_view name;
  } kCases[] = {
      {"page_size", "$top"},
      {"page_token", "$skiptoken"},
      {"filter", "$filter"},
      {"order_by", "$orderby"},
      {"read_mask", "$select"},
      {"expand", "$expand"},
      {"query", "$search"},
      {"request_id", "Idempotency-Key"},
      {"etag", "If-Match"},
      {"thread.etag", "If-Match"},
      {"post.etag", "If-Match"},
      {"parent", "parent"},
      {"name", "name"},
      {"thread.name", "name"},
      {"update_mask", "updateMask"},
      {"", ""},
  };
  for (const auto& [field, name] : kCases) EXPECT_EQ(GraphPath(field), std::string(name)) << field;
}

}  // namespace
}  // namespace threadstore
