// A planned program as a flat list of kernel calls with resolved addresses, and
// the outlining of what repeats. Plain data: no MLIR beyond kernel names.
#ifndef NEAP_PASSES_LOWER_STEPPROGRAM_H
#define NEAP_PASSES_LOWER_STEPPROGRAM_H

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace neap {

/// What a kernel is given for one operand.
struct StepOperand {
  enum Kind {
    None,    ///< no address
    Arena,   ///< address in the arena
    Weights, ///< address in the weights
    Number   ///< a run-time attribute (KernelOpInterface)
  } kind = None;
  int64_t value = 0; ///< bytes from the base, a multiple of kAddressUnit; or
                     ///< the number, below 2^32

  bool operator==(const StepOperand &o) const {
    return kind == o.kind && value == o.value;
  }
};

/// Granularity of addresses: records of outlined segments store 32-bit
/// multiples.
constexpr int64_t kAddressUnit = 64;

/// What one entry of a record counts for operands of this kind.
constexpr int64_t getRecordUnit(StepOperand::Kind kind) {
  return kind == StepOperand::Number ? 1 : kAddressUnit;
}

/// One kernel call.
struct Step {
  int kernel; ///< index of the kernel, equal for equal code
  std::vector<StepOperand> operands;
};

/// A record is two rows of 32-bit entries. Uses that agree in all of a row
/// store it once: the columns in which many uses agree are put together.
enum RecordRow { CommonRow, OwnRow };
constexpr size_t kRecordRows = 2;

/// The body of an outlined segment. Each operand is fixed, or a column of the
/// record that every use passes, plus a constant: operands that keep their
/// distance in all uses (the weights of a layer, a parameter's value and
/// gradient) share a column.
struct SegmentBody {
  std::vector<int> kernels;
  struct Operand {
    StepOperand fixed; ///< value: added to the column's
    int row = -1;      ///< -1: `fixed` is all
    size_t column = 0;
  };
  std::vector<std::vector<Operand>> operands;
  std::array<size_t, kRecordRows> columns{};
};

/// One call of an outlined body.
struct SegmentUse {
  size_t body; ///< index into OutlinedPrograms::bodies
  std::array<std::vector<uint32_t>, kRecordRows> rows;
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
/// in whichever program: equal kernels and kinds of operands, any values.
/// Greedy by bytes saved (RepeatedSequences.h), for several limits on their
/// length; the smallest result wins. Code does not grow with the number of
/// repetitions; only records do, and only in the operands that vary.
OutlinedPrograms
outline(const std::map<std::string, std::vector<Step>> &programs);

} // namespace neap
#endif
