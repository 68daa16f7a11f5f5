// RUN: neap-opt %s --split-input-file --verify-diagnostics --verify-lowered

llvm.mlir.global internal constant @table(dense<1> : tensor<4xi32>) : !llvm.array<4 x i32>
llvm.func @fine(%a: !llvm.ptr) {
  llvm.return
}

// -----

// expected-error @+1 {{'sinf' has no body}}
llvm.func @sinf(f32) -> f32

// -----

// expected-error @+1 {{'counter' is not constant}}
llvm.mlir.global internal @counter(0 : i32) : i32

// -----

llvm.func @left(%a: f32) {
  // expected-error @+1 {{is left after lowering}}
  %0 = arith.addf %a, %a : f32
  llvm.return
}

// -----

llvm.func @stack() {
  llvm.br ^bb1
^bb1:
  %0 = llvm.mlir.constant(1 : i64) : i64
  // expected-error @+1 {{takes stack memory outside the first block}}
  %1 = llvm.alloca %0 x i64 : (i64) -> !llvm.ptr
  llvm.return
}
