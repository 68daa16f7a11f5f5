// Runs any pass of Neap on MLIR text.
#include "compiler/Pipeline/Register.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  neap::registerDialects(registry);
  neap::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Neap's pass driver\n", registry));
}
