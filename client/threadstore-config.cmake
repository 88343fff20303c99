# find_package(threadstore) gives the target threadstore::client.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(absl CONFIG)
# Before gRPC, whose targets use Protobuf's.
find_dependency(Protobuf)
find_dependency(gRPC CONFIG)
include(${CMAKE_CURRENT_LIST_DIR}/threadstore-targets.cmake)
