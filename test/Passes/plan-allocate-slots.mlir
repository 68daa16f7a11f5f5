// RUN: neap-opt %s --verify-ordered --plan-allocate-slots --verify-planned | FileCheck %s
// RUN: neap-opt %s --plan-allocate-slots='poison=true moments=0' --verify-planned | FileCheck %s --check-prefix=POISON

// The fixed ranges come first; inputs have room for one token more than a row.
// CHECK: plan.arena_bytes = {{[0-9]+}} : i64
// CHECK-SAME: plan.slots_offset = [[SLOTS:[0-9]+]] : i64
module attributes {plan.max_tokens = 64 : i64, plan.device = #plan.device<
    triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
    tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
    mflops = 10000, memory_mbps = 10000>} {
  graph.weight_decl @table : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}

  // CHECK-LABEL: func.func @eval_row() {
  // CHECK: plan.slot {bytes = 256 : i64, offset = 0 : i64} : <tensor<?xi32>>
  // CHECK: plan.slot {bytes = 256 : i64, offset = 320 : i64} : <tensor<?xi32>>
  // POISON-LABEL: func.func @eval_row() {
  // POISON: plan.poison
  func.func @eval_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %table = graph.weight @table : !graph.weight<16x8xf32>
    // CHECK: %[[X:.*]] = plan.slot {bytes = 2048 : i64, offset = [[FIRST:[0-9]+]] : i64} : <tensor<?x8xf32>>
    // CHECK: plan.run ins(%{{.*}}, %{{.*}}) outs(%[[X]] : !plan.slot<tensor<?x8xf32>>)
    // CHECK: graph.embedding
    // CHECK: plan.yield
    %x = graph.embedding %ids, %table : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
    // In place: the same bytes.
    // CHECK: %[[Y:.*]] = plan.slot {bytes = 2048 : i64, offset = [[FIRST]] : i64} : <tensor<?x8xf32>>
    // CHECK: plan.run ins(%[[X]] : !plan.slot<tensor<?x8xf32>>) outs(%[[Y]] : !plan.slot<tensor<?x8xf32>>)
    // POISON: graph.scale
    %y = graph.scale %x {factor = 2.0 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    // A sum may overwrite either operand: they are exchanged.
    // CHECK: %[[Z:.*]] = plan.slot {bytes = 2048 : i64, offset = [[SLOTS]] : i64}
    %z = graph.scale %y {factor = 3.0 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    // CHECK: %[[S:.*]] = plan.slot {bytes = 2048 : i64, offset = [[SLOTS]] : i64}
    // CHECK: plan.run ins(%[[Z]], %[[Y]] : !plan.slot<tensor<?x8xf32>>, !plan.slot<tensor<?x8xf32>>) outs(%[[S]]
    // CHECK: graph.add
    %s = graph.add %y, %z : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    // POISON: graph.mul
    // POISON: plan.poison
    // POISON: train.linear_cross_entropy
    %m = graph.mul %s, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    train.linear_cross_entropy %m, %table, %labels : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> ()
    // POISON: plan.poison
    // POISON: return
    return
  }
}
