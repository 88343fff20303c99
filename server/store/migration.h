#ifndef THREADSTORE_SERVER_STORE_MIGRATION_H_
#define THREADSTORE_SERVER_STORE_MIGRATION_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace threadstore {

// One step of a schema, from migrations/{engine}/NNNN_name.sql. Its text begins with the line
// `-- min_compatible_version: N`: the oldest schema version that a binary may have been built
// for and still work on a store at this version.
struct Migration {
  int version;
  absl::string_view name;
  absl::string_view sql;
};

// The migrations of each engine, numbered 1, 2, 3 and so on, embedded at build time.
const std::vector<Migration>& SqliteMigrations();

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_STORE_MIGRATION_H_
