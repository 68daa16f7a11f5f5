#include "xxh64.h"

#include <string.h>

namespace neap {

static const uint64_t prime1 = 0x9E3779B185EBCA87ull;
static const uint64_t prime2 = 0xC2B2AE3D27D4EB4Full;
static const uint64_t prime3 = 0x165667B19E3779F9ull;
static const uint64_t prime4 = 0x85EBCA77C2B2AE63ull;
static const uint64_t prime5 = 0x27D4EB2F165667C5ull;

static uint64_t rotate(uint64_t x, int bits) {
  return x << bits | x >> (64 - bits);
}

static uint64_t load64(const uint8_t *p) {
  uint64_t value;
  memcpy(&value, p, sizeof value);
  return value;
}

static uint64_t mix(uint64_t lane, uint64_t input) {
  return rotate(lane + input * prime2, 31) * prime1;
}

void xxh64_start(xxh64 *hash) {
  *hash = {{prime1 + prime2, prime2, 0, 0 - prime1}, 0, nullptr, 0};
}

void xxh64_add(xxh64 *hash, const void *data, int64_t size) {
  const uint8_t *from = static_cast<const uint8_t *>(data);
  hash->bytes += size;
  for (; size >= 32; size -= 32, from += 32)
    for (int i = 0; i < 4; ++i)
      hash->lane[i] = mix(hash->lane[i], load64(from + 8 * i));
  hash->tail = from;
  hash->tail_bytes = size;
}

uint64_t xxh64_finish(const xxh64 *hash) {
  uint64_t result = prime5;
  if (hash->bytes >= 32) {
    const uint64_t *v = hash->lane;
    result =
        rotate(v[0], 1) + rotate(v[1], 7) + rotate(v[2], 12) + rotate(v[3], 18);
    for (int i = 0; i < 4; ++i)
      result = (result ^ mix(0, v[i])) * prime1 + prime4;
  }
  result += hash->bytes;
  const uint8_t *p = hash->tail;
  int64_t left = hash->tail_bytes;
  for (; left >= 8; left -= 8, p += 8)
    result = rotate(result ^ mix(0, load64(p)), 27) * prime1 + prime4;
  if (left >= 4) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    result = rotate(result ^ word * prime1, 23) * prime2 + prime3;
    left -= 4;
    p += 4;
  }
  for (; left > 0; --left, ++p)
    result = rotate(result ^ *p * prime5, 11) * prime1;
  result = (result ^ result >> 33) * prime2;
  result = (result ^ result >> 29) * prime3;
  return result ^ result >> 32;
}

uint64_t xxh64_of(const void *data, int64_t size) {
  xxh64 hash;
  xxh64_start(&hash);
  xxh64_add(&hash, data, size);
  return xxh64_finish(&hash);
}

} // namespace neap
