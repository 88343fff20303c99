#ifndef THREADSTORE_TESTS_STORE_STORED_ROWS_H_
#define THREADSTORE_TESTS_STORE_STORED_ROWS_H_

#include <string>

#include "server/store/thread_store.h"

// What an SQLite file holds. Read with connections of their own, of a closed store or one in use.
namespace threadstore::testing {

// All rows but those of the index of words, a line each. Ids are numbered as they come, so that the
// same writes give the same lines whatever ids were drawn.
std::string StoredRows(const std::string& path);

// Has the store write until nothing is left of what was deleted.
void PurgeAll(ThreadStore& store, const std::string& path);

// Fails the test if the file of a closed store is damaged: as a database, in its references, in the
// index of words, in its counts of what groups take up.
void CheckSoundFile(const std::string& path);

// Likewise, or if a thread does not say of its posts what follows from them, as imported ones need
// not.
void CheckStoredFile(const std::string& path);

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_STORED_ROWS_H_
