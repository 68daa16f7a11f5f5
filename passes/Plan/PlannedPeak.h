//===- PlannedPeak.h - From the arena to the process's memory ---*- C++ -*-===//
//
// The one place with the formulas of planned.{anon,rss,cgroup}; the trainer's
// measurements are compared with these numbers.
//
//   anon   = arena + own data
//   rss    = anon + code + mapped weights
//   cgroup = rss + page tables + kernel stacks + slabs + page cache of files
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_PLAN_PLANNEDPEAK_H
#define NEAP_PASSES_PLAN_PLANNEDPEAK_H

#include <cstdint>

namespace neap {

/// How memory is counted (docs/planning.md, "Measures").
enum class MemoryMeasure { Anon, Rss, Cgroup };

/// "anon", "rss" or "cgroup".
const char *getMeasureName(MemoryMeasure measure);

/// The trainer's writable data, bss, thread-local storage and main stack.
constexpr int64_t trainerDataBytes = 96 << 10;
/// Code and constants of the trainer: the limit on a stripped trainer.
constexpr int64_t trainerCodeBytes = 512 << 10;
/// A mapped page costs one entry of 8 bytes in a table of 4 KiB.
constexpr int64_t mappedBytesPerTableByte = 512;
/// Upper levels of the page table and tables that are used in part.
constexpr int64_t pageTableSlackBytes = 64 << 10;
/// Kernel stack of a thread on Linux (x86-64 and AArch64).
constexpr int64_t kernelStackBytes = 16 << 10;
/// Task, file, inode and mapping structures charged to the group.
constexpr int64_t slabBytes = 256 << 10;
/// Page cache of the data file's window, the log and directories. Further
/// cache is clean and is given back under pressure.
constexpr int64_t pageCacheBytes = 1 << 20;

struct PeakDemand {
  int64_t arenaBytes = 0;
  /// Pages of the weights file that are mapped; 0 when weights are resident.
  int64_t mappedWeightBytes = 0;
  /// The largest file written: it sits in the page cache until it is synced.
  int64_t writtenFileBytes = 0;
  int64_t threads = 1;
};

struct PlannedPeak {
  int64_t anonBytes = 0, rssBytes = 0, cgroupBytes = 0;
  int64_t bookkeepingBytes = 0; ///< cgroupBytes - rssBytes
  int64_t get(MemoryMeasure measure) const;
};

PlannedPeak computePlannedPeak(const PeakDemand &demand);

} // namespace neap

#endif // NEAP_PASSES_PLAN_PLANNEDPEAK_H
