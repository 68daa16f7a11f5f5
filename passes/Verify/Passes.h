// Stage verifiers before planning; Passes.td lists what each checks.
#ifndef NEAP_PASSES_VERIFY_PASSES_H
#define NEAP_PASSES_VERIFY_PASSES_H

#include "mlir/Pass/Pass.h"

namespace neap {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Verify/Passes.h.inc"

} // namespace neap
#endif
