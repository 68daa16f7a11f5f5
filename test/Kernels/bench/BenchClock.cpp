#include "test/Kernels/bench/BenchClock.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <time.h>

using namespace neap;
using namespace neap::bench;

static double readClock(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}
double bench::getWallSeconds() { return readClock(CLOCK_MONOTONIC); }
double bench::getThreadSeconds() { return readClock(CLOCK_THREAD_CPUTIME_ID); }

//===----------------------------------------------------------------------===//
// Peak
//===----------------------------------------------------------------------===//

#if defined(__x86_64__)
#define NEAP_REPEAT12(X)                                                       \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define NEAP_CLOBBERS                                                          \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",      \
      "xmm9", "xmm10", "xmm11"
#define NEAP_FMA512(i) "vfmadd231ps %%zmm12,%%zmm13,%%zmm" #i "\n\t"
#define NEAP_FMA256(i) "vfmadd231ps %%ymm12,%%ymm13,%%ymm" #i "\n\t"
#define NEAP_FMA128(i) "vfmadd231ps %%xmm12,%%xmm13,%%xmm" #i "\n\t"

static constexpr int peakIterations = 10000, peakChains = 12;

static void runPeakLoop(int lanes) {
  for (int i = 0; i < peakIterations; ++i) {
    if (lanes == 16)
      asm volatile(NEAP_REPEAT12(NEAP_FMA512)::: NEAP_CLOBBERS);
    else if (lanes == 8)
      asm volatile(NEAP_REPEAT12(NEAP_FMA256)::: NEAP_CLOBBERS);
    else
      asm volatile(NEAP_REPEAT12(NEAP_FMA128)::: NEAP_CLOBBERS);
  }
}

double bench::measurePeak(int lanes) {
  double start = getThreadSeconds();
  runPeakLoop(lanes);
  double seconds = getThreadSeconds() - start;
  return 2.0 * peakIterations * peakChains * lanes / seconds;
}
#else
double bench::measurePeak(int) { return 0; }
#endif

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

namespace {
struct Pool {
  std::thread worker;
  std::atomic<int> started{0}, finished{0};
  std::atomic<bool> stop{false};
  std::atomic<int64_t> next{0};
  neap_context *context;
  neap_task task;
  void *args;
  int64_t count;
  double seconds[2], wall[2];

  void work(int64_t thread) {
    double start = getThreadSeconds(), wallStart = getWallSeconds();
    for (int64_t i; (i = next.fetch_add(1)) < count;)
      task(context, args, i, thread);
    seconds[thread] = getThreadSeconds() - start;
    wall[thread] = getWallSeconds() - wallStart;
  }
  void serve() {
    for (int seen = 0;;) {
      while (started.load() == seen)
        if (stop.load())
          return;
      ++seen;
      work(1);
      finished.store(seen);
    }
  }
};
} // namespace

static Pool pool;

void bench::parallelFor(neap_context *ctx, neap_task task, void *args,
                        int64_t count) {
  pool.context = ctx;
  pool.task = task;
  pool.args = args;
  pool.count = count;
  pool.next = 0;
  pool.seconds[1] = pool.wall[1] = 0;
  bool two = ctx->thread_count > 1;
  if (two && !pool.worker.joinable())
    pool.worker = std::thread([] { pool.serve(); });
  int number = pool.started.load() + 1;
  if (two)
    pool.started.store(number);
  pool.work(0);
  while (two && pool.finished.load() != number)
    ;
}

double bench::getProcessorSeconds() {
  return pool.seconds[0] + pool.seconds[1];
}

bool bench::wasDisturbed(double seconds) {
  double lost =
      std::max(pool.wall[0] - pool.seconds[0], pool.wall[1] - pool.seconds[1]);
  double waited = seconds - std::max(pool.wall[0], pool.wall[1]);
  return std::max(lost, waited) > 0.02 * seconds;
}

void bench::stopThreads() {
  if (!pool.worker.joinable())
    return;
  pool.stop = true;
  pool.worker.join();
  pool.worker = std::thread();
  pool.stop = false;
  pool.started = pool.finished = 0;
}

//===----------------------------------------------------------------------===//
// Samples
//===----------------------------------------------------------------------===//

double bench::getMedian(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

Sample bench::takeSample(const std::function<void()> &run, int lanes) {
  constexpr int maxTries = 6;
  for (int tries = 1;; ++tries) {
    double before = measurePeak(lanes);
    double start = getWallSeconds();
    run();
    double wall = getWallSeconds() - start;
    double own = getProcessorSeconds();
    double after = measurePeak(lanes);
    bool disturbed = wasDisturbed(wall);
    if (!disturbed || tries == maxTries)
      return {wall, disturbed, own, (before + after) / 2};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}
