#ifndef THREADSTORE_SERVER_BASE_THREAD_NAME_H_
#define THREADSTORE_SERVER_BASE_THREAD_NAME_H_

#include <pthread.h>

#include <string>

namespace threadstore {

// Names the calling thread for debuggers and top. Linux keeps 15 bytes.
inline void SetThreadName(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_THREAD_NAME_H_
