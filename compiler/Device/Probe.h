// A profile of the machine Neap runs on.
#ifndef NEAP_COMPILER_DEVICE_PROBE_H
#define NEAP_COMPILER_DEVICE_PROBE_H

#include "compiler/Device/DeviceProfile.h"

namespace neap {

/// Measures this machine for about a second: features, the processors this
/// process may run on, caches, fp32 rates, memory bandwidth, and a reading of
/// the disk under `diskProbeDirectory` (a temporary file of 64 MiB, removed;
/// figures stay guessed where that fails). The memory limit is the smallest of
/// the cgroups' limits and the memory available now.
/// Supports x86-64 Linux; elsewhere an error that says so.
InputOr<DeviceProfile> probeHost(const std::string &diskProbeDirectory = ".");

} // namespace neap

#endif // NEAP_COMPILER_DEVICE_PROBE_H
