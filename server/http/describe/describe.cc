// threadstore_describe: writes the descriptions of the HTTP face. Run by the build.

#include <sysexits.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "google/protobuf/descriptor.pb.h"
#include "nlohmann/json.hpp"
#include "server/http/describe/comments.h"
#include "server/http/describe/csdl.h"
#include "server/http/describe/openapi.h"
#include "server/http/describe/operation.h"
#include "server/http/routes.h"

namespace threadstore {
namespace {

constexpr char kUsage[] =
    "usage: threadstore_describe API_IMAGE EXAMPLES SEED OPENAPI CSDL\n"
    "API_IMAGE is a FileDescriptorSet with source info, EXAMPLES bodies of requests by operation,\n"
    "SEED one more body of threads.create; OPENAPI and CSDL are written.\n";

nlohmann::ordered_json ReadJson(const char* path) {
  std::ifstream file(path);
  return nlohmann::ordered_json::parse(file);
}

bool Write(const char* path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file.good();
}

// The seed goes before the other examples, so that it is what viewers offer.
nlohmann::ordered_json ExamplesWithSeed(const char* examples_path, const char* seed_path) {
  nlohmann::ordered_json examples = ReadJson(examples_path);
  nlohmann::ordered_json& create = examples["threads.create"];
  nlohmann::ordered_json all = {
      {"thread", {{"summary", "A thread without posts"}, {"value", ReadJson(seed_path)}}}};
  all.update(create);
  create = std::move(all);
  return examples;
}

int Main(char** arguments) {
  std::ifstream image(arguments[1], std::ios::binary);
  google::protobuf::FileDescriptorSet files;
  if (!files.ParseFromIstream(&image)) {
    std::cerr << "threadstore_describe: cannot read " << arguments[1] << std::endl;
    return EX_NOINPUT;
  }
  const Routes routes;
  const std::vector<Operation> operations = OperationsOf(routes);
  const Comments comments(files, operations);
  const std::string openapi =
      OpenApiOf(operations, comments, ExamplesWithSeed(arguments[2], arguments[3]),
                THREADSTORE_VERSION)
          .dump();
  const std::string csdl = CsdlOf(operations, comments);
  comments.CheckPhrases();
  if (!Write(arguments[4], openapi) || !Write(arguments[5], csdl)) {
    std::cerr << "threadstore_describe: cannot write" << std::endl;
    return EX_CANTCREAT;
  }
  return EX_OK;
}

}  // namespace
}  // namespace threadstore

int main(int argument_count, char** arguments) {
  if (argument_count != 6) {
    std::cerr << threadstore::kUsage;
    return EX_USAGE;
  }
  return threadstore::Main(arguments);
}
