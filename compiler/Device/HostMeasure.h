// The measurements behind probeHost, each runnable alone.
#ifndef NEAP_COMPILER_DEVICE_HOSTMEASURE_H
#define NEAP_COMPILER_DEVICE_HOSTMEASURE_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace neap {

struct FloatRates {
  double peakGflops = 0;      ///< best short run on one core
  double sustainedGflops = 0; ///< per core over the whole run, all cores busy
};

/// Runs a register-only multiply-add loop on each processor of `cpus` at once
/// for `seconds`. `vectorFloats` (16, 8 or 4) must be supported here.
FloatRates measureFloatRates(const std::vector<int> &cpus, int vectorFloats,
                             double seconds);

/// Bytes read and written per second (10^9) by copies between buffers of
/// `bufferBytes` per thread, one thread per processor; best of a few rounds.
double measureMemoryBandwidth(const std::vector<int> &cpus,
                              int64_t bufferBytes);

struct DiskRates {
  double readMBps = 0, writeMBps = 0, readLatencyUs = 0, writeLatencyUs = 0;
};

/// Direct I/O on a temporary file of `bytes` in `directory`; nothing where the
/// directory or direct I/O refuses.
std::optional<DiskRates> measureDisk(const std::string &directory,
                                     int64_t bytes);

} // namespace neap

#endif // NEAP_COMPILER_DEVICE_HOSTMEASURE_H
