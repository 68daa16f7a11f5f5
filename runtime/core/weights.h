/// model.weights: identity, checksums, and where its bytes live.
#ifndef NEAP_CORE_WEIGHTS_H
#define NEAP_CORE_WEIGHTS_H

#include "neap/abi.h"
#include "status.h"

namespace neap {

/// Opens the weights file `path`, refuses any but the one the image was
/// compiled for (size, then SHA-256 of its header), checks every chunk, and
/// sets `context->weights`: a read-only private mapping, the image's `resident`
/// range holding a copy of the whole file, or null where weights are streamed:
/// then `resident` holds the small ones, and the fetcher runs. `buffer` is
/// scratch of `capacity` bytes, a multiple of 32. Failures give `mismatch`.
status weights_open(const struct neap_image *image, neap_context *context,
                    const char *path, void *buffer, int64_t capacity);

} // namespace neap

#endif
