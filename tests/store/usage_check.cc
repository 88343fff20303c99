#include "tests/store/usage_check.h"

#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/database.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {

void CheckUsage(const std::string& path) {
  std::stringstream sql;
  sql << std::ifstream(TESTDATA_DIR "/usage_mismatches.sql").rdbuf();
  const auto db = sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly);
  ASSERT_THAT(db, IsOk());
  EXPECT_THAT((*db)->QueryText(sql.str()), IsOkAndHolds(""));
}

}  // namespace threadstore::testing
