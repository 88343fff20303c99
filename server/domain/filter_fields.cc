#include "server/domain/filter.h"

namespace threadstore {

using Type = FilterField::Type;

const std::vector<FilterField>& GroupFilterFields() {
  static const auto* fields = new std::vector<FilterField>{
      {"id", Type::kText},
      {"display_name", Type::kText},
      {"mail", Type::kText},
      {"mail_nickname", Type::kText},
      {"description", Type::kText},
      {"created_date_time", Type::kTime},
      // What Graph says of its groups that have conversations.
      {.path = "group_types",
       .type = Type::kTextList,
       .constant = std::vector<std::string>{std::string(kUnifiedGroupType)}},
      {.path = "mail_enabled", .type = Type::kBoolean, .constant = true},
      {.path = "security_enabled", .type = Type::kBoolean, .constant = false},
  };
  return *fields;
}

const std::vector<FilterField>& ThreadFilterFields() {
  static const auto* fields = new std::vector<FilterField>{
      {"id", Type::kId},
      {"topic", Type::kText},
      {"has_attachments", Type::kBoolean},
      {"last_delivered_date_time", Type::kTime},
      {"unique_senders", Type::kTextList},
      {"preview", Type::kText},
      {"is_locked", Type::kBoolean},
      {"conversation_id", Type::kId},
      {"created_date_time", Type::kTime},
      {"last_modified_date_time", Type::kTime},
  };
  return *fields;
}

const std::vector<FilterField>& ConversationFilterFields() {
  static const auto* fields = new std::vector<FilterField>{
      {"id", Type::kId},
      {"topic", Type::kText},
      {"has_attachments", Type::kBoolean},
      {"last_delivered_date_time", Type::kTime},
      {"unique_senders", Type::kTextList},
      {"preview", Type::kText},
      {"created_date_time", Type::kTime},
  };
  return *fields;
}

const std::vector<FilterField>& PostFilterFields() {
  static const auto* fields = new std::vector<FilterField>{
      {"id", Type::kId},
      {"created_date_time", Type::kTime},
      {"last_modified_date_time", Type::kTime},
      {"received_date_time", Type::kTime},
      {"categories", Type::kTextList},
      {"has_attachments", Type::kBoolean},
      {"body.content", Type::kText, /*is_nullable=*/true},
      {"body.content_type", Type::kText, /*is_nullable=*/true},
      {"sender.email_address.name", Type::kText, /*is_nullable=*/true},
      {"sender.email_address.address", Type::kText, /*is_nullable=*/true},
      {"in_reply_to", Type::kId, /*is_nullable=*/true},
  };
  return *fields;
}

}  // namespace threadstore
