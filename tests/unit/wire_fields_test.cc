#include "server/base/wire_fields.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {
namespace {

WireFields Count(int limit, const std::string& bytes) {
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  return CountFields(*v1::CreateThreadRequest::descriptor(), limit, stream);
}

std::string FindFieldBeyond(int limit, const std::string& bytes) {
  return Count(limit, bytes).beyond;
}

TEST(WireFieldsTest, CountsFieldsAtEveryDepth) {
  v1::CreateThreadRequest request;
  request.set_parent("groups/g");                                                           // 1
  request.mutable_thread()->set_topic("topic");                                             // 2
  request.mutable_thread()->add_unique_senders("Ann");                                      // 1
  request.mutable_thread()->add_to_recipients();                                            // 1
  request.mutable_thread()->add_to_recipients()->mutable_email_address()->set_name("Bob");  // 3
  const std::string bytes = request.SerializeAsString();
  EXPECT_EQ(Count(100, bytes).count, 8);
  EXPECT_EQ(FindFieldBeyond(8, bytes), "");
  EXPECT_EQ(FindFieldBeyond(7, bytes), "thread.unique_senders");
  EXPECT_EQ(FindFieldBeyond(4, bytes), "thread.to_recipients.email_address");
  EXPECT_EQ(FindFieldBeyond(0, bytes), "parent");
}

TEST(WireFieldsTest, CountsUnknownFields) {
  // Field 1000, a varint.
  const std::string bytes("\xC0\x3E\x01\xC0\x3E\x01", 6);
  EXPECT_EQ(FindFieldBeyond(2, bytes), "");
  EXPECT_EQ(FindFieldBeyond(1, bytes), "unknown field");
}

// Field 1000 as a group, which no message of ours has.
std::string Group(const std::string& content) {
  return absl::StrCat("\xC3\x3E", content, "\xC4\x3E");
}

TEST(WireFieldsTest, CountsTheFieldsOfUnknownGroups) {
  const std::string varint = "\xC0\x3E\x01";
  const std::string bytes = absl::StrCat(Group(absl::StrCat(varint, Group(varint))), varint);
  EXPECT_EQ(Count(100, bytes).count, 5);
  EXPECT_EQ(FindFieldBeyond(3, bytes), "unknown field.unknown field.unknown field");
}

TEST(WireFieldsTest, LeavesGroupsThatAreTooDeepToTheParser) {
  std::string bytes;
  for (int depth = 0; depth < 10'000; ++depth) bytes = Group(bytes);
  EXPECT_LT(Count(100'000, bytes).count, 200);
  EXPECT_EQ(FindFieldBeyond(100'000, bytes), "");
  EXPECT_FALSE(v1::CreateThreadRequest().ParseFromString(bytes));
}

TEST(WireFieldsTest, LeavesWhatCannotBeParsedToTheParser) {
  v1::CreateThreadRequest request;
  request.mutable_thread()->add_to_recipients()->mutable_email_address()->set_name("Bob");
  const std::string bytes = request.SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(FindFieldBeyond(10, bytes.substr(0, size)), "") << size;
  }
  EXPECT_EQ(FindFieldBeyond(10, std::string(100, '\xFF')), "");
}

}  // namespace
}  // namespace threadstore
