#ifndef THREADSTORE_SERVER_STORE_MIGRATOR_H_
#define THREADSTORE_SERVER_STORE_MIGRATOR_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/migration.h"

namespace threadstore {

// What a store records of its own schema. Version 0 is an empty store.
struct SchemaVersion {
  int version = 0;
  // The oldest binary, by the schema version it was built for, that may use the store.
  int min_compatible_version = 0;
};

// A store that migrations are applied to; one implementation an engine.
class MigrationTarget {
 public:
  virtual ~MigrationTarget() = default;

  virtual absl::StatusOr<SchemaVersion> ReadVersion() = 0;

  // Applies a migration and records `after`, in one transaction: after a crash the store is at
  // the old version or at the new one.
  virtual absl::Status Apply(const Migration& migration, SchemaVersion after) = 0;

  // Keeps a copy of the store as it is at `version`, before anything changes.
  virtual absl::Status Backup(int version) = 0;
};

// OK if a binary that knows `migrations` may serve a store at `version`: no newer schema that
// excludes it, and nothing missing. FAILED_PRECONDITION with a message for operators otherwise.
absl::Status CheckCompatible(SchemaVersion version, const std::vector<Migration>& migrations);

// Brings `target` up to the newest of `migrations`. A store that is not empty is backed up
// first. A store newer than the migrations is left as it is if it is compatible, and refused
// with FAILED_PRECONDITION otherwise. Returns the version found and the version left.
struct MigrationResult {
  int from = 0;
  int to = 0;
};
absl::StatusOr<MigrationResult> Migrate(MigrationTarget& target,
                                        const std::vector<Migration>& migrations);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_STORE_MIGRATOR_H_
