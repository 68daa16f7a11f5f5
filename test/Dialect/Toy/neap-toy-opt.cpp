// neap-opt with the toy dialect: runs passes on operations that they have
// never heard of.
#include "compiler/Pipeline/Register.h"
#include "test/Dialect/Toy/ToyDialect.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  neap::registerDialects(registry);
  registry.insert<neap::toy::ToyDialect>();
  neap::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Neap's pass driver with the toy dialect\n", registry));
}
