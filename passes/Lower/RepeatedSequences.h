// Finds the sequences of a string of symbols that are worth storing once.
#ifndef NEAP_PASSES_LOWER_REPEATEDSEQUENCES_H
#define NEAP_PASSES_LOWER_REPEATEDSEQUENCES_H

#include <cstddef>
#include <vector>

namespace neap {

/// Non-overlapping occurrences of one sequence, ascending; at least two.
struct RepeatedSequence {
  size_t length;
  std::vector<size_t> positions;
};

/// What storing costs, in the same unit.
struct SequenceCosts {
  std::vector<size_t> symbol; ///< of one occurrence of the symbol at a position
  size_t use;                 ///< of one reference to a stored sequence
};

/// Greedy dictionary compression: takes the repeated sequence that saves most,
/// removes its occurrences, and repeats until nothing saves. Symbols are
/// non-negative; a negative symbol is part of no sequence. The candidates are
/// the intervals of the suffix array (Abouelhoda et al. 2004), cut to
/// `maxLength` and to lengths at which occurrences do not overlap. Results do
/// not share positions. About O(n^2) for n symbols and each sequence found.
std::vector<RepeatedSequence> findRepeatedSequences(std::vector<int> symbols,
                                                    const SequenceCosts &costs,
                                                    size_t maxLength);

} // namespace neap
#endif
