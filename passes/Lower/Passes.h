// Lowering passes; Passes.td is the documentation.
#ifndef NEAP_PASSES_LOWER_PASSES_H
#define NEAP_PASSES_LOWER_PASSES_H

#include "mlir/Pass/Pass.h"

namespace neap {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Lower/Passes.h.inc"

} // namespace neap
#endif
