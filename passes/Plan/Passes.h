//===- Passes.h - Planning passes -------------------------------*- C++ -*-===//
//
// Passes.td is the documentation. neap::registerPlanPasses() registers them.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_PLAN_PASSES_H
#define NEAP_PASSES_PLAN_PASSES_H

#include "dialects/Plan/PlanDialect.h"

#include "mlir/Pass/Pass.h"

namespace neap {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Plan/Passes.h.inc"

} // namespace neap

#endif // NEAP_PASSES_PLAN_PASSES_H
