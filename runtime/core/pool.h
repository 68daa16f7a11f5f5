/// Persistent threads behind neap_context::parallel_for.
///
/// Tasks are claimed one by one, so fast cores take more of them, and a loop
/// ends as soon as its tasks are done: a worker that is still asleep is not
/// waited for. Workers spin briefly and then sleep. One loop at a time, from
/// the thread that started the pool.
#ifndef NEAP_CORE_POOL_H
#define NEAP_CORE_POOL_H

#include "neap/abi.h"
#include "status.h"

#include <sched.h>

namespace neap {

/// Which processors the threads are pinned to; thread i gets the i-th set bit,
/// round robin.
struct pinning {
  bool active;
  cpu_set_t processors;
};

/// Starts context->thread_count - 1 workers on the image's stacks and sets
/// context->parallel_for. Fails with `out_of_memory` where the system gives no
/// thread.
status pool_start(const struct neap_image *image, neap_context *context,
                  const pinning *pins);

/// Processors this process may run on.
int processors_allowed();

} // namespace neap

#endif
