//===- MaxFlow.cpp - Maximum flow on small graphs -----------------------===//

#include "passes/Solvers/MaxFlow.h"

#include <algorithm>

namespace neap {

void MaxFlow::clear(int vertexCount) {
  arcs.clear();
  firstArc.assign(vertexCount, -1);
  level.resize(vertexCount);
}

int MaxFlow::addVertex() {
  firstArc.push_back(-1);
  level.push_back(-1);
  return static_cast<int>(firstArc.size()) - 1;
}

void MaxFlow::addArc(int from, int to, int64_t capacity) {
  arcs.push_back({to, firstArc[from], capacity});
  firstArc[from] = int(arcs.size()) - 1;
  arcs.push_back({from, firstArc[to], 0});
  firstArc[to] = int(arcs.size()) - 1;
}

bool MaxFlow::findLevels(int source, int sink) {
  std::fill(level.begin(), level.end(), -1);
  queue.assign(1, source);
  level[source] = 0;
  for (size_t head = 0; head < queue.size(); ++head) {
    int vertex = queue[head];
    for (int a = firstArc[vertex]; a >= 0; a = arcs[a].next) {
      if (arcs[a].capacity == 0 || level[arcs[a].to] >= 0)
        continue;
      level[arcs[a].to] = level[vertex] + 1;
      queue.push_back(arcs[a].to);
    }
  }
  return level[sink] >= 0;
}

int64_t MaxFlow::augment(int vertex, int sink, int64_t limit) {
  if (vertex == sink)
    return limit;
  int64_t sent = 0;
  for (int &a = currentArc[vertex]; a >= 0; a = arcs[a].next) {
    int to = arcs[a].to;
    if (arcs[a].capacity > 0 && level[to] == level[vertex] + 1) {
      int64_t part =
          augment(to, sink, std::min(limit - sent, arcs[a].capacity));
      arcs[a].capacity -= part;
      arcs[a ^ 1].capacity += part;
      sent += part;
      if (sent == limit)
        return sent;
    }
  }
  return sent;
}

int64_t MaxFlow::run(int source, int sink) {
  int64_t total = 0;
  while (total < infinite && findLevels(source, sink)) {
    currentArc = firstArc;
    total += augment(source, sink, infinite);
  }
  return total;
}

} // namespace neap
