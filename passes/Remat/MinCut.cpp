//===- MinCut.cpp - Dinic's algorithm -------------------------------------===//

#include "passes/Remat/MinCut.h"

#include <algorithm>

namespace neap {

int FlowNetwork::addNode() {
  outgoing.emplace_back();
  return static_cast<int>(outgoing.size()) - 1;
}

void FlowNetwork::addEdge(int from, int to, int64_t capacity) {
  outgoing[from].push_back(static_cast<int>(edges.size()));
  edges.push_back({to, capacity});
  outgoing[to].push_back(static_cast<int>(edges.size()));
  edges.push_back({from, 0});
}

/// Distances from the source along edges with residual capacity.
bool FlowNetwork::computeLevels() {
  levels.assign(outgoing.size(), -1);
  levels[source] = 0;
  std::vector<int> queue{source};
  for (size_t head = 0; head < queue.size(); ++head)
    for (int e : outgoing[queue[head]])
      if (edges[e].residual > 0 && levels[edges[e].to] < 0) {
        levels[edges[e].to] = levels[queue[head]] + 1;
        queue.push_back(edges[e].to);
      }
  return levels[sink] >= 0;
}

int64_t FlowNetwork::push(int node, int64_t limit) {
  if (node == sink)
    return limit;
  for (size_t &next = nextEdges[node]; next < outgoing[node].size(); ++next) {
    int e = outgoing[node][next];
    if (edges[e].residual <= 0 || levels[edges[e].to] != levels[node] + 1)
      continue;
    int64_t pushed = push(edges[e].to, std::min(limit, edges[e].residual));
    if (pushed == 0)
      continue;
    edges[e].residual -= pushed;
    edges[e ^ 1].residual += pushed;
    return pushed;
  }
  return 0;
}

std::vector<bool> FlowNetwork::computeMinCut() {
  while (computeLevels()) {
    nextEdges.assign(outgoing.size(), 0);
    while (push(source, infinite) > 0)
      continue;
  }
  std::vector<bool> side(outgoing.size());
  for (size_t node = 0; node < outgoing.size(); ++node)
    side[node] = levels[node] >= 0;
  return side;
}

} // namespace neap
