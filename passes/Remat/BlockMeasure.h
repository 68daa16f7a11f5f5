//===- BlockMeasure.h - Costs of a block's variant --------------*- C++ -*-===//

#ifndef NEAP_PASSES_REMAT_BLOCKMEASURE_H
#define NEAP_PASSES_REMAT_BLOCKMEASURE_H

#include "passes/Remat/RematPlanner.h"

namespace neap {

/// Rematerialises `range` alone, by `recomputed` and `outer` (BlockVariant),
/// and reads off what the variant keeps, costs and needs. O(steps).
BlockVariant measureVariant(const Schedule &schedule,
                            const Segmentation &segmentation, StepRange range,
                            std::vector<bool> recomputed,
                            std::vector<std::vector<bool>> outer = {});

} // namespace neap

#endif // NEAP_PASSES_REMAT_BLOCKMEASURE_H
