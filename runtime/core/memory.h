/// The one mapping of the trainer, and the seal that proves it is the last.
#ifndef NEAP_CORE_MEMORY_H
#define NEAP_CORE_MEMORY_H

#include "status.h"

namespace neap {

/// Maps `bytes` of zeros; nothing is touched. Fails with `out_of_memory`.
status memory_map(int64_t bytes, uint8_t **arena);

/// From here on any call that maps or grows memory, or starts a thread or
/// process, kills the process with SIGSYS, in every thread.
status memory_seal();

} // namespace neap

#endif
