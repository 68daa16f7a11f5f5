//===- BlockVariants.h - What a block may recompute -------------*- C++ -*-===//
//
// For a price per kept byte the best choice of recomputed steps in one block is
// a minimum cut (docs/planning.md, "Variants of a block"). Sweeping the price
// gives the lower convex hull of (bytes kept, time).
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_REMAT_BLOCKVARIANTS_H
#define NEAP_PASSES_REMAT_BLOCKVARIANTS_H

#include "passes/Analysis/Segmentation.h"

namespace neap {

/// The steps of `block` to recompute, by position in the block, that minimise
///   time of the recomputed steps + price * bytes kept
/// for every price at which the answer changes, from "recompute nothing"
/// (always the first) to the fewest bytes kept; subject to: every value that
/// the backward part or a recomputed step reads is kept or recomputed; only
/// recomputable steps are recomputed; values that later forward steps read and
/// side inputs are kept anyway and cost nothing; values from before the block
/// are kept at their cost.
std::vector<std::vector<bool>>
enumerateVariants(const Schedule &schedule, const Segmentation &segmentation,
                  StepRange block);

} // namespace neap

#endif // NEAP_PASSES_REMAT_BLOCKVARIANTS_H
