// Where an imported operation keeps the path of the module it came from.
#ifndef NEAP_COMPILER_IMPORT_MODULEPATH_H
#define NEAP_COMPILER_IMPORT_MODULEPATH_H

#include "dialects/Graph/GraphDialect.h"

namespace neap {

/// The PyTorch module path of a linear layer, e.g.
/// `model.layers.0.self_attn.q_proj`. Import writes it into the location,
/// `NameLoc(ONNX node, NameLoc(module))`, and names the weight's symbol
/// `module.weight`; the symbol serves IR that was written without locations.
/// A shared weight has one symbol, so there only the location tells its users
/// apart. Empty for other operations.
inline std::string getModulePath(mlir::Operation *op) {
  auto linear = llvm::dyn_cast<graph::LinearOp>(op);
  if (!linear)
    return "";
  if (auto node = llvm::dyn_cast<mlir::NameLoc>(op->getLoc()))
    if (auto module = llvm::dyn_cast<mlir::NameLoc>(node.getChildLoc()))
      return module.getName().str();
  auto weight = linear.getWeight().getDefiningOp<graph::WeightOp>();
  llvm::StringRef symbol = weight ? weight.getDecl() : "";
  return symbol.consume_back(".weight") ? symbol.str() : "";
}

} // namespace neap

#endif // NEAP_COMPILER_IMPORT_MODULEPATH_H
