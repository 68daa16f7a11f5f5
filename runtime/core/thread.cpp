#include "thread.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace neap {

void futex_wait(uint32_t *word, uint32_t seen) {
  syscall(SYS_futex, word, 128 /* FUTEX_WAIT | private */, seen, nullptr,
          nullptr, 0);
}

void futex_wake(uint32_t *word, int count) {
  syscall(SYS_futex, word, 129 /* FUTEX_WAKE | private */, count, nullptr,
          nullptr, 0);
}

status thread_start(void *(*entry)(void *), void *argument, uint8_t *stack,
                    int64_t bytes) {
  // A stack overflow must not run into the neighbour's bytes silently.
  uintptr_t page = getauxval(AT_PAGESZ);
  uintptr_t start = reinterpret_cast<uintptr_t>(stack), end = start + bytes;
  start = (start + page - 1) / page * page;
  mprotect(reinterpret_cast<void *>(start), page, PROT_NONE);
  start += page;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread;
  int error = pthread_attr_setstack(
      &attributes, reinterpret_cast<void *>(start), end - start);
  if (error == 0)
    error = pthread_create(&thread, &attributes, entry, argument);
  if (error)
    return fail(out_of_memory,
                "a thread cannot be started: ", system_error(error));
  return ok;
}

} // namespace neap
