/// What the system says about this process's memory.
#ifndef NEAP_CORE_PEAKS_H
#define NEAP_CORE_PEAKS_H

#include <stdint.h>

namespace neap {

/// Bytes; -1 where the system does not tell.
struct peaks {
  int64_t rss;    // VmHWM
  int64_t anon;   // largest sample
  int64_t cgroup; // of the memory group, if this process is alone in it
  bool alone;     // it was so at the start
};

void peaks_start(peaks *seen);
/// Samples anonymous memory, keeps the maximum, returns the current value.
int64_t peaks_sample(peaks *seen);
/// The final figures; one exact walk of the page tables besides the samples.
void peaks_finish(peaks *seen);

} // namespace neap

#endif
