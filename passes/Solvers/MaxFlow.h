//===- MaxFlow.h - Maximum flow on small graphs ---------------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_MAXFLOW_H
#define NEAP_PASSES_SOLVERS_MAXFLOW_H

#include <cstdint>
#include <vector>

namespace neap {

/// Maximum flow by blocking flows (Dinic, Soviet Math. Doklady 1970). One
/// object serves many graphs: clear() keeps the storage.
class MaxFlow {
public:
  static constexpr int64_t infinite = int64_t(1) << 60;

  explicit MaxFlow(int vertexCount = 0) { clear(vertexCount); }
  /// Forgets all arcs; vertices are 0 .. vertexCount - 1.
  void clear(int vertexCount);
  /// The number of a new vertex.
  int addVertex();
  void addArc(int from, int to, int64_t capacity);
  /// The value of a maximum flow; some value from `infinite` on where arcs of
  /// that capacity alone connect the two.
  int64_t run(int source, int sink);
  /// After run(): on the source's side of the smallest minimum cut.
  bool onSourceSide(int vertex) const { return level[vertex] >= 0; }

private:
  struct Arc {
    int to;
    int next;
    int64_t capacity;
  };
  bool findLevels(int source, int sink);
  int64_t augment(int vertex, int sink, int64_t limit);

  std::vector<Arc> arcs;
  std::vector<int> firstArc, currentArc, level, queue;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_MAXFLOW_H
