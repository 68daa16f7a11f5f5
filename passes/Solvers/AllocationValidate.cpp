//===- AllocationValidate.cpp - Independent checks ------------------------===//
//
// Shares no code with the solvers, so that a mistake there cannot hide here.
//
//===----------------------------------------------------------------------===//

#include "passes/Solvers/Allocation.h"

#include <algorithm>
#include <map>

namespace neap {
namespace {

std::string describe(const AllocationProblem &problem, size_t index) {
  return "buffer #" + std::to_string(index) + " (id " +
         std::to_string(problem.buffers[index].id) + ")";
}

struct Event {
  int64_t step;
  bool isStart;
  size_t index;
};

/// Births and deaths of the buffers `included`; at one step deaths come first,
/// since lifetimes are half-open.
std::vector<Event> eventsOf(const AllocationProblem &problem,
                            const std::vector<size_t> &included) {
  std::vector<Event> events;
  for (size_t index : included) {
    events.push_back({problem.buffers[index].start, true, index});
    events.push_back({problem.buffers[index].end, false, index});
  }
  std::sort(events.begin(), events.end(), [](const Event &a, const Event &b) {
    return std::tie(a.step, a.isStart, a.index) <
           std::tie(b.step, b.isStart, b.index);
  });
  return events;
}

/// Two live buffers that share a byte, by a sweep over time. The live set is
/// disjoint before each birth, so its two neighbours in offset decide.
std::optional<std::string> findOverlap(const AllocationProblem &problem,
                                       const std::vector<int64_t> &offsets,
                                       const std::vector<size_t> &included) {
  std::map<int64_t, size_t> live;
  for (const Event &event : eventsOf(problem, included)) {
    int64_t offset = offsets[event.index];
    if (!event.isStart) {
      live.erase(offset);
      continue;
    }
    auto above = live.lower_bound(offset);
    int64_t top = offset + problem.buffers[event.index].sizeBytes;
    if (above != live.end() && above->first < top)
      return describe(problem, event.index) + " overlaps " +
             describe(problem, above->second) + " at step " +
             std::to_string(event.step);
    if (above != live.begin()) {
      auto below = std::prev(above);
      if (below->first + problem.buffers[below->second].sizeBytes > offset)
        return describe(problem, event.index) + " overlaps " +
               describe(problem, below->second) + " at step " +
               std::to_string(event.step);
    }
    live.emplace(offset, event.index);
  }
  return std::nullopt;
}

std::optional<std::string> validateBuffer(const Buffer &buffer) {
  if (buffer.start < 0)
    return "expected a start of at least 0, but found " +
           std::to_string(buffer.start);
  if (buffer.end <= buffer.start)
    return "expected an end above the start " + std::to_string(buffer.start) +
           ", but found " + std::to_string(buffer.end);
  if (buffer.sizeBytes < 0)
    return "expected a size of at least 0, but found " +
           std::to_string(buffer.sizeBytes);
  if (buffer.alignment < 1)
    return "expected an alignment of at least 1, but found " +
           std::to_string(buffer.alignment);
  if (!buffer.fixedOffset)
    return std::nullopt;
  if (*buffer.fixedOffset < 0)
    return "expected a fixed offset of at least 0, but found " +
           std::to_string(*buffer.fixedOffset);
  if (*buffer.fixedOffset % buffer.alignment != 0)
    return "expected a fixed offset that is a multiple of the alignment " +
           std::to_string(buffer.alignment) + ", but found " +
           std::to_string(*buffer.fixedOffset);
  return std::nullopt;
}

} // namespace

std::optional<std::string> validateProblem(const AllocationProblem &problem) {
  constexpr int64_t maxTotalBytes = int64_t(1) << 62;
  int64_t total = 0;
  std::vector<size_t> fixed;
  std::vector<int64_t> offsets(problem.buffers.size(), 0);
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    const Buffer &buffer = problem.buffers[i];
    if (std::optional<std::string> error = validateBuffer(buffer))
      return describe(problem, i) + ": " + *error;
    // Every offset that a solver forms stays below this sum.
    for (int64_t part :
         {buffer.sizeBytes, buffer.alignment, buffer.fixedOffset.value_or(0)}) {
      if (part > maxTotalBytes - total)
        return describe(problem, i) +
               ": expected sizes, alignments and fixed offsets of at most 2^62 "
               "bytes in all";
      total += part;
    }
    if (!buffer.fixedOffset || buffer.sizeBytes == 0)
      continue;
    fixed.push_back(i);
    offsets[i] = *buffer.fixedOffset;
  }
  if (std::optional<std::string> overlap = findOverlap(problem, offsets, fixed))
    return "fixed offsets conflict: " + *overlap;
  return std::nullopt;
}

std::optional<std::string>
validateAllocation(const AllocationProblem &problem,
                   const AllocationSolution &solution) {
  if (solution.offsets.size() != problem.buffers.size())
    return "expected " + std::to_string(problem.buffers.size()) +
           " offsets, but found " + std::to_string(solution.offsets.size());
  int64_t height = 0;
  std::vector<size_t> nonEmpty;
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    const Buffer &buffer = problem.buffers[i];
    int64_t offset = solution.offsets[i];
    if (offset < 0)
      return describe(problem, i) + " has the negative offset " +
             std::to_string(offset);
    if (offset % buffer.alignment != 0)
      return describe(problem, i) + " lies at " + std::to_string(offset) +
             ", not a multiple of its alignment " +
             std::to_string(buffer.alignment);
    if (buffer.fixedOffset && offset != *buffer.fixedOffset)
      return describe(problem, i) + " was moved from its fixed offset " +
             std::to_string(*buffer.fixedOffset) + " to " +
             std::to_string(offset);
    if (buffer.sizeBytes == 0)
      continue;
    nonEmpty.push_back(i);
    height = std::max(height, offset + buffer.sizeBytes);
  }
  if (std::optional<std::string> overlap =
          findOverlap(problem, solution.offsets, nonEmpty))
    return overlap;
  if (solution.heightBytes != height)
    return "expected the height " + std::to_string(height) + ", but found " +
           std::to_string(solution.heightBytes);
  if (solution.lowerBoundBytes > height)
    return "the lower bound " + std::to_string(solution.lowerBoundBytes) +
           " exceeds the height " + std::to_string(height);
  if (solution.optimal && solution.lowerBoundBytes != height)
    return "called optimal at the height " + std::to_string(height) +
           " with the lower bound " + std::to_string(solution.lowerBoundBytes);
  return std::nullopt;
}

} // namespace neap
