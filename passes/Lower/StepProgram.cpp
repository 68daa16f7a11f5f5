#include "passes/Lower/StepProgram.h"

#include <algorithm>

using namespace neap;

//===----------------------------------------------------------------------===//
// Repetitions
//===----------------------------------------------------------------------===//

namespace {
/// Repetitions shorter than this are not worth a function.
constexpr size_t kMinOutlinedSteps = 4;

/// The best repetition that starts at `begin`: the most steps covered, the
/// shortest period among equals.
StepSegment bestRepetition(const std::vector<Step> &steps, size_t begin) {
  StepSegment best{begin, 0, 0};
  size_t covered = 0;
  for (size_t period = 1; begin + 2 * period <= steps.size(); ++period) {
    size_t run = 0;
    while (begin + period + run < steps.size() &&
           steps[begin + run].kernel == steps[begin + period + run].kernel)
      ++run;
    size_t count = run / period + 1;
    if (count > 1 && period * count > covered &&
        period * count >= kMinOutlinedSteps) {
      covered = period * count;
      best = {begin, period, count};
    }
  }
  return best;
}
} // namespace

std::vector<StepSegment> neap::findRepetitions(const std::vector<Step> &steps) {
  std::vector<StepSegment> segments;
  size_t straight = 0, position = 0;
  auto flush = [&](size_t end) {
    if (end > straight)
      segments.push_back({straight, end - straight, 1});
  };
  while (position < steps.size()) {
    StepSegment found = bestRepetition(steps, position);
    // A repetition of a part (two similar projections) must not break up a
    // longer one of the whole (a layer) that starts a little later.
    for (size_t later = position + 1;
         found.count && later < position + found.length * found.count;
         ++later) {
      StepSegment other = bestRepetition(steps, later);
      if (other.length * other.count > 2 * found.length * found.count)
        found.count = 0;
    }
    if (found.count < 2) {
      ++position;
      continue;
    }
    flush(position);
    segments.push_back(found);
    position += found.length * found.count;
    straight = position;
  }
  flush(position);
  return segments;
}

//===----------------------------------------------------------------------===//
// Outlining
//===----------------------------------------------------------------------===//

namespace {

/// All uses of one kernel sequence.
struct Family {
  std::vector<int> kernels;
  std::vector<const Step *> instances; ///< first step of each repetition
};

/// Decides for each operand whether it is the same in every instance, equals an
/// earlier varying operand, or needs a column of its own.
SegmentBody buildBody(const Family &family) {
  SegmentBody body;
  body.kernels = family.kernels;
  std::map<std::vector<int64_t>, int> columnOf;
  for (size_t step = 0; step < family.kernels.size(); ++step) {
    body.operands.emplace_back();
    size_t operands = family.instances.front()[step].addresses.size();
    for (size_t i = 0; i < operands; ++i) {
      SegmentBody::Operand operand;
      operand.fixed = family.instances.front()[step].addresses[i];
      std::vector<int64_t> offsets;
      for (const Step *instance : family.instances)
        offsets.push_back(instance[step].addresses[i].offset);
      bool varies = std::any_of(offsets.begin(), offsets.end(), [&](int64_t o) {
        return o != offsets.front();
      });
      if (varies) {
        auto [entry, isNew] = columnOf.try_emplace(offsets, int(body.columns));
        if (isNew)
          ++body.columns;
        operand.column = entry->second;
      }
      body.operands.back().push_back(operand);
    }
  }
  return body;
}

void appendRecord(const SegmentBody &body, const Step *instance,
                  std::vector<uint32_t> &records) {
  size_t base = records.size();
  records.resize(base + body.columns);
  for (size_t step = 0; step < body.operands.size(); ++step)
    for (size_t i = 0; i < body.operands[step].size(); ++i)
      if (int column = body.operands[step][i].column; column >= 0)
        records[base + column] =
            uint32_t(instance[step].addresses[i].offset / kAddressUnit);
}

/// The key under which instances share a body: kernels and address bases.
std::vector<int> familyKey(const Step *steps, size_t length) {
  std::vector<int> key;
  for (size_t i = 0; i < length; ++i) {
    key.push_back(steps[i].kernel);
    for (const StepAddress &address : steps[i].addresses)
      key.push_back(-1 - int(address.base));
  }
  return key;
}

} // namespace

OutlinedPrograms
neap::outline(const std::map<std::string, std::vector<Step>> &programs) {
  std::map<std::vector<int>, size_t> familyIndex;
  std::vector<Family> families;
  std::map<std::string, std::vector<StepSegment>> segmentsOf;
  for (const auto &[name, steps] : programs) {
    segmentsOf[name] = findRepetitions(steps);
    for (const StepSegment &segment : segmentsOf[name]) {
      if (segment.count < 2)
        continue;
      const Step *first = &steps[segment.begin];
      auto [entry, isNew] = familyIndex.try_emplace(
          familyKey(first, segment.length), families.size());
      if (isNew) {
        families.emplace_back();
        for (size_t i = 0; i < segment.length; ++i)
          families.back().kernels.push_back(first[i].kernel);
      }
      for (size_t i = 0; i < segment.count; ++i)
        families[entry->second].instances.push_back(first + i * segment.length);
    }
  }

  OutlinedPrograms result;
  for (const Family &family : families)
    result.bodies.push_back(buildBody(family));
  for (const auto &[name, steps] : programs) {
    OutlinedProgram &program = result.programs[name];
    for (const StepSegment &segment : segmentsOf[name]) {
      const Step *first = &steps[segment.begin];
      if (segment.count < 2) {
        for (size_t i = 0; i < segment.length; ++i) {
          program.items.push_back({false, program.straight.size()});
          program.straight.push_back(first[i]);
        }
        continue;
      }
      SegmentUse use;
      use.body = familyIndex.at(familyKey(first, segment.length));
      use.count = segment.count;
      for (size_t i = 0; i < segment.count; ++i)
        appendRecord(result.bodies[use.body], first + i * segment.length,
                     use.records);
      program.items.push_back({true, program.uses.size()});
      program.uses.push_back(std::move(use));
    }
  }
  return result;
}
