// The graph dialect's C++ declarations; GraphOps.td is the documentation.
#ifndef NEAP_DIALECTS_GRAPH_GRAPHDIALECT_H
#define NEAP_DIALECTS_GRAPH_GRAPHDIALECT_H

#include "dialects/Interfaces/Interfaces.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Graph/GraphDialect.h.inc"

#include "dialects/Graph/GraphEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Graph/GraphAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Graph/GraphTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/Graph/GraphOps.h.inc"

namespace neap::graph {
/// `tensor<?xCOLUMNSxf32>`: an activation of `columns` features.
mlir::RankedTensorType getActivationType(mlir::MLIRContext *context,
                                         int64_t columns);

/// Features of an activation.
inline int64_t getColumns(mlir::Value activation) {
  return mlir::cast<mlir::RankedTensorType>(activation.getType()).getDimSize(1);
}
} // namespace neap::graph

#endif
