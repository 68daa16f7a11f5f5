#include "passes/Lower/RepeatedSequences.h"

#include <algorithm>
#include <optional>
#include <set>

using namespace neap;

namespace {

class Finder {
public:
  Finder(std::vector<int> symbols, const SequenceCosts &costs, size_t maxLength)
      : symbols(std::move(symbols)), costs(costs), maxLength(maxLength),
        costBefore(this->symbols.size() + 1) {
    for (size_t i = 0; i < this->symbols.size(); ++i)
      costBefore[i + 1] = costBefore[i] + costs.symbol[i];
  }

  std::vector<RepeatedSequence> run() {
    std::vector<RepeatedSequence> found;
    while (std::optional<RepeatedSequence> best = findBest()) {
      for (size_t position : best->positions)
        for (size_t i = 0; i < best->length; ++i)
          symbols[position + i] = -1;
      found.push_back(std::move(*best));
    }
    return found;
  }

private:
  size_t commonPrefix(size_t a, size_t b) const {
    size_t length = 0;
    while (std::max(a, b) + length < symbols.size() &&
           symbols[a + length] >= 0 &&
           symbols[a + length] == symbols[b + length])
      ++length;
    return length;
  }

  std::vector<size_t> sortSuffixes() const {
    std::vector<size_t> suffixes;
    for (size_t i = 0; i < symbols.size(); ++i)
      if (symbols[i] >= 0)
        suffixes.push_back(i);
    std::sort(suffixes.begin(), suffixes.end(), [&](size_t a, size_t b) {
      size_t length = commonPrefix(a, b);
      bool aEnds = a + length >= symbols.size() || symbols[a + length] < 0;
      bool bEnds = b + length >= symbols.size() || symbols[b + length] < 0;
      if (aEnds || bEnds)
        return aEnds != bEnds ? aEnds : a < b;
      return symbols[a + length] < symbols[b + length];
    });
    return suffixes;
  }

  /// Of sorted candidates those that do not overlap, leftmost first.
  static std::vector<size_t> separate(const std::vector<size_t> &sorted,
                                      size_t length) {
    std::vector<size_t> kept;
    for (size_t position : sorted)
      if (kept.empty() || position >= kept.back() + length)
        kept.push_back(position);
    return kept;
  }

  long saving(size_t length, const std::vector<size_t> &positions) const {
    if (positions.size() < 2 || length == 0)
      return 0;
    size_t once = costBefore[positions[0] + length] - costBefore[positions[0]];
    return long((positions.size() - 1) * once) -
           long(positions.size() * costs.use);
  }

  /// Tries `length` and, where occurrences would overlap, the longest length at
  /// which neighbours do not.
  void consider(std::vector<size_t> positions, size_t length) {
    std::sort(positions.begin(), positions.end());
    std::set<size_t> lengths{length};
    for (size_t i = 0; i + 1 < positions.size(); ++i)
      if (size_t gap = positions[i + 1] - positions[i]; gap < length)
        lengths.insert(gap);
    for (size_t candidate : lengths) {
      std::vector<size_t> kept = separate(positions, candidate);
      long saved = saving(candidate, kept);
      if (saved > bestSaving) {
        bestSaving = saved;
        best = {candidate, std::move(kept)};
      }
    }
  }

  std::optional<RepeatedSequence> findBest() {
    bestSaving = 0;
    std::vector<size_t> suffixes = sortSuffixes();
    // Intervals of the suffix array by a stack of (prefix length, left end).
    std::vector<std::pair<size_t, size_t>> open;
    for (size_t i = 1; i <= suffixes.size(); ++i) {
      size_t common =
          i < suffixes.size() ? commonPrefix(suffixes[i - 1], suffixes[i]) : 0;
      size_t left = i - 1;
      while (!open.empty() && open.back().first > common) {
        left = open.back().second;
        consider({suffixes.begin() + long(left), suffixes.begin() + long(i)},
                 std::min(open.back().first, maxLength));
        open.pop_back();
      }
      if (common > 0 && (open.empty() || open.back().first < common))
        open.push_back({common, left});
    }
    if (bestSaving <= 0)
      return std::nullopt;
    return best;
  }

  std::vector<int> symbols;
  const SequenceCosts &costs;
  size_t maxLength;
  std::vector<size_t> costBefore;
  RepeatedSequence best;
  long bestSaving = 0;
};

} // namespace

std::vector<RepeatedSequence>
neap::findRepeatedSequences(std::vector<int> symbols,
                            const SequenceCosts &costs, size_t maxLength) {
  return Finder(std::move(symbols), costs, maxLength).run();
}
