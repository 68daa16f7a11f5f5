//===- TransientShapes.h - Repeated groups of transients --------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_TRANSIENTSHAPES_H
#define NEAP_PASSES_SOLVERS_TRANSIENTSHAPES_H

#include "passes/Solvers/Allocation.h"
#include "passes/Solvers/GreedyAllocation.h"
#include "passes/Solvers/Timeline.h"

#include <cstdint>
#include <map>
#include <vector>

namespace neap {

/// Transients, split into components of overlapping lifetimes and grouped by
/// shape: sizes, alignments and lifetimes relative to the component's own
/// births and deaths. Every component of a shape gets the same *depths*, the
/// distances of its buffers' upper ends from the top of the arena.
class TransientShapes {
public:
  /// What is kept from one set of transients to the next.
  struct Cache {
    /// Greedy depths by shape.
    std::map<std::vector<int64_t>, std::vector<int64_t>> depths;
    /// Greedy work so far.
    GreedyEffort effort;
  };

  /// `transients` are indices into `buffers`; both outlive the object.
  TransientShapes(const std::vector<Buffer> &buffers,
                  const std::vector<size_t> &transients, Cache &cache);

  /// Per buffer; 0 where it is not a transient.
  std::vector<int64_t> depths() const;

  /// Buffers that are packed; all others repeat one of them.
  size_t distinctMembers() const;

  /// Size in the frame that hangs from the top: rounded up to the alignment,
  /// so that offsets stay aligned when mirrored.
  static int64_t hangingSize(const Buffer &buffer) {
    return alignUp(buffer.sizeBytes, buffer.alignment);
  }

  /// Makes every component fit between an arena's `top` and `stackTops` (per
  /// section of `timeline`), by exact search where its depths do not. Each
  /// search visits at most `nodesPerMember` nodes per member (or 2000), and all
  /// add to `nodes`, up to options.nodeLimit. Returns false at the first that
  /// does not succeed; those before it keep what was found.
  bool fitAbove(const RangeMax &stackTops, const Timeline &timeline,
                int64_t top, int64_t nodesPerMember,
                const AllocationOptions &options, int64_t &nodes);

private:
  struct Shape {
    /// The buffers of one component in the hanging frame.
    std::vector<Buffer> members;
    /// Per component, the members' indices.
    std::vector<std::vector<size_t>> components;
    std::vector<int64_t> depths;
  };

  const std::vector<Buffer> &buffers;
  std::vector<Shape> shapes;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_TRANSIENTSHAPES_H
