#include "server/store/migrator.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

absl::StatusOr<int> MinCompatibleVersionOf(const Migration& migration) {
  absl::string_view first_line = migration.sql.substr(0, migration.sql.find('\n'));
  int version = 0;
  if (!absl::ConsumePrefix(&first_line, "-- min_compatible_version: ") ||
      !absl::SimpleAtoi(first_line, &version) || version < 1 || version > migration.version) {
    return absl::InternalError(absl::StrCat("migration ", migration.name,
                                            " does not begin with a valid min_compatible_version"));
  }
  return version;
}

}  // namespace

absl::Status CheckCompatible(SchemaVersion version, const std::vector<Migration>& migrations) {
  const int known = static_cast<int>(migrations.size());
  if (version.min_compatible_version > known) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it has schema version ", version.version, ", which needs a threadstored of schema ",
        version.min_compatible_version, " or newer; this one knows ", known));
  }
  if (version.version < known) {
    return absl::FailedPreconditionError(absl::StrCat("the store has schema version ",
                                                      version.version, ", this threadstored needs ",
                                                      known, ": run threadstored migrate"));
  }
  return absl::OkStatus();
}

absl::StatusOr<MigrationResult> Migrate(MigrationTarget& target,
                                        const std::vector<Migration>& migrations) {
  ASSIGN_OR_RETURN(const SchemaVersion found, target.ReadVersion());
  const int newest = static_cast<int>(migrations.size());
  if (found.version >= newest) {
    RETURN_IF_ERROR(CheckCompatible(found, migrations));
    return MigrationResult{found.version, found.version};
  }
  if (found.version > 0) RETURN_IF_ERROR(target.Backup(found.version));
  for (int version = found.version + 1; version <= newest; ++version) {
    const Migration& migration = migrations[version - 1];
    ASSIGN_OR_RETURN(const int min_compatible, MinCompatibleVersionOf(migration));
    RETURN_IF_ERROR(target.Apply(migration, {version, min_compatible}));
  }
  return MigrationResult{found.version, newest};
}

}  // namespace threadstore
