// The formula of each operation, one overload per operation.
#ifndef NEAP_TEST_INTERPRET_RULES_H
#define NEAP_TEST_INTERPRET_RULES_H

#include "dialects/Train/TrainDialect.h"
#include "test/Interpret/Interpreter.h"

namespace neap::test {

Results compute(graph::EmbeddingOp op, Operands get);
Results compute(graph::PositionEmbeddingOp op, Operands get);
Results compute(graph::RopeTableOp op, Operands get);
Results compute(graph::LinearOp op, Operands get);
Results compute(graph::RmsNormOp op, Operands get);
Results compute(graph::LayerNormOp op, Operands get);
Results compute(graph::RopeOp op, Operands get);
Results compute(graph::AttentionOp op, Operands get);
Results compute(graph::ActivationOp op, Operands get);
Results compute(graph::GluOp op, Operands get);
Results compute(graph::AddOp op, Operands get);
Results compute(graph::MulOp op, Operands get);
Results compute(graph::ScaleOp op, Operands get);
Results compute(graph::SliceColumnsOp op, Operands get);
Results compute(graph::PadColumnsOp op, Operands get);
Results compute(graph::ConcatColumnsOp op, Operands get);

Results compute(graph::LinearBackwardOp op, Operands get);
Results compute(graph::RmsNormBackwardOp op, Operands get);
Results compute(graph::LayerNormBackwardOp op, Operands get);
Results compute(graph::AttentionBackwardOp op, Operands get);
Results compute(graph::ActivationBackwardOp op, Operands get);
Results compute(graph::GluBackwardOp op, Operands get);

Results compute(train::LoraDownOp op, Operands get);
Results compute(train::LoraUpOp op, Operands get);
Results compute(train::DropoutOp op, Operands get, RowState &state);
Results compute(train::AccumulateOuterOp op, Operands get, RowState &state);
Results compute(train::LinearCrossEntropyOp op, Operands get, RowState &state);

double activate(graph::ActivationKind kind, double x);
/// x W^T
Matrix multiplyTransposed(const Matrix &x, const Matrix &w);
/// x W
Matrix multiply(const Matrix &x, const Matrix &w);
/// Adds the same row to every row, if there is one.
void addBias(Matrix &y, mlir::Value bias, Operands get);
/// Adds `term`, if there is one.
void addTerm(Matrix &y, mlir::Value term, Operands get);

} // namespace neap::test

#endif
