//===- WeightsPlace.h - Where frozen weights are ----------------*- C++ -*-===//

#ifndef NEAP_PASSES_PLAN_WEIGHTSPLACE_H
#define NEAP_PASSES_PLAN_WEIGHTSPLACE_H

namespace neap {

/// Where the frozen weights are while the trainer runs.
enum class WeightsPlace {
  Mapped,   ///< clean pages of the file
  Resident, ///< copied into the arena
  Streamed  ///< read into the arena for each use (plan.fetch)
};

/// The name in specs and reports.
inline const char *getWeightsPlaceName(WeightsPlace place) {
  constexpr const char *names[] = {"mapped", "resident", "streamed"};
  return names[static_cast<int>(place)];
}

} // namespace neap

#endif // NEAP_PASSES_PLAN_WEIGHTSPLACE_H
