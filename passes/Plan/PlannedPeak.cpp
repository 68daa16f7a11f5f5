//===- PlannedPeak.cpp - Evaluates the formulas ---------------------------===//

#include "passes/Plan/PlannedPeak.h"

namespace neap {

const char *getMeasureName(MemoryMeasure measure) {
  switch (measure) {
  case MemoryMeasure::Anon:
    return "anon";
  case MemoryMeasure::Rss:
    return "rss";
  case MemoryMeasure::Cgroup:
    return "cgroup";
  }
  return "";
}

int64_t PlannedPeak::get(MemoryMeasure measure) const {
  switch (measure) {
  case MemoryMeasure::Anon:
    return anonBytes;
  case MemoryMeasure::Rss:
    return rssBytes;
  case MemoryMeasure::Cgroup:
    return cgroupBytes;
  }
  return 0;
}

PlannedPeak computePlannedPeak(const PeakDemand &demand) {
  PlannedPeak peak;
  peak.anonBytes = demand.arenaBytes + trainerDataBytes;
  peak.rssBytes = peak.anonBytes + trainerCodeBytes + demand.mappedWeightBytes;
  int64_t tables =
      peak.rssBytes / mappedBytesPerTableByte + pageTableSlackBytes;
  peak.bookkeepingBytes = tables + demand.threads * kernelStackBytes +
                          slabBytes + pageCacheBytes + demand.writtenFileBytes;
  peak.cgroupBytes = peak.rssBytes + peak.bookkeepingBytes;
  return peak;
}

} // namespace neap
