/// XXH64 (Collet), seed 0: the checksum of weight chunks and the hash of names.
#ifndef NEAP_CORE_XXH64_H
#define NEAP_CORE_XXH64_H

#include <stdint.h>

namespace neap {

struct xxh64 {
  uint64_t lane[4];
  uint64_t bytes;
  const uint8_t *tail;
  int64_t tail_bytes;
};

void xxh64_start(xxh64 *hash);
/// Every part but the last must be a multiple of 32 bytes; the last one must
/// stay in place until xxh64_finish.
void xxh64_add(xxh64 *hash, const void *data, int64_t size);
uint64_t xxh64_finish(const xxh64 *hash);

uint64_t xxh64_of(const void *data, int64_t size);

} // namespace neap

#endif
