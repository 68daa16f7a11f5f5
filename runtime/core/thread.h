/// Threads on stacks that the plan holds.
#ifndef NEAP_CORE_THREAD_H
#define NEAP_CORE_THREAD_H

#include "status.h"

namespace neap {

/// Starts a thread that runs until the process ends, on the `bytes` at `stack`;
/// their first whole page becomes a guard. Fails with `out_of_memory` where the
/// system gives no thread.
status thread_start(void *(*entry)(void *), void *argument, uint8_t *stack,
                    int64_t bytes);

/// Sleeps while *word == seen; may wake early.
void futex_wait(uint32_t *word, uint32_t seen);
void futex_wake(uint32_t *word, int count);

} // namespace neap

#endif
