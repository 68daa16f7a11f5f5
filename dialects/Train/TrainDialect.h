// The train dialect's C++ declarations; TrainOps.td is the documentation.
#ifndef NEAP_DIALECTS_TRAIN_TRAINDIALECT_H
#define NEAP_DIALECTS_TRAIN_TRAINDIALECT_H

#include "dialects/Graph/GraphDialect.h"

#include "dialects/Train/TrainDialect.h.inc"

#include "dialects/Train/TrainEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Train/TrainAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Train/TrainTypes.h.inc"

namespace neap::train {
/// The running loss of the row.
struct LossResource : mlir::SideEffects::Resource::Base<LossResource> {
  llvm::StringRef getName() final { return "neap.loss"; }
};
/// The adapters' gradient accumulators.
struct GradientResource : mlir::SideEffects::Resource::Base<GradientResource> {
  llvm::StringRef getName() final { return "neap.gradients"; }
};
/// Adapter values, optimizer moments and the gradient norm.
struct OptimizerResource
    : mlir::SideEffects::Resource::Base<OptimizerResource> {
  llvm::StringRef getName() final { return "neap.optimizer"; }
};
} // namespace neap::train

#define GET_OP_CLASSES
#include "dialects/Train/TrainOps.h.inc"

#endif
