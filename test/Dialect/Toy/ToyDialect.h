// The toy dialect's C++ declarations; ToyOps.td is the documentation.
#ifndef NEAP_TEST_DIALECT_TOY_TOYDIALECT_H
#define NEAP_TEST_DIALECT_TOY_TOYDIALECT_H

#include "dialects/Interfaces/Interfaces.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

#include "test/Dialect/Toy/ToyDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "test/Dialect/Toy/ToyTypes.h.inc"

#define GET_OP_CLASSES
#include "test/Dialect/Toy/ToyOps.h.inc"

#endif
