//===- FailureTable.h - States known to lead nowhere ------------*- C++ -*-===//

#ifndef NEAP_PASSES_SOLVERS_FAILURETABLE_H
#define NEAP_PASSES_SOLVERS_FAILURETABLE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neap {

/// Remembers the keys of refuted search states; forgets the oldest of a bucket
/// when it is full. Two states share a key with probability 2^-128 per pair:
/// a refutation is certain up to that.
class FailureTable {
public:
  struct Key {
    uint64_t high = 0;
    uint64_t low = 0;
    bool operator==(const Key &other) const {
      return high == other.high && low == other.low;
    }
  };

  /// A bijective mixer of 64 bits (the finaliser of SplitMix64, Steele et al.
  /// 2014).
  static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

  void clear() {
    slots.clear();
    used = 0;
  }

  bool contains(const Key &key) const {
    if (slots.empty())
      return false;
    const Key *bucket = &slots[bucketOf(key)];
    for (size_t way = 0; way < ways; ++way)
      if (bucket[way] == key)
        return true;
    return false;
  }

  void insert(const Key &key) {
    if (4 * used >= slots.size() && slots.size() < maxSlots)
      grow();
    put(key);
    ++used;
  }

private:
  static constexpr size_t ways = 8;
  static constexpr size_t maxSlots = size_t(1) << 22; // 64 MiB

  size_t bucketOf(const Key &key) const {
    return static_cast<size_t>(key.low) & (slots.size() - 1) & ~(ways - 1);
  }

  void put(const Key &key) {
    Key *bucket = &slots[bucketOf(key)];
    for (size_t way = ways - 1; way > 0; --way)
      bucket[way] = bucket[way - 1];
    bucket[0] = key;
  }

  void grow() {
    std::vector<Key> old(slots.empty() ? 1024 : 2 * slots.size());
    old.swap(slots);
    for (const Key &key : old)
      if (!(key == Key()))
        put(key);
  }

  std::vector<Key> slots;
  size_t used = 0;
};

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_FAILURETABLE_H
