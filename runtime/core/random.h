/// Counter-based random numbers: any value of a stream, in any order.
///
/// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
/// 3", SC 2011). Key: the job's seed. Counter: (index, stream), 64 bits each.
#ifndef NEAP_CORE_RANDOM_H
#define NEAP_CORE_RANDOM_H

#include <stdint.h>

namespace neap {

struct random_words {
  uint32_t word[4];
};

random_words random_at(uint64_t seed, uint64_t stream, uint64_t index);

/// Uniform in [-bound, bound), on a grid of 2^-23 bounds.
float random_uniform(uint64_t seed, uint64_t stream, uint64_t index,
                     float bound);

/// Normal with mean 0 (Box-Muller).
float random_normal(uint64_t seed, uint64_t stream, uint64_t index,
                    float deviation);

/// Image of `index` under the `epoch`-th permutation of [0, count): a Feistel
/// network with cycle walking, so nothing is stored.
int64_t random_permuted(uint64_t seed, int64_t epoch, int64_t count,
                        int64_t index);

} // namespace neap

#endif
