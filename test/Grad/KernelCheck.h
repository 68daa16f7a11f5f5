// One operation's kernel against its formula in double precision.
#ifndef NEAP_TEST_GRAD_KERNELCHECK_H
#define NEAP_TEST_GRAD_KERNELCHECK_H

#include "test/Interpret/Interpreter.h"

namespace neap::test {

/// The operation alone in a function of its operands.
std::string isolate(mlir::Operation *op);

/// Compiles `source`, the isolated `op`, runs it on the operands rounded to
/// f32 and returns the worst error of its results, relative to the largest
/// value of each. The formula sees the same rounded operands.
double getKernelError(const std::string &source, Interpreter &interpreter,
                      mlir::Operation *op, Operands get);

} // namespace neap::test

#endif
