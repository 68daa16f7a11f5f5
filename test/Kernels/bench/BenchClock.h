// Timing on machines whose clock wanders: every sample is taken between two
// runs of a register-only FMA loop and judged against their rate.
#ifndef NEAP_TEST_KERNELS_BENCH_BENCHCLOCK_H
#define NEAP_TEST_KERNELS_BENCH_BENCHCLOCK_H

#include "runtime/include/neap/abi.h"

#include <functional>
#include <vector>

namespace neap::bench {

/// f32 operations per second (a multiply-add counts as two) of a loop of
/// independent register-only FMAs with vectors of `lanes` floats; 0 where no
/// such loop is written for this processor.
double measurePeak(int lanes);

double getWallSeconds();
/// Time this thread has run: other processes' share excluded.
double getThreadSeconds();

/// Two persistent threads at most behind neap_context::parallel_for: thread
/// start-up stays out of the samples. Tasks are claimed one by one.
void parallelFor(neap_context *ctx, neap_task task, void *args, int64_t count);
/// Processor time of all threads in the last call of parallelFor.
double getProcessorSeconds();
/// Whether another process held a thread back in that call of `seconds`.
bool wasDisturbed(double seconds);
void stopThreads();

struct Sample {
  double seconds;   ///< wall time
  int disturbed;    ///< samples kept although another process ran meanwhile
  double processor; ///< all threads' own time
  double peak;      ///< operations per second beside it, one thread
};

/// Medians over `count` samples. Samples in which another process took the
/// processor are taken again, a bounded number of times.
Sample measure(const std::function<void()> &run, int lanes, int count);

} // namespace neap::bench
#endif
