/// Does this processor have the features the trainer was compiled for?
#ifndef NEAP_CORE_PROCESSOR_H
#define NEAP_CORE_PROCESSOR_H

#include "status.h"

namespace neap {

/// `features` are LLVM's names, comma separated, each perhaps after a '+'
/// (names after '-' are skipped). Fails with `bad_processor`, naming the first
/// one that is missing, that the system does not save, or that is unknown.
status processor_check(const char *features);

} // namespace neap

#endif
