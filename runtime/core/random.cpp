#include "random.h"

#include <math.h>

namespace neap {

random_words random_at(uint64_t seed, uint64_t stream, uint64_t index) {
  uint32_t key0 = static_cast<uint32_t>(seed);
  uint32_t key1 = static_cast<uint32_t>(seed >> 32);
  random_words c = {
      {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
       static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)}};
  for (int round = 0; round < 10; ++round) {
    uint64_t left = 0xD2511F53ull * c.word[0];
    uint64_t right = 0xCD9E8D57ull * c.word[2];
    c = {{static_cast<uint32_t>(right >> 32) ^ c.word[1] ^ key0,
          static_cast<uint32_t>(right),
          static_cast<uint32_t>(left >> 32) ^ c.word[3] ^ key1,
          static_cast<uint32_t>(left)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

float random_uniform(uint64_t seed, uint64_t stream, uint64_t index,
                     float bound) {
  random_words r = random_at(seed, stream, index);
  float unit = static_cast<float>(r.word[0] >> 8) * 0x1p-23f - 1;
  return unit * bound;
}

float random_normal(uint64_t seed, uint64_t stream, uint64_t index,
                    float deviation) {
  random_words r = random_at(seed, stream, index);
  double radius = (static_cast<double>(r.word[0]) + 1) * 0x1p-32; // (0, 1]
  double angle = static_cast<double>(r.word[1]) * 0x1p-32;
  double value = sqrt(-2 * log(radius)) * cos(2 * M_PI * angle);
  return static_cast<float>(value * static_cast<double>(deviation));
}

int64_t random_permuted(uint64_t seed, int64_t epoch, int64_t count,
                        int64_t index) {
  int half = 1;
  while (half < 31 && (1ll << (2 * half)) < count)
    ++half;
  const uint64_t mask = (1ull << half) - 1;
  const uint64_t stream = 0x73687566666c6500ull ^ // "shuffle"
                          static_cast<uint64_t>(epoch) << 32;
  uint64_t value = static_cast<uint64_t>(index);
  do {
    uint64_t left = value >> half, right = value & mask;
    for (uint64_t round = 0; round < 6; ++round) {
      random_words r = random_at(seed, stream, right << 8 | round);
      uint64_t next = (left ^ r.word[0]) & mask;
      left = right;
      right = next;
    }
    value = left << half | right;
  } while (value >= static_cast<uint64_t>(count));
  return static_cast<int64_t>(value);
}

} // namespace neap
