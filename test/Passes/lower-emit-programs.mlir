// RUN: neap-opt %s --lower-emit-programs='weights=table:16384 parameters=a:64 values=5120 gradients=8192 moment1=12288 moment2=20480 elements=128' | FileCheck %s
// RUN: neap-opt %s --lower-emit-programs='weights=table:16384 parameters=a:64' --lower-convert-to-llvm | FileCheck %s --check-prefix=LLVM
// RUN: neap-opt %s --lower-emit-programs='weights=table:16384 parameters=a:64' --convert-scf-to-cf | FileCheck %s --check-prefix=CF
// RUN: neap-opt %S/plan-allocate-slots.mlir --plan-allocate-slots --lower-emit-programs='weights=table:16384' --lower-convert-to-llvm | FileCheck %s --check-prefix=PLANNED

// From tensors to code by passes alone.
// PLANNED-LABEL: llvm.func @eval_row(
// PLANNED: llvm.call @k0_embedding(

// What described the plan is gone.
// CHECK: {{^}}module {
// CHECK-NOT: plan.
module attributes {plan.arena_bytes = 65536 : i64, plan.slots_offset = 32768 : i64,
    plan.max_tokens = 64 : i64, plan.device = #plan.device<
    triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
    tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
    mflops = 10000, memory_mbps = 10000>} {
  graph.weight_decl @table : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
  train.parameter @a : !train.adapter<4x8xf32> zero

  // A kernel's loop is structured until it is converted.
  // CHECK-LABEL: llvm.func internal @k0_embedding_task0
  // CHECK: scf.for
  // LLVM-LABEL: llvm.func internal @k0_embedding_task0
  // LLVM-NOT: scf.for
  // LLVM: llvm.cond_br
  // CF-LABEL: llvm.func internal @k0_embedding_task0
  // CF: cf.cond_br
  // CF: arith.

  // The optimizer works on the whole adapter ranges: it learns where they lie.
  // CHECK: llvm.func internal @[[ADAMW:k[0-9]+_adamw]](
  // CHECK-DAG: arith.constant 128 : i64
  // CHECK-DAG: arith.constant 5120 : i64
  // CHECK-DAG: arith.constant 8192 : i64
  // CHECK-DAG: arith.constant 12288 : i64
  // CHECK-DAG: arith.constant 20480 : i64

  // Two operations, one kernel. Slots lie in the arena, the table at its place in
  // the weights file, the parameter 64 floats into the adapters' values.
  // CHECK-LABEL: llvm.func @eval_row(%arg0: !llvm.ptr)
  // CHECK-DAG: arith.constant 32768 : i64
  // CHECK-DAG: arith.constant 16384 : i64
  // CHECK: llvm.call @k0_embedding(
  // CHECK: arith.constant 5376 : i64
  // CHECK: llvm.call @k1_lora_down(
  // CHECK: llvm.call @k0_embedding(
  // LLVM-LABEL: llvm.func @eval_row(%arg0: !llvm.ptr)
  // LLVM-COUNT-2: llvm.call @k0_embedding(
  func.func @eval_row() {
    %table = graph.weight @table : !graph.weight<16x8xf32>
    %a = train.value @a : !train.adapter<4x8xf32>
    %ids = plan.slot {offset = 0 : i64, bytes = 256 : i64} : !plan.slot<tensor<?xi32>>
    %x = plan.slot {offset = 32768 : i64, bytes = 2048 : i64} : !plan.slot<tensor<?x8xf32>>
    plan.run ins(%ids, %table : !plan.slot<tensor<?xi32>>, !graph.weight<16x8xf32>)
        outs(%x : !plan.slot<tensor<?x8xf32>>) {
    ^bb0(%i: tensor<?xi32>, %t: !graph.weight<16x8xf32>):
      %0 = graph.embedding %i, %t : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
      plan.yield %0 : tensor<?x8xf32>
    }
    %h = plan.slot {offset = 34816 : i64, bytes = 1024 : i64} : !plan.slot<tensor<?x4xf32>>
    plan.run ins(%x, %a : !plan.slot<tensor<?x8xf32>>, !train.adapter<4x8xf32>)
        outs(%h : !plan.slot<tensor<?x4xf32>>) {
    ^bb0(%i: tensor<?x8xf32>, %f: !train.adapter<4x8xf32>):
      %0 = train.lora_down %i, %f : (tensor<?x8xf32>, !train.adapter<4x8xf32>) -> tensor<?x4xf32>
      plan.yield %0 : tensor<?x4xf32>
    }
    %y = plan.slot {offset = 32768 : i64, bytes = 2048 : i64} : !plan.slot<tensor<?x8xf32>>
    plan.run ins(%ids, %table : !plan.slot<tensor<?xi32>>, !graph.weight<16x8xf32>)
        outs(%y : !plan.slot<tensor<?x8xf32>>) {
    ^bb0(%i: tensor<?xi32>, %t: !graph.weight<16x8xf32>):
      %0 = graph.embedding %i, %t : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
      plan.yield %0 : tensor<?x8xf32>
    }
    return
  }

  // CHECK-LABEL: llvm.func @update(
  // CHECK: llvm.call @[[ADAMW]](
  func.func @update() {
    plan.run {
      train.adamw {beta1 = 0.9 : f32, beta2 = 0.999 : f32, epsilon = 1.0e-8 : f32, weight_decay = 0.0 : f32}
      plan.yield
    }
    return
  }
}
