//===- Segmentation.h - Repeated blocks of the forward part -----*- C++ -*-===//
//
//   step:   0    1    2    3    4    5    6
//         [embed]->[norm->mix->add]->[norm->mlp->add]->...
//                ^                ^                 ^   one tensor crosses: a
//                cut
//
// Any graph, no transformer assumed. A value that is read only where no
// gradient flows (a table of angles, a mask) is a side input: it may cross
// cuts.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_ANALYSIS_SEGMENTATION_H
#define NEAP_PASSES_ANALYSIS_SEGMENTATION_H

#include "passes/Analysis/Schedule.h"

#include <map>

namespace neap {

/// Forward steps [begin, end).
struct StepRange {
  int begin = 0, end = 0;
  bool operator==(const StepRange &other) const {
    return begin == other.begin && end == other.end;
  }
};

struct Segmentation {
  /// Cover the forward part in order.
  std::vector<StepRange> segments;
  /// By value: may cross cuts, and is kept where it does. Read in the forward
  /// part only where no gradient flows; or a long connection, without which
  /// the part could not be cut.
  std::vector<bool> isSideInput;
  /// By value: some backward step reads it.
  std::vector<bool> readByBackward;
  /// By value: the last forward step that reads it, or -1.
  std::vector<int> lastForwardUses;
};

/// Cuts the forward part wherever exactly one value, side inputs and program
/// inputs left out, is alive between two steps. O((steps + values) log steps).
Segmentation segmentForward(const Schedule &schedule);

/// Numbers ranges of forward steps so that equal numbers mean equal structure:
/// the same kinds of steps, connected alike, with the same values read by the
/// backward part and by later forward steps.
class BlockTypes {
public:
  /// Both must outlive this.
  BlockTypes(const Schedule &schedule, const Segmentation &segmentation);

  /// 0, 1, ... in order of first appearance.
  int getType(StepRange range);

private:
  const Schedule &schedule;
  const Segmentation &segmentation;
  std::map<std::vector<int>, int> types;
};

} // namespace neap

#endif // NEAP_PASSES_ANALYSIS_SEGMENTATION_H
