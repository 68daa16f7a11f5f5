// RUN: neap-opt %s --plan-rematerialize='smallest=true' --verify-ordered | FileCheck %s
// RUN: neap-opt %s --plan-rematerialize --verify-ordered | FileCheck %s --check-prefix=KEEP
// RUN: not neap-opt %s --plan-rematerialize='budget=100' 2>&1 | FileCheck %s --check-prefix=BUDGET

// BUDGET: expected to fit 100 live bytes, but found at least {{[0-9]+}}
module attributes {plan.max_tokens = 64 : i64, plan.device = #plan.device<
    triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
    tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
    mflops = 10000, memory_mbps = 10000>} {
  graph.weight_decl @table : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
  graph.weight_decl @up : !graph.weight<512x8xf32> {file = "m", bytes = 16384 : i64}
  graph.weight_decl @down : !graph.weight<8x512xf32> {file = "m", bytes = 16384 : i64}
  train.parameter @a : !train.adapter<4x8xf32> uniform

  // CHECK-LABEL: func.func @train_row
  // KEEP-LABEL: func.func @train_row
  // KEEP-NOT: plan.recomputed
  func.func @train_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %table = graph.weight @table : !graph.weight<16x8xf32>
    %up = graph.weight @up : !graph.weight<512x8xf32>
    %down = graph.weight @down : !graph.weight<8x512xf32>
    %a = train.value @a : !train.adapter<4x8xf32>
    %g = train.gradient @a : !train.adapter<4x8xf32>
    %x = graph.embedding %ids, %table : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
    // CHECK: %[[H:.*]] = train.lora_down %[[X:.*]], %
    %h = train.lora_down %x, %a : (tensor<?x8xf32>, !train.adapter<4x8xf32>) -> tensor<?x4xf32>
    %y = train.lora_up %h, %a, %x : (tensor<?x4xf32>, !train.adapter<4x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    // The wide activation is the peak: it is computed again rather than kept.
    // CHECK: graph.linear
    // CHECK: graph.activation
    %u = graph.linear %y, %up : (tensor<?x8xf32>, !graph.weight<512x8xf32>) -> tensor<?x512xf32>
    %v = graph.activation %u {kind = #graph<kind silu>} : (tensor<?x512xf32>) -> tensor<?x512xf32>
    %z = graph.linear %v, %down : (tensor<?x512xf32>, !graph.weight<8x512xf32>) -> tensor<?x8xf32>
    // CHECK: train.linear_cross_entropy
    %dz = train.linear_cross_entropy %z, %table, %labels : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    %dv = graph.linear_backward %dz, %down : (tensor<?x8xf32>, !graph.weight<8x512xf32>) -> tensor<?x512xf32>
    // CHECK: %[[U:.*]] = graph.linear %{{.*}}, %{{.*}} {plan.recomputed}
    // CHECK-NEXT: graph.activation_backward %{{.*}}, %[[U]]
    %du = graph.activation_backward %dv, %u {kind = #graph<kind silu>} : (tensor<?x512xf32>, tensor<?x512xf32>) -> tensor<?x512xf32>
    %dy = graph.linear_backward %du, %up : (tensor<?x512xf32>, !graph.weight<512x8xf32>) -> tensor<?x8xf32>
    %dh = train.lora_down %dy, %a : (tensor<?x8xf32>, !train.adapter<4x8xf32>) -> tensor<?x4xf32>
    // CHECK: train.accumulate_outer
    train.accumulate_outer %dh, %x, %g : tensor<?x4xf32>, tensor<?x8xf32>, !train.adapter<4x8xf32>
    train.accumulate_outer %h, %dy, %g : tensor<?x4xf32>, tensor<?x8xf32>, !train.adapter<4x8xf32>
    return
  }
}
