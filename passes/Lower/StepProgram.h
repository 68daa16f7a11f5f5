// A planned program as a flat list of kernel calls with resolved addresses, and
// the outlining of what repeats. Plain data: no MLIR beyond kernel names.
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

/// The body of an outlined segment. Each operand is a fixed address, or a
/// column of the record that every use passes, plus a constant: operands that
/// keep their distance in all uses (the weights of a layer, a parameter's value
/// and gradient) share a column.
struct SegmentBody {
  std::vector<int> kernels;
  struct Operand {
    StepAddress fixed; ///< base None: absent; offset: added to the column's
    int column = -1;   ///< -1: `fixed` is the address
  };
  std::vector<std::vector<Operand>> operands;
  size_t columns = 0; ///< 32-bit entries in a record, in units of kAddressUnit
};

/// One call of an outlined body.
struct SegmentUse {
  size_t body; ///< index into OutlinedPrograms::bodies
  std::vector<uint32_t> record;
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

/// Outlines sequences of steps that occur more than once, wherever they do and
/// in whichever program: equal kernels and address bases, any addresses. Greedy
/// by bytes saved (RepeatedSequences.h). Code does not grow with the number of
/// repetitions; only records do, and only in the operands that vary.
OutlinedPrograms
outline(const std::map<std::string, std::vector<Step>> &programs);

} // namespace neap
#endif
