// That Graph's types and the messages of threadstore.v1 say the same of each other.

#include "server/http/graph_schema.h"

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptorSet;
using google::protobuf::SourceLocation;
using Kind = GraphProperty::Kind;

// Properties that come from elsewhere than a field of their own.
const std::set<std::string> kComputed = {"post.changeKey",       "fileAttachment.contentLocation",
                                         "openTypeExtension.id", "group.groupTypes",
                                         "group.mailEnabled",    "group.securityEnabled",
                                         "group.visibility"};

// Fields that are no property.
const std::set<std::string> kWithoutProperty = {
    // Resource names are for gRPC, and etags are annotations. Where to go on is in a link.
    "ConversationThread.name",
    "ConversationThread.etag",
    "ConversationThread.posts_next_page_token",
    "Conversation.name",
    "Conversation.threads_next_page_token",
    "Post.name",
    "Post.etag",
    "Post.attachments_next_page_token",
    "Post.extensions_next_page_token",
    "Attachment.name",
    "Extension.name",
    "Group.name",
    "Member.name",
    // `inReplyTo` is the post itself.
    "Post.in_reply_to",
    // The members of the extension.
    "Extension.content_json",
    // Owners are a collection of their own.
    "Member.role",
};

// People are referred to, and their name there is their mail.
const std::set<std::string> kOtherBehavior = {"user.id", "user.userPrincipalName"};

// The field at the end of a path; null if there is none.
const FieldDescriptor* FieldAt(const Descriptor* message, absl::string_view path) {
  const FieldDescriptor* field = nullptr;
  for (const absl::string_view name : absl::StrSplit(path, '.')) {
    if (field != nullptr) message = field->message_type();
    if (message == nullptr) return nullptr;
    field = message->FindFieldByName(std::string(name));
    if (field == nullptr) return nullptr;
  }
  return field;
}

bool Fits(const GraphProperty& property, const FieldDescriptor& field) {
  switch (property.kind) {
    case Kind::kString:
    case Kind::kJson:
      return field.type() == FieldDescriptor::TYPE_STRING;
    case Kind::kBoolean:
      return field.type() == FieldDescriptor::TYPE_BOOL;
    case Kind::kInt32:
      return field.type() == FieldDescriptor::TYPE_INT32;
    case Kind::kDateTimeOffset:
      return field.type() == FieldDescriptor::TYPE_MESSAGE &&
             field.message_type()->well_known_type() == Descriptor::WELLKNOWNTYPE_TIMESTAMP;
    case Kind::kBinary:
      return field.type() == FieldDescriptor::TYPE_BYTES;
    case Kind::kObject:
      return field.type() == FieldDescriptor::TYPE_MESSAGE && property.type != nullptr &&
             field.message_type() == property.type->message;
  }
  return false;
}

TEST(GraphSchemaTest, EveryPropertyHasAFieldOfItsType) {
  for (const GraphType* type : GraphTypes()) {
    std::set<absl::string_view> names;
    for (const GraphProperty& property : type->properties) {
      const std::string label = absl::StrCat(type->name, ".", property.name);
      EXPECT_TRUE(names.insert(property.name).second) << label;
      EXPECT_EQ(property.field.empty(), kComputed.count(label) == 1) << label;
      if (property.field.empty()) continue;
      const FieldDescriptor* field = FieldAt(type->message, property.field);
      ASSERT_NE(field, nullptr) << label;
      EXPECT_EQ(field->is_repeated(), property.is_collection) << label;
      EXPECT_TRUE(Fits(property, *field)) << label;
    }
  }
}

void CheckFieldsHaveProperties(const GraphType& type, const Descriptor& message,
                               const std::string& path) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    const std::string label = absl::StrCat(std::string(message.name()), ".", field.name());
    const std::string field_path = absl::StrCat(path, field.name());
    if (field.real_containing_oneof() != nullptr) {
      CheckFieldsHaveProperties(type, *field.message_type(), absl::StrCat(field_path, "."));
      continue;
    }
    EXPECT_EQ(FindGraphPropertyOfField(type, field_path) != nullptr,
              kWithoutProperty.count(label) == 0)
        << label;
  }
}

TEST(GraphSchemaTest, EveryFieldHasAPropertyOrAReasonToHaveNone) {
  for (const GraphType* type : GraphTypes()) {
    const GraphType* declared = GraphTypeOf(*type->message);
    ASSERT_NE(declared, nullptr) << type->name;
    if (declared != type) continue;  // A derived type.
    CheckFieldsHaveProperties(*type, *type->message, "");
  }
}

TEST(GraphSchemaTest, DerivedTypesAreTheFieldsOfAOneof) {
  const GraphType& attachment = *GraphTypeOf(
      *DescriptorPool::generated_pool()->FindMessageTypeByName("threadstore.v1.Attachment"));
  ASSERT_EQ(attachment.derived.size(), 3U);
  for (const GraphType* derived : attachment.derived) {
    ASSERT_NE(derived->kind, nullptr) << derived->name;
    EXPECT_NE(derived->kind->real_containing_oneof(), nullptr) << derived->name;
    for (const GraphProperty& property : derived->properties) {
      EXPECT_TRUE(property.field.empty() ||
                  absl::StartsWith(property.field, absl::StrCat(derived->kind->name(), ".")))
          << property.name;
    }
  }
}

TEST(GraphSchemaTest, FindsProperties) {
  const GraphType& attachment = *GraphTypeOf(
      *DescriptorPool::generated_pool()->FindMessageTypeByName("threadstore.v1.Attachment"));
  EXPECT_EQ(attachment.name, "attachment");
  EXPECT_EQ(FindGraphProperty(attachment, "name")->field, "display_name");
  EXPECT_EQ(FindGraphProperty(attachment, "sourceUrl")->field, "reference.source_url");
  EXPECT_EQ(FindGraphProperty(attachment, "Name"), nullptr);
  EXPECT_EQ(FindGraphPropertyOfField(attachment, "file.content_bytes")->name, "contentBytes");
  EXPECT_EQ(FindGraphPropertyOfField(attachment, "kind"), nullptr);
  EXPECT_EQ(GraphTypeOf(*FileDescriptorSet::descriptor()), nullptr);
}

// What a property may be set to must agree with what the proto says of its field.
TEST(GraphSchemaTest, ReadOnlyIsWhatTheProtoCallsOutputOnly) {
  std::ifstream image(API_IMAGE, std::ios::binary);
  FileDescriptorSet files;
  ASSERT_TRUE(files.ParseFromIstream(&image));
  DescriptorPool pool;
  for (const auto& file : files.file()) ASSERT_NE(pool.BuildFile(file), nullptr);
  for (const GraphType* type : GraphTypes()) {
    const Descriptor* message = pool.FindMessageTypeByName(type->message->full_name());
    ASSERT_NE(message, nullptr) << type->name;
    for (const GraphProperty& property : type->properties) {
      const std::string label = absl::StrCat(type->name, ".", property.name);
      if (property.field.empty() || kOtherBehavior.count(label) > 0) continue;
      SourceLocation location;
      const FieldDescriptor* field = FieldAt(message, property.field);
      ASSERT_TRUE(field != nullptr && field->GetSourceLocation(&location)) << label;
      const bool is_output_only = absl::StartsWith(
          absl::StripLeadingAsciiWhitespace(location.leading_comments), "Output only.");
      EXPECT_EQ(property.is_read_only, is_output_only) << label;
    }
  }
}

}  // namespace
}  // namespace threadstore
