#include "passes/Lower/StepProgram.h"

#include "passes/Lower/RepeatedSequences.h"

#include <algorithm>

using namespace neap;

namespace {

/// x86-64 bytes of a straight call: about one address per operand, and the
/// call.
size_t callBytes(const Step &step) { return 12 + 9 * step.addresses.size(); }
/// Bytes of a use: the call and a record of a few columns.
constexpr size_t kUseBytes = 48;

/// All programs as one string of symbols, a separator between two.
struct Symbols {
  std::vector<int> symbols;
  std::vector<const Step *> steps; ///< null for separators
  SequenceCosts costs{{}, kUseBytes};
};

/// Steps are equal where kernels and address bases are.
std::vector<int> getKind(const Step &step) {
  std::vector<int> kind{step.kernel};
  for (const StepAddress &address : step.addresses)
    kind.push_back(int(address.base));
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

/// Offsets of one operand in all uses, relative to the first use: operands with
/// equal relative offsets move together and share a column.
using Movement = std::vector<int64_t>;

/// `uses` are the first steps of each occurrence.
SegmentBody buildBody(size_t length,
                      const std::vector<const Step *const *> &uses) {
  SegmentBody body;
  std::map<std::pair<int, Movement>, std::pair<int, int64_t>> columnOf;
  for (size_t s = 0; s < length; ++s) {
    const Step &first = *uses.front()[s];
    body.kernels.push_back(first.kernel);
    body.operands.emplace_back();
    for (size_t i = 0; i < first.addresses.size(); ++i) {
      SegmentBody::Operand operand{first.addresses[i], -1};
      Movement movement;
      for (const Step *const *use : uses)
        movement.push_back(use[s]->addresses[i].offset - operand.fixed.offset);
      if (std::any_of(movement.begin(), movement.end(),
                      [](int64_t d) { return d != 0; })) {
        auto [entry, isNew] =
            columnOf.try_emplace({int(operand.fixed.base), movement},
                                 int(body.columns), operand.fixed.offset);
        body.columns += isNew;
        operand.column = entry->second.first;
        operand.fixed.offset -= entry->second.second;
      }
      body.operands.back().push_back(operand);
    }
  }
  return body;
}

std::vector<uint32_t> makeRecord(const SegmentBody &body,
                                 const Step *const *use) {
  std::vector<uint32_t> record(body.columns);
  for (size_t s = 0; s < body.operands.size(); ++s)
    for (size_t i = 0; i < body.operands[s].size(); ++i) {
      const SegmentBody::Operand &operand = body.operands[s][i];
      if (operand.column >= 0)
        record[size_t(operand.column)] =
            uint32_t((use[s]->addresses[i].offset - operand.fixed.offset) /
                     kAddressUnit);
    }
  return record;
}

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

} // namespace

OutlinedPrograms
neap::outline(const std::map<std::string, std::vector<Step>> &programs) {
  Symbols all = concatenate(programs);
  OutlinedPrograms result;
  std::map<size_t, UseAt> useAt;
  for (const RepeatedSequence &sequence :
       findRepeatedSequences(all.symbols, all.costs)) {
    std::vector<const Step *const *> uses;
    for (size_t position : sequence.positions)
      uses.push_back(&all.steps[position]);
    SegmentBody body = buildBody(sequence.length, uses);
    for (size_t position : sequence.positions)
      useAt[position] = {
          {result.bodies.size(), makeRecord(body, &all.steps[position])},
          sequence.length};
    result.bodies.push_back(std::move(body));
  }
  size_t begin = 0;
  for (const auto &[name, steps] : programs) {
    result.programs[name] = assemble(all, begin, begin + steps.size(), useAt);
    begin += steps.size() + 1;
  }
  return result;
}
