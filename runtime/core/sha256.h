/// SHA-256 (FIPS 180-4), streaming.
#ifndef NEAP_CORE_SHA256_H
#define NEAP_CORE_SHA256_H

#include <stdint.h>

namespace neap {

struct sha256 {
  uint32_t state[8];
  uint64_t bytes;
  uint8_t block[64];
};

void sha256_start(sha256 *hash);
void sha256_add(sha256 *hash, const void *data, int64_t size);
/// Writes the digest as 64 lower-case hex digits and a zero.
void sha256_finish(sha256 *hash, char hex[65]);

} // namespace neap

#endif
