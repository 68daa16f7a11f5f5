#include "passes/Lower/StepProgram.h"

#include "passes/Lower/RepeatedSequences.h"

#include <algorithm>
#include <set>

using namespace neap;

namespace {

/// x86-64 bytes, about: of a call without its operands, of an operand that is
/// set up for it, of a use's two record pointers.
constexpr size_t kCallBytes = 8, kOperandBytes = 8, kRecordBytes = 14;
/// Longest sequences that are tried; long ones save more calls at a time, short
/// ones occur more often.
constexpr size_t lengthLimits[] = {SIZE_MAX, 64, 48, 32, 24, 16};

size_t callBytes(const Step &step) {
  return kCallBytes + kOperandBytes * step.operands.size();
}

/// All programs as one string of symbols, a separator between two.
struct Symbols {
  std::vector<int> symbols;
  std::vector<const Step *> steps; ///< null for separators
  SequenceCosts costs{{}, kCallBytes + kRecordBytes};
};

/// Steps are equal where kernels and kinds of operands are.
std::vector<int> getKind(const Step &step) {
  std::vector<int> kind{step.kernel};
  for (const StepOperand &operand : step.operands)
    kind.push_back(int(operand.kind));
  return kind;
}

Symbols concatenate(const std::map<std::string, std::vector<Step>> &programs) {
  Symbols all;
  std::map<std::vector<int>, int> numbers;
  auto append = [&](int symbol, const Step *step) {
    all.symbols.push_back(symbol);
    all.steps.push_back(step);
    all.costs.symbol.push_back(step ? callBytes(*step) : 0);
  };
  for (const auto &[name, steps] : programs) {
    for (const Step &step : steps)
      append(
          numbers.try_emplace(getKind(step), int(numbers.size())).first->second,
          &step);
    append(-1, nullptr);
  }
  return all;
}

//===----------------------------------------------------------------------===//
// One body and its records
//===----------------------------------------------------------------------===//

/// The values of one operand in all uses, relative to the first use: operands
/// with equal relative values move together and share a column.
using Movement = std::vector<int64_t>;

/// A body, and the records of its uses.
class BodyBuilder {
public:
  /// `uses` are the first steps of each occurrence.
  BodyBuilder(size_t length, const std::vector<const Step *const *> &uses)
      : uses(uses), records(uses.size()) {
    for (size_t s = 0; s < length; ++s) {
      body.kernels.push_back(uses.front()[s]->kernel);
      body.operands.emplace_back();
      for (size_t i = 0; i < uses.front()[s]->operands.size(); ++i)
        body.operands.back().push_back(addOperand(s, i));
    }
    splitColumns();
  }

  SegmentBody body;
  /// Per use.
  std::vector<std::array<std::vector<uint32_t>, kRecordRows>> rows;

private:
  SegmentBody::Operand addOperand(size_t s, size_t i) {
    StepOperand first = uses.front()[s]->operands[i];
    SegmentBody::Operand operand{first};
    Movement movement;
    for (const Step *const *use : uses)
      movement.push_back(use[s]->operands[i].value - first.value);
    if (std::all_of(movement.begin(), movement.end(),
                    [](int64_t d) { return d == 0; }))
      return operand;
    auto [entry, isNew] = columnOf.try_emplace({int(first.kind), movement},
                                               columnOf.size(), first.value);
    auto [column, firstValue] = entry->second;
    if (isNew)
      for (size_t u = 0; u < uses.size(); ++u)
        records[u].push_back(
            uint32_t((firstValue + movement[u]) / getRecordUnit(first.kind)));
    operand.row = OwnRow;
    operand.column = column;
    operand.fixed.value -= firstValue;
    return operand;
  }

  /// Rows that differ among the uses, of the columns ranked[from, to).
  std::set<std::vector<uint32_t>>
  distinctRows(const std::vector<size_t> &ranked, size_t from,
               size_t to) const {
    std::set<std::vector<uint32_t>> distinct;
    for (const std::vector<uint32_t> &record : records) {
      std::vector<uint32_t> row;
      for (size_t k = from; k < to; ++k)
        row.push_back(record[ranked[k]]);
      distinct.insert(std::move(row));
    }
    return distinct;
  }

  /// The columns with the fewest values become the common row; as many as make
  /// the records smallest.
  void splitColumns() {
    size_t count = columnOf.size();
    std::vector<size_t> ranked(count), valueCount(count);
    for (size_t c = 0; c < count; ++c) {
      ranked[c] = c;
      valueCount[c] = distinctRows({c}, 0, 1).size();
    }
    std::sort(ranked.begin(), ranked.end(), [&](size_t a, size_t b) {
      return std::make_pair(valueCount[a], a) <
             std::make_pair(valueCount[b], b);
    });
    size_t common = 0, least = SIZE_MAX;
    for (size_t k = 0; k <= count; ++k) {
      size_t entries = distinctRows(ranked, 0, k).size() * k +
                       distinctRows(ranked, k, count).size() * (count - k);
      if (entries < least) {
        least = entries;
        common = k;
      }
    }
    assignRows(ranked, common);
  }

  void assignRows(const std::vector<size_t> &ranked, size_t common) {
    body.columns = {common, ranked.size() - common};
    std::vector<size_t> rank(ranked.size());
    for (size_t k = 0; k < ranked.size(); ++k)
      rank[ranked[k]] = k;
    for (std::vector<SegmentBody::Operand> &operands : body.operands)
      for (SegmentBody::Operand &operand : operands)
        if (operand.row >= 0) {
          size_t k = rank[operand.column];
          operand.row = k < common ? CommonRow : OwnRow;
          operand.column = k < common ? k : k - common;
        }
    for (const std::vector<uint32_t> &record : records) {
      rows.emplace_back();
      for (size_t k = 0; k < ranked.size(); ++k)
        rows.back()[k < common ? CommonRow : OwnRow].push_back(
            record[ranked[k]]);
    }
  }

  const std::vector<const Step *const *> &uses;
  /// Column and value in the first use, by kind and movement.
  std::map<std::pair<int, Movement>, std::pair<size_t, int64_t>> columnOf;
  /// Per use, all columns.
  std::vector<std::vector<uint32_t>> records;
};

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

/// Which use begins at a position, and how many steps it covers.
struct UseAt {
  SegmentUse use;
  size_t length;
};

OutlinedProgram assemble(const Symbols &all, size_t begin, size_t end,
                         std::map<size_t, UseAt> &useAt) {
  OutlinedProgram program;
  for (size_t position = begin; position < end;) {
    auto found = useAt.find(position);
    if (found == useAt.end()) {
      program.items.push_back({false, program.straight.size()});
      program.straight.push_back(*all.steps[position++]);
      continue;
    }
    program.items.push_back({true, program.uses.size()});
    program.uses.push_back(std::move(found->second.use));
    position += found->second.length;
  }
  return program;
}

OutlinedPrograms
outlineUpTo(const std::map<std::string, std::vector<Step>> &programs,
            const Symbols &all, size_t maxLength) {
  OutlinedPrograms result;
  std::map<size_t, UseAt> useAt;
  for (const RepeatedSequence &sequence :
       findRepeatedSequences(all.symbols, all.costs, maxLength)) {
    std::vector<const Step *const *> uses;
    for (size_t position : sequence.positions)
      uses.push_back(&all.steps[position]);
    BodyBuilder builder(sequence.length, uses);
    for (size_t u = 0; u < uses.size(); ++u)
      useAt[sequence.positions[u]] = {
          {result.bodies.size(), std::move(builder.rows[u])}, sequence.length};
    result.bodies.push_back(std::move(builder.body));
  }
  size_t begin = 0;
  for (const auto &[name, steps] : programs) {
    result.programs[name] = assemble(all, begin, begin + steps.size(), useAt);
    begin += steps.size() + 1;
  }
  return result;
}

/// About, of code and records.
size_t countBytes(const OutlinedPrograms &outlined) {
  size_t bytes = 0;
  for (const SegmentBody &body : outlined.bodies)
    for (const std::vector<SegmentBody::Operand> &operands : body.operands)
      bytes += kCallBytes + kOperandBytes * operands.size();
  std::set<std::vector<uint32_t>> rows;
  for (const auto &[name, program] : outlined.programs) {
    for (const Step &step : program.straight)
      bytes += callBytes(step);
    bytes += program.uses.size() * (kCallBytes + kRecordBytes);
    for (const SegmentUse &use : program.uses)
      rows.insert(use.rows.begin(), use.rows.end());
  }
  for (const std::vector<uint32_t> &row : rows)
    bytes += sizeof(uint32_t) * row.size();
  return bytes;
}

} // namespace

OutlinedPrograms
neap::outline(const std::map<std::string, std::vector<Step>> &programs) {
  Symbols all = concatenate(programs);
  OutlinedPrograms best;
  size_t least = SIZE_MAX;
  for (size_t maxLength : lengthLimits) {
    OutlinedPrograms outlined = outlineUpTo(programs, all, maxLength);
    size_t bytes = countBytes(outlined);
    if (bytes < least) {
      least = bytes;
      best = std::move(outlined);
    }
  }
  return best;
}
