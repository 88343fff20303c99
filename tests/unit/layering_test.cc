// A room uses only rooms below it; each foreign interface has one folder that knows it.

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace threadstore {
namespace {

namespace fs = std::filesystem;

// What each room may include, besides itself.
const std::map<std::string, std::set<std::string>> kRoomsBelow = {
    {"server/base", {}},
    {"server/telemetry", {"server/base"}},
    {"server/domain", {"server/base"}},
    {"server/store", {"server/domain", "server/base", "server/telemetry"}},
    {"server/store/sqlite", {"server/store", "server/domain", "server/base", "server/telemetry"}},
    {"server/auth", {"server/store", "server/domain", "server/base", "server/telemetry"}},
    {"server/service",
     {"server/auth", "server/store", "server/domain", "server/base", "server/telemetry"}},
    {"server/http", {"server/domain", "server/base", "server/telemetry"}},
    {"server",
     {"server/http", "server/service", "server/auth", "server/store", "server/store/sqlite",
      "server/domain", "server/base", "server/telemetry"}},
    {"server/http/describe", {"server/http", "server/domain", "server/base"}},
    {"client", {"server/base"}},
    {"client/threadctl", {"client", "server/base"}},
};

// Headers that only the named rooms may include.
const std::pair<const char*, std::set<std::string>> kForeign[] = {
    {"^grpc", {"server/service", "server/http", "server", "client", "client/threadctl"}},
    {"\\.grpc\\.pb\\.h$", {"server/service", "server", "client", "client/threadctl"}},
    {"^boost/", {"server/http"}},
    {"^sqlite3\\.h$", {"server/store/sqlite"}},
    {"libpq-fe\\.h$", {"server/store/postgres"}},
};

struct Include {
  std::string file;
  std::string room;
  std::string header;
};

std::vector<Include> AllIncludes() {
  std::vector<Include> includes;
  const std::regex line_pattern("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"].*");
  for (const char* top : {"server", "client"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(SOURCE_DIR) / top)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      const fs::path file = fs::relative(entry.path(), SOURCE_DIR);
      std::ifstream stream(entry.path());
      for (std::string line; std::getline(stream, line);) {
        std::smatch match;
        if (!std::regex_match(line, match, line_pattern)) continue;
        includes.push_back({file.string(), file.parent_path().string(), match[1]});
      }
    }
  }
  return includes;
}

TEST(LayeringTest, RoomsUseOnlyRoomsBelow) {
  const std::vector<Include> includes = AllIncludes();
  ASSERT_GT(includes.size(), 100U);
  for (const Include& include : includes) {
    const auto room = kRoomsBelow.find(include.room);
    ASSERT_NE(room, kRoomsBelow.end()) << include.file << " is in a room this test does not know";
    const std::string included = fs::path(include.header).parent_path().string();
    if (kRoomsBelow.count(included) == 0 || included == include.room) continue;
    EXPECT_EQ(room->second.count(included), 1U) << include.file << " includes " << include.header;
  }
}

TEST(LayeringTest, ForeignInterfacesHaveOneFolder) {
  for (const Include& include : AllIncludes()) {
    for (const auto& [pattern, rooms] : kForeign) {
      if (!std::regex_search(include.header, std::regex(pattern))) continue;
      EXPECT_EQ(rooms.count(include.room), 1U) << include.file << " includes " << include.header;
    }
  }
}

}  // namespace
}  // namespace threadstore
