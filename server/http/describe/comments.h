#ifndef THREADSTORE_SERVER_HTTP_DESCRIBE_COMMENTS_H_
#define THREADSTORE_SERVER_HTTP_DESCRIBE_COMMENTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "server/http/describe/operation.h"
#include "server/http/graph_schema.h"

namespace threadstore {

// The comments of the protos, in the words of Graph: Markdown whose paragraphs are lines, with the
// names of properties, query options, headers and operations, and the statuses of HTTP.
class Comments {
 public:
  // `files` are the protos with their source info; `operations` have the names of RPCs.
  Comments(const google::protobuf::FileDescriptorSet& files,
           const std::vector<Operation>& operations);
  ~Comments();

  // The process ends if there is no comment.
  std::string Of(const google::protobuf::MethodDescriptor& rpc) const;
  std::string Of(const google::protobuf::Descriptor& message) const;

  // Without the word on its behaviour that the comment begins with, such as `Optional.`.
  std::string Of(const google::protobuf::FieldDescriptor& field) const;

  // The process ends as well if no field holds the property, and nothing here says what it is.
  std::string Of(const GraphType& type) const;
  std::string Of(const GraphType& type, const GraphProperty& property) const;

 private:
  template <typename Element>
  std::string Read(const Element* element, absl::string_view name) const;
  std::string Translate(const std::string& comment) const;
  void AddErrors();

  google::protobuf::DescriptorPool pool_;
  std::map<std::string, std::string> names_;  // Of fields and RPCs in Graph.
};

// The first sentence, without its full stop.
std::string FirstSentence(absl::string_view text);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIBE_COMMENTS_H_
