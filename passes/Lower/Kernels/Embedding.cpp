// Rows of tables: by token id and by position.
#include "dialects/Graph/GraphDialect.h"
#include "passes/Lower/Kernels/Elementwise.h"
#include "passes/Lower/RegisterKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace neap;
using namespace neap::graph;

namespace {
/// y[token] = table[rowOf(token)], extended to f32.
void emitLookup(KernelEmitter &emitter, WeightType table, int64_t columns,
                function_ref<Value(Value token)> rowOf) {
  KernelBuilder &b = emitter.getBuilder();
  forEachToken(emitter, [&](Value token) {
    Value source = b.mul(rowOf(token), columns);
    Value target = b.mul(token, columns);
    b.forVectors(columns, [&](Value column, int64_t n) {
      Value x = b.loadVectorAs(table.getElementType(), emitter.getInput(1),
                               b.add(source, column), n);
      b.storeVector(x, emitter.getOutput(0), b.add(target, column), n);
    });
  });
}

/// Ids are taken as given: the runtime refuses those beyond the vocabulary.
struct EmbeddingKernel
    : KernelOpInterface::ExternalModel<EmbeddingKernel, EmbeddingOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    KernelBuilder &b = emitter.getBuilder();
    auto embedding = cast<EmbeddingOp>(op);
    emitLookup(emitter, cast<WeightType>(embedding.getTable().getType()),
               getColumns(embedding.getY()), [&](Value token) {
                 Value id = b.load(emitter.getInput(0), token, b.getI32Type());
                 return arith::ExtUIOp::create(b, b.getI64Type(), id);
               });
    return success();
  }
};

struct PositionEmbeddingKernel
    : KernelOpInterface::ExternalModel<PositionEmbeddingKernel,
                                       PositionEmbeddingOp> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    auto embedding = cast<PositionEmbeddingOp>(op);
    emitLookup(emitter, cast<WeightType>(embedding.getTable().getType()),
               getColumns(embedding.getY()), [](Value token) { return token; });
    return success();
  }
};
} // namespace

void neap::registerEmbeddingKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, GraphDialect *) {
    EmbeddingOp::attachInterface<EmbeddingKernel>(*context);
    PositionEmbeddingOp::attachInterface<PositionEmbeddingKernel>(*context);
  });
}
