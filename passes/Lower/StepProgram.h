// A planned program as a flat list of kernel calls with resolved addresses, and
// the outlining of its repetitions. Plain data: no MLIR beyond kernel names.
#ifndef NEAP_PASSES_LOWER_STEPPROGRAM_H
#define NEAP_PASSES_LOWER_STEPPROGRAM_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace neap {

/// Where an operand lives at run time.
struct StepAddress {
  enum Base { None, Arena, Weights } base = None;
  int64_t offset = 0; ///< bytes from the base, a multiple of kAddressUnit

  bool operator==(const StepAddress &o) const {
    return base == o.base && offset == o.offset;
  }
};

/// Granularity of addresses: records of outlined segments store 32-bit
/// multiples.
constexpr int64_t kAddressUnit = 64;

/// One kernel call.
struct Step {
  int kernel; ///< index of the kernel, equal for equal code
  std::vector<StepAddress> addresses;
};

/// `count` consecutive repetitions of `length` steps starting at step `begin`;
/// count is 1 for straight code.
struct StepSegment {
  size_t begin, length, count;
};

/// Covers the steps by segments in order. Repetitions (equal kernels, whatever
/// the addresses) are found greedily, the longest coverage first at each
/// position; everything else becomes straight segments. O(n^2) comparisons.
std::vector<StepSegment> findRepetitions(const std::vector<Step> &steps);

/// The body of an outlined segment: for each step and operand either a fixed
/// address or a column of the record that every use passes.
struct SegmentBody {
  std::vector<int> kernels;
  struct Operand {
    StepAddress fixed; ///< base None: an absent operand
    int column = -1;   ///< >= 0: offset read from the record, base from `fixed`
  };
  std::vector<std::vector<Operand>> operands;
  size_t columns = 0; ///< 32-bit entries in a record
};

/// One use of an outlined body: `records` holds count x columns entries.
struct SegmentUse {
  size_t body; ///< index into OutlinedPrograms::bodies
  size_t count;
  std::vector<uint32_t> records;
};

/// A program as straight steps and uses of shared bodies, in order.
struct OutlinedProgram {
  struct Item {
    bool isSegment;
    size_t index; ///< into `straight` or `uses`
  };
  std::vector<Item> items;
  std::vector<Step> straight;
  std::vector<SegmentUse> uses;
};

struct OutlinedPrograms {
  std::vector<SegmentBody> bodies;
  std::map<std::string, OutlinedProgram> programs;
};

/// Outlines repetitions of all programs together: segments with the same kernel
/// sequence share one body, also across programs. Code does not grow with the
/// number of repetitions; only records do, and only in the operands that vary.
OutlinedPrograms
outline(const std::map<std::string, std::vector<Step>> &programs);

} // namespace neap
#endif
