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
  bool disturbed;   ///< another process ran meanwhile
  double processor; ///< all threads' own time
  double peak;      ///< operations per second beside it, one thread
};

/// Times one call between two peak loops. Where another process took the
/// processor it is timed again, a bounded number of times.
Sample takeSample(const std::function<void()> &run, int lanes);

double getMedian(std::vector<double> values);

} // namespace neap::bench
#endif
