// RUN: neap-opt %s --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: module attributes {plan.device = #plan.device<triple = "x86_64-unknown-linux-gnu"
module attributes {plan.max_tokens = 32 : i64,
                   plan.device = #plan.device<triple = "x86_64-unknown-linux-gnu", features = "+avx2",
                     vector_floats = 8, tile_rows = 6, tile_vectors = 2, contraction_block = 512,
                     panel_group = 8, max_threads = 2, mflops = 1000, memory_mbps = 1000>} {
  // CHECK-LABEL: func.func @round_trip
  func.func @round_trip() {
    // CHECK: %[[X:.*]] = plan.slot {bytes = 512 : i64, offset = 0 : i64} : <tensor<?x4xf32>>
    %x = plan.slot {offset = 0, bytes = 512} : !plan.slot<tensor<?x4xf32>>
    %s = plan.slot {offset = 512, bytes = 64} : !plan.slot<tensor<64xi8>>
    // CHECK: plan.run ins(%[[X]] : !plan.slot<tensor<?x4xf32>>) outs(%[[X]] : !plan.slot<tensor<?x4xf32>>) scratch(%{{.*}} : !plan.slot<tensor<64xi8>>)
    plan.run ins(%x : !plan.slot<tensor<?x4xf32>>) outs(%x : !plan.slot<tensor<?x4xf32>>) scratch(%s : !plan.slot<tensor<64xi8>>) {
    ^bb0(%a: tensor<?x4xf32>):
      %0 = graph.scale %a {factor = 2.0 : f32} : (tensor<?x4xf32>) -> tensor<?x4xf32>
      // CHECK: plan.yield
      plan.yield %0 : tensor<?x4xf32>
    }
    // CHECK: plan.poison %[[X]]
    plan.poison %x : !plan.slot<tensor<?x4xf32>>
    return
  }
}

// -----

func.func @slot_c1() {
  // expected-error @+1 {{expected 'offset' to be a multiple of 64, but found 32}}
  %x = plan.slot {offset = 32, bytes = 64} : !plan.slot<tensor<?x4xf32>>
  return
}

// -----

module attributes {plan.max_tokens = 32 : i64} {
  func.func @slot_c2() {
    // expected-error @+1 {{expected 'bytes' to be at least 512, but found 64}}
    %x = plan.slot {offset = 0, bytes = 64} : !plan.slot<tensor<?x4xf32>>
    return
  }
}

// -----

func.func @run_c1() {
  // expected-error @+1 {{expected one operation to run, but found 0}}
  plan.run {
    plan.yield
  }
  return
}

// -----

func.func @run_c2() {
  %x = plan.slot {offset = 0, bytes = 64} : !plan.slot<tensor<?x4xf32>>
  // expected-error @+1 {{expected block argument #0 to have type 'tensor<?x4xf32>', but found 'tensor<?x5xf32>'}}
  plan.run ins(%x : !plan.slot<tensor<?x4xf32>>) {
  ^bb0(%a: tensor<?x5xf32>):
    %0 = graph.scale %a {factor = 2.0 : f32} : (tensor<?x5xf32>) -> tensor<?x5xf32>
    plan.yield
  }
  return
}

// -----

func.func @run_c3() {
  %x = plan.slot {offset = 0, bytes = 64} : !plan.slot<tensor<?x4xf32>>
  // expected-error @+1 {{expected 1 yielded values, but found 0}}
  plan.run ins(%x : !plan.slot<tensor<?x4xf32>>) outs(%x : !plan.slot<tensor<?x4xf32>>) {
  ^bb0(%a: tensor<?x4xf32>):
    %0 = graph.scale %a {factor = 2.0 : f32} : (tensor<?x4xf32>) -> tensor<?x4xf32>
    plan.yield
  }
  return
}

// -----

func.func @run_c2_count() {
  // expected-error @+1 {{expected 0 block arguments, but found 1}}
  plan.run {
  ^bb0(%a: tensor<?x4xf32>):
    %0 = graph.scale %a {factor = 2.0 : f32} : (tensor<?x4xf32>) -> tensor<?x4xf32>
    plan.yield
  }
  return
}

// -----

func.func @run_c3_type() {
  %x = plan.slot {offset = 0, bytes = 64} : !plan.slot<tensor<?x4xf32>>
  %y = plan.slot {offset = 64, bytes = 64} : !plan.slot<tensor<?x5xf32>>
  // expected-error @+1 {{expected yielded value #0 to have type 'tensor<?x5xf32>', but found 'tensor<?x4xf32>'}}
  plan.run ins(%x : !plan.slot<tensor<?x4xf32>>) outs(%y : !plan.slot<tensor<?x5xf32>>) {
  ^bb0(%a: tensor<?x4xf32>):
    %0 = graph.scale %a {factor = 2.0 : f32} : (tensor<?x4xf32>) -> tensor<?x4xf32>
    plan.yield %0 : tensor<?x4xf32>
  }
  return
}

// -----

func.func @fetch_c1(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected the type of a handle, but found 'tensor<4xf32>'}}
  %f = plan.fetch %x : tensor<4xf32>
  return
}

// -----

// expected-error @+1 {{expected a ranked tensor or the type of a handle, but found 'i32'}}
func.func @slot_type(%x: !plan.slot<i32>) {
  return
}
