#ifndef THREADSTORE_TESTS_STORE_SEARCH_INDEX_CHECK_H_
#define THREADSTORE_TESTS_STORE_SEARCH_INDEX_CHECK_H_

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/database.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {

// Fails the test if the index of words in a closed SQLite file is damaged, has other words than its
// documents, or documents of what is not there.
inline void CheckSearchIndex(const std::string& path) {
  const auto db = sqlite::Database::Open(path, sqlite::Database::Mode::kReadWrite);
  ASSERT_THAT(db, IsOk());
  EXPECT_THAT((*db)->Execute("INSERT INTO search_index (search_index, rank)"
                             " VALUES ('integrity-check', 1)"),
              IsOk());
  EXPECT_THAT((*db)->QueryInteger("SELECT count(*) FROM search_documents"
                                  " LEFT JOIN posts ON posts.key = post_key"
                                  " LEFT JOIN threads ON threads.key = search_documents.thread_key"
                                  " WHERE threads.group_key IS NOT search_documents.group_key"
                                  " OR (post_key IS NOT NULL AND"
                                  "  posts.thread_key IS NOT search_documents.thread_key)"),
              IsOkAndHolds(0));
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_SEARCH_INDEX_CHECK_H_
