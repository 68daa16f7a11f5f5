//===- RematNodeSet.h - Small fixed-width sets of nodes ---------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_REMATNODESET_H
#define NEAP_PASSES_SOLVERS_REMATNODESET_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace neap::remat {

/// A set of the numbers 0 .. 64 * Words - 1.
template <unsigned Words> struct NodeSet {
  std::array<uint64_t, Words> words{};

  bool test(int i) const { return words[i / 64] >> (i % 64) & 1; }
  void set(int i) { words[i / 64] |= uint64_t(1) << (i % 64); }
  void reset(int i) { words[i / 64] &= ~(uint64_t(1) << (i % 64)); }

  bool empty() const {
    for (uint64_t word : words)
      if (word)
        return false;
    return true;
  }
  /// The smallest member, or -1.
  int first() const {
    for (unsigned w = 0; w < Words; ++w)
      if (words[w])
        return int(w * 64) + __builtin_ctzll(words[w]);
    return -1;
  }
  bool isSubsetOf(const NodeSet &other) const {
    for (unsigned w = 0; w < Words; ++w)
      if (words[w] & ~other.words[w])
        return false;
    return true;
  }
  bool intersects(const NodeSet &other) const {
    for (unsigned w = 0; w < Words; ++w)
      if (words[w] & other.words[w])
        return true;
    return false;
  }
  /// Calls `action` with each member, smallest first. The set may change
  /// meanwhile: what `action` adds to it need not be seen.
  template <typename Action> void forEach(Action action) const {
    for (unsigned w = 0; w < Words; ++w)
      for (uint64_t word = words[w]; word; word &= word - 1)
        action(int(w * 64) + __builtin_ctzll(word));
  }
  size_t hash() const {
    uint64_t value = 0;
    for (uint64_t word : words) {
      value = (value ^ word) * 0x9E3779B97F4A7C15u;
      value ^= value >> 29;
    }
    return value;
  }

  NodeSet &operator|=(const NodeSet &other) {
    for (unsigned w = 0; w < Words; ++w)
      words[w] |= other.words[w];
    return *this;
  }
  NodeSet &operator&=(const NodeSet &other) {
    for (unsigned w = 0; w < Words; ++w)
      words[w] &= other.words[w];
    return *this;
  }
  /// Set difference.
  NodeSet &operator-=(const NodeSet &other) {
    for (unsigned w = 0; w < Words; ++w)
      words[w] &= ~other.words[w];
    return *this;
  }
  friend NodeSet operator|(NodeSet a, const NodeSet &b) { return a |= b; }
  friend NodeSet operator&(NodeSet a, const NodeSet &b) { return a &= b; }
  friend NodeSet operator-(NodeSet a, const NodeSet &b) { return a -= b; }
  friend bool operator==(const NodeSet &a, const NodeSet &b) {
    return a.words == b.words;
  }
};

} // namespace neap::remat

#endif // NEAP_PASSES_SOLVERS_REMATNODESET_H
