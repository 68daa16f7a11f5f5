/// The thread that reads weights from their file beside the arithmetic: behind
/// neap_context::fetch and neap_context::await.
///
/// Requests are served in the order in which they are made. Reads bypass the
/// page cache where the file system lets them; elsewhere what was read is
/// dropped from it again.
#ifndef NEAP_CORE_FETCHER_H
#define NEAP_CORE_FETCHER_H

#include "neap/abi.h"
#include "status.h"

namespace neap {

/// What was read and waited for since the start of the process.
struct fetch_counts {
  int64_t bytes;
  double wait_seconds; ///< that emitted code stood still for
};

/// Opens `path` and starts the thread on the image's `fetch_stack`; sets
/// context->fetch and context->await.
status fetcher_start(const struct neap_image *image, neap_context *context,
                     const char *path);

fetch_counts fetcher_counts();

} // namespace neap

#endif
