//===- TransientShapes.cpp - Repeated groups of transients ----------------===//

#include "passes/Solvers/TransientShapes.h"

#include "passes/Solvers/ExactSearch.h"

#include <algorithm>
#include <limits>

namespace neap {
namespace {

/// Greedy steps per shape.
constexpr int64_t greedyStepLimit = 5'000'000;
/// Nodes that even the smallest shape may have.
constexpr int64_t minSearchNodes = 2'000;

/// Splits `members` where no lifetime crosses; in order of start.
std::vector<std::vector<size_t>>
splitIntoComponents(const std::vector<Buffer> &buffers,
                    std::vector<size_t> members) {
  std::sort(members.begin(), members.end(), [&](size_t a, size_t b) {
    return std::make_pair(buffers[a].start, a) <
           std::make_pair(buffers[b].start, b);
  });
  std::vector<std::vector<size_t>> components;
  int64_t reach = 0;
  for (size_t i : members) {
    if (components.empty() || buffers[i].start >= reach)
      components.emplace_back();
    components.back().push_back(i);
    reach = std::max(reach, buffers[i].end);
  }
  return components;
}

/// The component as a problem of its own: time in its own sections, so that
/// steps at which nothing of it is born or dies do not count.
std::vector<Buffer> membersOf(const std::vector<Buffer> &buffers,
                              const std::vector<size_t> &component) {
  std::vector<Buffer> members;
  for (size_t i : component)
    members.push_back(buffers[i]);
  Timeline timeline(members);
  for (size_t k = 0; k < members.size(); ++k) {
    members[k].id = 0;
    members[k].start = timeline.first[k];
    members[k].end = timeline.last[k];
    members[k].sizeBytes = TransientShapes::hangingSize(members[k]);
  }
  return members;
}

std::vector<int64_t> keyOf(const std::vector<Buffer> &members) {
  std::vector<int64_t> key;
  for (const Buffer &buffer : members)
    key.insert(key.end(),
               {buffer.start, buffer.end, buffer.sizeBytes, buffer.alignment});
  return key;
}

bool fits(const std::vector<Buffer> &members,
          const std::vector<int64_t> &depths,
          const std::vector<int64_t> &ceilings) {
  for (size_t k = 0; k < members.size(); ++k)
    if (depths[k] + members[k].sizeBytes > ceilings[k])
      return false;
  return true;
}

} // namespace

TransientShapes::TransientShapes(const std::vector<Buffer> &buffers,
                                 const std::vector<size_t> &transients,
                                 Cache &cache)
    : buffers(buffers) {
  std::map<std::vector<int64_t>, size_t> shapeOfKey;
  std::vector<size_t> solid;
  for (size_t i : transients)
    if (buffers[i].sizeBytes > 0)
      solid.push_back(i);
  for (std::vector<size_t> &component : splitIntoComponents(buffers, solid)) {
    std::vector<Buffer> members = membersOf(buffers, component);
    std::vector<int64_t> key = keyOf(members);
    auto [shape, isNewShape] = shapeOfKey.try_emplace(key, shapes.size());
    if (isNewShape) {
      auto [depths, isNewKey] = cache.depths.try_emplace(std::move(key));
      if (isNewKey)
        depths->second =
            placeBestGreedily(members,
                              allocationLowerBound({members, std::nullopt}),
                              greedyStepLimit, cache.effort)
                .offsets;
      shapes.push_back({std::move(members), {}, depths->second});
    }
    shapes[shape->second].components.push_back(std::move(component));
  }
}

std::vector<int64_t> TransientShapes::depths() const {
  std::vector<int64_t> result(buffers.size(), 0);
  for (const Shape &shape : shapes)
    for (const std::vector<size_t> &component : shape.components)
      for (size_t k = 0; k < component.size(); ++k)
        result[component[k]] = shape.depths[k];
  return result;
}

size_t TransientShapes::distinctMembers() const {
  size_t count = 0;
  for (const Shape &shape : shapes)
    count += shape.members.size();
  return count;
}

bool TransientShapes::fitAbove(const RangeMax &stackTops,
                               const Timeline &timeline, int64_t top,
                               int64_t nodesPerMember,
                               const AllocationOptions &options,
                               int64_t &nodes) {
  for (Shape &shape : shapes) {
    // How deep each member may reach: the least over all components.
    std::vector<int64_t> ceilings(shape.members.size(),
                                  std::numeric_limits<int64_t>::max());
    for (const std::vector<size_t> &component : shape.components)
      for (size_t k = 0; k < component.size(); ++k)
        ceilings[k] = std::min(
            ceilings[k], top - stackTops.max(timeline.first[component[k]],
                                             timeline.last[component[k]]));
    if (fits(shape.members, shape.depths, ceilings))
      continue;
    if (nodes >= options.nodeLimit || !ExactSearch::accepts(shape.members))
      return false;
    ExactSearch search(shape.members, options.shouldStop);
    auto memberCount = static_cast<int64_t>(shape.members.size());
    int64_t limit = std::max(minSearchNodes, nodesPerMember * memberCount);
    SearchOutcome outcome =
        search.run(ceilings, std::min(limit, options.nodeLimit - nodes));
    nodes += search.nodeCount();
    if (outcome != SearchOutcome::Found)
      return false;
    shape.depths = search.offsets();
  }
  return true;
}

} // namespace neap
