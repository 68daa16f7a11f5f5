//===- ArenaLayout.h - The fixed ranges of the arena ------------*- C++ -*-===//
//
//   | stacks | fetch stack | values | gradients | moment1 | moment2 |
//   | inputs | io | resident weights | slots ...  | page rounding |
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_PLAN_ARENALAYOUT_H
#define NEAP_PASSES_PLAN_ARENALAYOUT_H

#include <cstdint>
#include <string>
#include <vector>

namespace neap {

/// [offset, offset + bytes) of the arena; 0 bytes: the range does not exist.
struct ByteRange {
  int64_t offset = 0, bytes = 0;
  int64_t end() const { return offset + bytes; }
};

/// A trainable array; offsets count floats from the start of each of the four
/// adapter ranges.
struct ParameterLayout {
  std::string symbol;
  int64_t elementOffset = 0, elements = 0;
};

struct ArenaLayout {
  std::vector<ParameterLayout> parameters; ///< in order of declaration
  int64_t parameterElements = 0;           ///< padding between them included
  ByteRange values, gradients, moment1, moment2;
  std::vector<ByteRange> inputs; ///< by argument of the programs: ids, labels
  ByteRange stacks, fetchStack, io, resident;
  int64_t slotsOffset = 0; ///< first byte after the fixed ranges
  int64_t slotsBytes = 0;
  int64_t arenaBytes = 0; ///< a multiple of arenaPageBytes

  int64_t fixedBytes() const;
};

/// Parameters start at multiples of this many floats: a slot's alignment.
constexpr int64_t parameterAlignment = 16;
constexpr int64_t arenaPageBytes = 4096;

/// What the fixed ranges have to hold.
struct ArenaDemand {
  /// `elements` of each parameter; offsets are computed.
  std::vector<ParameterLayout> parameters;
  int64_t momentArrays = 2;        ///< optimizer moments, 0 to 2
  std::vector<int64_t> inputBytes; ///< by argument
  int64_t threads = 1;
  int64_t residentWeightBytes = 0;
  int64_t slotAlignment = 64; ///< the largest of any slot
  bool fetches = false;       ///< a thread of its own reads weights
};

/// Places the fixed ranges; slotsBytes and arenaBytes count no slots yet. The
/// sizes of io and stacks are those of runtime/include/neap/layout.h.
ArenaLayout layOutFixedRanges(const ArenaDemand &demand);

/// Sets the slots region and with it the arena's size.
void setSlotsBytes(ArenaLayout &layout, int64_t slotsBytes);

} // namespace neap

#endif // NEAP_PASSES_PLAN_ARENALAYOUT_H
