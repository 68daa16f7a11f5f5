#ifndef NEAP_LOWER_PASSES_TD
#define NEAP_LOWER_PASSES_TD

include "mlir/Pass/PassBase.td"

def EmitProgramsPass : Pass<"lower-emit-programs", "::mlir::ModuleOp"> {
  let summary = "emit kernels and the functions that call them";
  let description = [{
    Input: plan.slot and plan.run (verify-planned) in a module with `plan.max_tokens`
    and `plan.device`, and where storage outside the slots lies, as options. Output:
    an `llvm.func` `void NAME(context)` per function, one per distinct kernel and one
    per repeated sequence of kernels, with scf, arith and vector operations in their
    bodies (`lower-convert-to-llvm` follows).
    Assumes: the ranges named by the options share no byte with a slot.
    Cost: linear in the operations for kernels, n log n for repeated sequences.

    Before and after `--lower-emit-programs`:

    ```mlir
    module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64,
        plan.max_tokens = 64 : i64, plan.device = #plan.device<
        triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
        tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
        mflops = 10000, memory_mbps = 10000>} {
      func.func @eval_row() {
        %x = plan.slot {offset = 256 : i64, bytes = 64 : i64} : !plan.slot<tensor<16xi8>>
        plan.poison %x : !plan.slot<tensor<16xi8>>
        return
      }
    }
    ```
    ```mlir
    module {
      llvm.func internal @k0_poison(%arg0: !llvm.ptr, %arg1: !llvm.ptr) {
        %c2143289344_i32 = arith.constant 2143289344 : i32
        %c0_i64 = arith.constant 0 : i64
        %c16_i64 = arith.constant 16 : i64
        %c1_i64 = arith.constant 1 : i64
        scf.for %arg2 = %c0_i64 to %c16_i64 step %c1_i64  : i64 {
          %0 = llvm.getelementptr %arg1[%arg2] : (!llvm.ptr, i64) -> !llvm.ptr, i32
          llvm.store %c2143289344_i32, %0 {alignment = 4 : i64} : i32, !llvm.ptr
        }
        llvm.return
      }
      llvm.func @eval_row(%arg0: !llvm.ptr)
          attributes {no_inline, passthrough = ["minsize", "optsize"]} {
        %c0_i64 = arith.constant 0 : i64
        %0 = llvm.getelementptr %arg0[%c0_i64] : (!llvm.ptr, i64) -> !llvm.ptr, i8
        %1 = llvm.load %0 : !llvm.ptr -> !llvm.ptr
        %c8_i64 = arith.constant 8 : i64
        %2 = llvm.getelementptr %arg0[%c8_i64] : (!llvm.ptr, i64) -> !llvm.ptr, i8
        %3 = llvm.load %2 : !llvm.ptr -> !llvm.ptr
        %c256_i64 = arith.constant 256 : i64
        %4 = llvm.getelementptr %1[%c256_i64] : (!llvm.ptr, i64) -> !llvm.ptr, i8
        llvm.call @k0_poison(%arg0, %4) : (!llvm.ptr, !llvm.ptr) -> ()
        llvm.return
      }
    }
    ```
  }];
  let options = [
    ListOption<"weights", "weights", "std::string",
               "weights as name:bytes from the start of the weights file">,
    ListOption<"parameters", "parameters", "std::string",
               "parameters as name:floats from the start of each adapter range">,
    Option<"parameterElementCount", "elements", "int64_t", "0",
           "floats of each adapter range">,
    Option<"valuesOffset", "values", "int64_t", "0",
           "offset of the adapters' values in the arena">,
    Option<"gradientsOffset", "gradients", "int64_t", "0",
           "offset of the adapters' gradients in the arena">,
    Option<"moment1Offset", "moment1", "int64_t", "0",
           "offset of the optimizer's first moments in the arena">,
    Option<"moment2Offset", "moment2", "int64_t", "0",
           "offset of the optimizer's second moments in the arena">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"];
}

#endif
