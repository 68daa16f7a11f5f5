// A loop is published as a ticket: its generation in the upper half and the
// next free task in the lower. A claim is a compare-and-swap of the ticket, so
// it succeeds only while its generation is the current one, and then the job
// read before it was that generation's. Two jobs alternate: the one of
// generation g is rewritten for g + 2, which starts after every task of g + 1.
#include "pool.h"

#include "thread.h"

namespace neap {

namespace {

struct job {
  neap_task task;
  void *args;
  uint32_t count;
};

struct worker {
  int processor; // -1: not pinned
};

constexpr int spins = 2000;
constexpr int maximum_workers = 255;

// Own cache lines for what all threads write.
struct pool {
  alignas(64) uint64_t ticket;
  alignas(64) uint32_t done; // finished tasks of the current loop
  uint32_t caller_waits;
  alignas(64) uint32_t generation; // the word workers sleep on
  uint32_t sleepers;
  alignas(64) job jobs[2];
  neap_context *context;
  worker workers[maximum_workers];
};

pool the_pool;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

// Runs tasks of the current loop until none is free.
void work(pool *p, int64_t thread) {
  uint64_t ticket = __atomic_load_n(&p->ticket, __ATOMIC_ACQUIRE);
  for (;;) {
    job *current = &p->jobs[ticket >> 32 & 1];
    neap_task task = __atomic_load_n(&current->task, __ATOMIC_RELAXED);
    void *args = __atomic_load_n(&current->args, __ATOMIC_RELAXED);
    uint32_t count = __atomic_load_n(&current->count, __ATOMIC_RELAXED);
    uint32_t index = static_cast<uint32_t>(ticket);
    if (index >= count)
      return;
    if (!__atomic_compare_exchange_n(&p->ticket, &ticket, ticket + 1, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
      continue;
    task(p->context, args, index, thread);
    uint32_t done = __atomic_add_fetch(&p->done, 1, __ATOMIC_SEQ_CST);
    if (done == count && __atomic_load_n(&p->caller_waits, __ATOMIC_SEQ_CST))
      futex_wake(&p->done, 1);
    ticket = __atomic_load_n(&p->ticket, __ATOMIC_ACQUIRE);
  }
}

// Sleeps until a loop after generation `seen` starts; returns its generation.
uint32_t await_loop(pool *p, uint32_t seen) {
  for (int i = 0; i < spins; ++i) {
    uint32_t now = __atomic_load_n(&p->generation, __ATOMIC_ACQUIRE);
    if (now != seen)
      return now;
    pause_briefly();
  }
  __atomic_add_fetch(&p->sleepers, 1, __ATOMIC_SEQ_CST);
  uint32_t now;
  while ((now = __atomic_load_n(&p->generation, __ATOMIC_SEQ_CST)) == seen)
    futex_wait(&p->generation, seen);
  __atomic_sub_fetch(&p->sleepers, 1, __ATOMIC_SEQ_CST);
  return now;
}

void pin(int processor) {
  if (processor < 0)
    return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  sched_setaffinity(0, sizeof one, &one);
}

void *worker_main(void *self) {
  pool *p = &the_pool;
  worker *me = static_cast<worker *>(self);
  pin(me->processor);
  for (uint32_t seen = 0;;) {
    seen = await_loop(p, seen);
    work(p, me - p->workers + 1);
  }
}

void await_tasks(pool *p, uint32_t count) {
  for (int i = 0; i < spins; ++i) {
    if (__atomic_load_n(&p->done, __ATOMIC_ACQUIRE) == count)
      return;
    pause_briefly();
  }
  __atomic_store_n(&p->caller_waits, 1, __ATOMIC_SEQ_CST);
  for (;;) {
    uint32_t done = __atomic_load_n(&p->done, __ATOMIC_SEQ_CST);
    if (done == count)
      break;
    futex_wait(&p->done, done);
  }
  __atomic_store_n(&p->caller_waits, 0, __ATOMIC_SEQ_CST);
}

void run_loop(pool *p, neap_task task, void *args, uint32_t count) {
  uint32_t generation = p->generation + 1;
  job *next = &p->jobs[generation & 1];
  __atomic_store_n(&next->task, task, __ATOMIC_RELAXED);
  __atomic_store_n(&next->args, args, __ATOMIC_RELAXED);
  __atomic_store_n(&next->count, count, __ATOMIC_RELAXED);
  __atomic_store_n(&p->done, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&p->ticket, static_cast<uint64_t>(generation) << 32,
                   __ATOMIC_RELEASE);
  __atomic_store_n(&p->generation, generation, __ATOMIC_SEQ_CST);
  uint32_t sleepers = __atomic_load_n(&p->sleepers, __ATOMIC_SEQ_CST);
  if (sleepers)
    futex_wake(&p->generation, static_cast<int>(count - 1));
  work(p, 0);
  await_tasks(p, count);
}

void parallel_for(neap_context *context, neap_task task, void *args,
                  int64_t count) {
  const int64_t largest = 1 << 30; // tasks of one generation
  if (context->thread_count == 1 || count == 1) {
    for (int64_t i = 0; i < count; ++i)
      task(context, args, i, 0);
    return;
  }
  if (count > 0 && count <= largest)
    return run_loop(&the_pool, task, args, static_cast<uint32_t>(count));
  // Tasks keep their numbers, so longer loops run in one thread rather than
  // in shifted pieces; no planned kernel has a billion tasks.
  for (int64_t i = 0; i < count; ++i)
    task(context, args, i, 0);
}

// The `index`-th processor of the set, counted round robin; -1 without pins.
int pinned_processor(const pinning *pins, int index) {
  if (!pins->active)
    return -1;
  index %= CPU_COUNT(&pins->processors);
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &pins->processors) && index-- == 0)
      return i;
  return -1;
}

} // namespace

status pool_start(const struct neap_image *image, neap_context *context,
                  const pinning *pins) {
  context->parallel_for = parallel_for;
  the_pool.context = context;
  int64_t workers = context->thread_count - 1;
  pin(pinned_processor(pins, 0));
  if (workers == 0)
    return ok;
  if (workers > maximum_workers)
    return fail(bug, "the plan has more than ", maximum_workers + 1,
                " threads");
  int64_t bytes = image->stacks.bytes / (image->max_threads - 1) / 4096 * 4096;
  for (int i = 0; i < workers; ++i) {
    worker *one = &the_pool.workers[i];
    one->processor = pinned_processor(pins, i + 1);
    status result =
        thread_start(worker_main, one,
                     context->arena + image->stacks.offset + i * bytes, bytes);
    if (result != ok)
      return result;
  }
  return ok;
}

int processors_allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) == 0)
    return 1;
  return CPU_COUNT(&set);
}

} // namespace neap
