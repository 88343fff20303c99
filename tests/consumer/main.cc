// Creates a thread in a new group, and looks for one that is not there: `consumer HOST:PORT`.

#include <google/rpc/error_details.pb.h>
#include <threadstore/client/error_details.h>
#include <threadstore/client/thread_client.h>

#include <iostream>

int main(int argc, char** argv) {
  threadstore::ThreadClient::Options options;
  if (argc > 1) options.server = argv[1];
  const auto client = threadstore::ThreadClient::Create(options);
  if (!client.ok()) {
    std::cerr << client.status() << '\n';
    return 1;
  }

  threadstore::v1::CreateGroupRequest group;
  group.set_group_id("consumer");
  if (const auto created = (*client)->CreateGroup(group); !created.ok()) {
    std::cerr << created.status() << '\n';
    return 1;
  }

  threadstore::v1::CreateThreadRequest thread;
  thread.set_parent("groups/consumer");
  thread.mutable_thread()->set_topic("Hello");
  const auto created = (*client)->CreateThread(thread);
  if (!created.ok()) {
    std::cerr << created.status() << '\n';
    return 1;
  }
  std::cout << created->name() << '\n';

  threadstore::v1::GetGroupRequest unknown;
  unknown.set_name("groups/unknown");
  const absl::Status error = (*client)->GetGroup(unknown).status();
  std::cout << threadstore::v1::ErrorReason_Name(threadstore::ErrorReasonOf(error)) << '\n';
  if (const auto resource = threadstore::ErrorDetailOf<google::rpc::ResourceInfo>(error)) {
    std::cout << resource->resource_name() << '\n';
  }
  return 0;
}
