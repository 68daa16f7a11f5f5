// The path of the model's module that an operation belongs to, as PEFT names it
// (model.layers.0.self_attn.q_proj). It is provenance, so it lives in the
// location: loc("ONNX node"("module path")). Structural hashing and kernel
// sharing ignore locations and so ignore it too.
#ifndef NEAP_DIALECTS_GRAPH_MODULEPATH_H
#define NEAP_DIALECTS_GRAPH_MODULEPATH_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"

namespace neap {

/// The location of ONNX node `node`, owned by module `path` (may be empty).
inline mlir::Location getNodeLocation(mlir::MLIRContext *context,
                                      llvm::StringRef node,
                                      llvm::StringRef path = {}) {
  auto name = mlir::StringAttr::get(context, node);
  if (path.empty())
    return mlir::NameLoc::get(name);
  return mlir::NameLoc::get(
      name, mlir::NameLoc::get(mlir::StringAttr::get(context, path)));
}

/// The module path of an operation, empty if its location has none.
inline llvm::StringRef getModulePath(mlir::Operation *op) {
  auto node = mlir::dyn_cast<mlir::NameLoc>(op->getLoc());
  auto path = node ? mlir::dyn_cast<mlir::NameLoc>(node.getChildLoc())
                   : mlir::NameLoc();
  return path ? path.getName().getValue() : llvm::StringRef();
}

/// The ONNX node's name of a location, empty if it has none. A fused location
/// answers with its first named part.
inline llvm::StringRef getNodeName(mlir::Location loc) {
  if (auto name = mlir::dyn_cast<mlir::NameLoc>(loc))
    return name.getName();
  if (auto fused = mlir::dyn_cast<mlir::FusedLoc>(loc))
    for (mlir::Location part : fused.getLocations())
      if (llvm::StringRef name = getNodeName(part); !name.empty())
        return name;
  return {};
}

} // namespace neap
#endif
