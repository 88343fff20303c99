#include "server/http/graph_schema.h"

#include "absl/container/flat_hash_map.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore {
namespace {

using Kind = GraphProperty::Kind;
using Shown = GraphProperty::Shown;

GraphProperty Text(absl::string_view name, absl::string_view field) { return {name, field}; }

GraphProperty Value(Kind kind, absl::string_view name, absl::string_view field) {
  return {name, field, kind};
}

GraphProperty Object(const GraphType& type, absl::string_view name, absl::string_view field) {
  return {name, field, Kind::kObject, &type};
}

GraphProperty ListOf(GraphProperty property) {
  property.is_collection = true;
  return property;
}

GraphProperty ReadOnly(GraphProperty property) {
  property.is_read_only = true;
  return property;
}

GraphProperty Nullable(GraphProperty property) {
  property.is_nullable = true;
  return property;
}

GraphProperty Selected(GraphProperty property) {
  property.shown = Shown::kWhenSelected;
  return property;
}

GraphProperty Expanded(GraphProperty property) {
  property.shown = Shown::kWhenExpanded;
  return property;
}

GraphProperty Id() { return ReadOnly(Text("id", "id")); }

GraphProperty Time(absl::string_view name, absl::string_view field) {
  return Value(Kind::kDateTimeOffset, name, field);
}

struct Schema {
  GraphType email_address{"emailAddress", v1::EmailAddress::descriptor()};
  GraphType recipient{"recipient", v1::Recipient::descriptor()};
  GraphType item_body{"itemBody", v1::ItemBody::descriptor()};
  GraphType attachment{"attachment", v1::Attachment::descriptor()};
  GraphType file_attachment{"fileAttachment", v1::Attachment::descriptor()};
  GraphType item_attachment{"itemAttachment", v1::Attachment::descriptor()};
  GraphType reference_attachment{"referenceAttachment", v1::Attachment::descriptor()};
  GraphType extension{"openTypeExtension", v1::Extension::descriptor()};
  GraphType post{"post", v1::Post::descriptor()};
  GraphType thread{"conversationThread", v1::ConversationThread::descriptor()};
  GraphType conversation{"conversation", v1::Conversation::descriptor()};
  GraphType user{"user", v1::Member::descriptor()};
  GraphType group{"group", v1::Group::descriptor()};

  const std::vector<GraphType*> all = {&email_address,
                                       &recipient,
                                       &item_body,
                                       &attachment,
                                       &file_attachment,
                                       &item_attachment,
                                       &reference_attachment,
                                       &extension,
                                       &post,
                                       &thread,
                                       &conversation,
                                       &user,
                                       &group};

  Schema() {
    for (GraphType* entity :
         {&attachment, &file_attachment, &item_attachment, &reference_attachment, &extension, &post,
          &thread, &conversation, &user, &group}) {
      entity->is_entity = true;
    }
    for (GraphType* type :
         {&file_attachment, &item_attachment, &reference_attachment, &extension, &user}) {
      type->says_type = true;
    }
    email_address.properties = {Text("name", "name"), Text("address", "address")};
    recipient.properties = {Object(email_address, "emailAddress", "email_address")};
    item_body.properties = {Text("contentType", "content_type"), Text("content", "content")};
    DescribeAttachments();
    extension.is_open = true;
    extension.properties = {ReadOnly(Text("id", "")), Text("extensionName", "extension_name")};
    DescribePost();
    DescribeThread();
    DescribeConversation();
    DescribeUsersAndGroups();
    for (GraphType* type : all) {
      for (GraphProperty& property : type->properties) {
        if (!property.field.empty()) property.path = PathOf(*type->message, property.field);
      }
    }
  }

  static const google::protobuf::FieldDescriptor* KindField(absl::string_view name) {
    return PathOf(*v1::Attachment::descriptor(), name).front();
  }

  void DescribeAttachments() {
    attachment.derived = {&file_attachment, &item_attachment, &reference_attachment};
    attachment.properties = {
        Id(),
        ReadOnly(Time("lastModifiedDateTime", "last_modified_date_time")),
        Text("name", "display_name"),
        Nullable(Text("contentType", "content_type")),
        ReadOnly(Value(Kind::kInt32, "size", "size")),
        Value(Kind::kBoolean, "isInline", "is_inline"),
    };
    file_attachment.kind = KindField("file");
    file_attachment.properties = {
        Nullable(Text("contentId", "file.content_id")),
        Nullable(Text("contentLocation", "")),
        Value(Kind::kBinary, "contentBytes", "file.content_bytes"),
    };
    item_attachment.kind = KindField("item");
    item_attachment.properties = {Expanded(Value(Kind::kJson, "item", "item.item_json"))};
    reference_attachment.kind = KindField("reference");
    reference_attachment.properties = {
        Text("sourceUrl", "reference.source_url"),
        Nullable(Text("providerType", "reference.provider_type")),
        Nullable(Text("permission", "reference.permission")),
        Value(Kind::kBoolean, "isFolder", "reference.is_folder"),
    };
  }

  void DescribePost() {
    post.properties = {
        Id(),
        ReadOnly(Time("createdDateTime", "created_date_time")),
        ReadOnly(Time("lastModifiedDateTime", "last_modified_date_time")),
        ReadOnly(Text("changeKey", "")),
        ListOf(Text("categories", "categories")),
        ReadOnly(Time("receivedDateTime", "received_date_time")),
        ReadOnly(Value(Kind::kBoolean, "hasAttachments", "has_attachments")),
        Object(item_body, "body", "body"),
        ReadOnly(Object(recipient, "from", "from")),
        Object(recipient, "sender", "sender"),
        Selected(ListOf(Object(recipient, "newParticipants", "new_participants"))),
        ReadOnly(Text("conversationId", "conversation_id")),
        ReadOnly(Text("conversationThreadId", "conversation_thread_id")),
        ReadOnly(Expanded(Object(post, "inReplyTo", "in_reply_to_post"))),
        Expanded(ListOf(Object(attachment, "attachments", "attachments"))),
        Expanded(ListOf(Object(extension, "extensions", "extensions"))),
    };
  }

  void DescribeThread() {
    thread.properties = {
        Id(),
        Selected(ListOf(Object(recipient, "toRecipients", "to_recipients"))),
        Text("topic", "topic"),
        Value(Kind::kBoolean, "hasAttachments", "has_attachments"),
        Time("lastDeliveredDateTime", "last_delivered_date_time"),
        ListOf(Text("uniqueSenders", "unique_senders")),
        Selected(ListOf(Object(recipient, "ccRecipients", "cc_recipients"))),
        Text("preview", "preview"),
        Value(Kind::kBoolean, "isLocked", "is_locked"),
        ReadOnly(Text("conversationId", "conversation_id")),
        ReadOnly(Time("createdDateTime", "created_date_time")),
        ReadOnly(Time("lastModifiedDateTime", "last_modified_date_time")),
        Expanded(ListOf(Object(post, "posts", "posts"))),
    };
  }

  void DescribeConversation() {
    conversation.properties = {
        Id(),
        Text("topic", "topic"),
        ReadOnly(Value(Kind::kBoolean, "hasAttachments", "has_attachments")),
        ReadOnly(Time("lastDeliveredDateTime", "last_delivered_date_time")),
        ReadOnly(ListOf(Text("uniqueSenders", "unique_senders"))),
        ReadOnly(Text("preview", "preview")),
        ReadOnly(Time("createdDateTime", "created_date_time")),
        Expanded(ListOf(Object(thread, "threads", "threads"))),
    };
  }

  void DescribeUsersAndGroups() {
    user.properties = {
        Id(),
        Nullable(Text("displayName", "display_name")),
        Nullable(Text("mail", "mail")),
        ReadOnly(Nullable(Text("userPrincipalName", "mail"))),
    };
    group.properties = {
        Id(),
        ReadOnly(Time("createdDateTime", "created_date_time")),
        Nullable(Text("description", "description")),
        Text("displayName", "display_name"),
        ListOf(Text("groupTypes", "")),
        Nullable(Text("mail", "mail")),
        Value(Kind::kBoolean, "mailEnabled", ""),
        Nullable(Text("mailNickname", "mail_nickname")),
        Value(Kind::kBoolean, "securityEnabled", ""),
        Nullable(Text("visibility", "")),
        Selected(Value(Kind::kBoolean, "allowExternalSenders", "allow_external_senders")),
    };
  }
};

const Schema& TheSchema() {
  static const Schema* const schema = new Schema();
  return *schema;
}

}  // namespace

const GraphType* GraphTypeOf(const google::protobuf::Descriptor& message) {
  static const auto* const types = [] {
    auto* const of_messages =
        new absl::flat_hash_map<const google::protobuf::Descriptor*, const GraphType*>();
    // The first is the abstract one.
    for (const GraphType* type : GraphTypes()) of_messages->try_emplace(type->message, type);
    // Users come in more messages than one.
    of_messages->emplace(v1::Sender::descriptor(), &TheSchema().user);
    of_messages->emplace(v1::User::descriptor(), &TheSchema().user);
    return of_messages;
  }();
  const auto found = types->find(&message);
  return found == types->end() ? nullptr : found->second;
}

const std::vector<const GraphType*>& GraphTypes() {
  static const auto* const types =
      new std::vector<const GraphType*>(TheSchema().all.begin(), TheSchema().all.end());
  return *types;
}

const GraphProperty* FindGraphProperty(const GraphType& type, absl::string_view name) {
  for (const GraphProperty& property : type.properties) {
    if (property.name == name) return &property;
  }
  for (const GraphType* derived : type.derived) {
    if (const GraphProperty* property = FindGraphProperty(*derived, name)) return property;
  }
  return nullptr;
}

const GraphProperty* FindGraphPropertyOfField(const GraphType& type, absl::string_view field) {
  if (field.empty()) return nullptr;
  for (const GraphProperty& property : type.properties) {
    if (property.field == field) return &property;
  }
  for (const GraphType* derived : type.derived) {
    if (const GraphProperty* property = FindGraphPropertyOfField(*derived, field)) return property;
  }
  return nullptr;
}

}  // namespace threadstore
