//===- MinCut.h - Minimum cuts of small networks ----------------*- C++ -*-===//

#ifndef NEAP_PASSES_REMAT_MINCUT_H
#define NEAP_PASSES_REMAT_MINCUT_H

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace neap {

/// A flow network with one source and one sink. Maximum flow by shortest
/// augmenting paths in phases (Dinic 1970); O(V^2 E), meant for some hundreds
/// of nodes.
class FlowNetwork {
public:
  static constexpr int source = 0, sink = 1;
  static constexpr int64_t infinite = std::numeric_limits<int64_t>::max() / 8;

  int addNode();
  /// An edge that costs `capacity` when `from` is on the source's side of the
  /// cut and `to` is not. Finite capacities must add up to less than
  /// `infinite`.
  void addEdge(int from, int to, int64_t capacity);
  /// By node: on the source's side of the minimum cut that is nearest to the
  /// source (so that ties choose as little as possible). To be called once.
  std::vector<bool> computeMinCut();

private:
  struct Edge {
    int to;
    int64_t residual;
  };
  bool computeLevels();
  int64_t push(int node, int64_t limit);

  std::vector<Edge> edges; // edge e and its reverse e ^ 1
  std::vector<std::vector<int>> outgoing{2};
  std::vector<int> levels;
  std::vector<size_t> nextEdges;
};

} // namespace neap

#endif // NEAP_PASSES_REMAT_MINCUT_H
