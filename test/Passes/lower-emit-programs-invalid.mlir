// RUN: neap-toy-opt %s --split-input-file --verify-diagnostics --lower-emit-programs
// RUN: not neap-opt %s --split-input-file --lower-emit-programs='weights=table' 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not neap-opt %s --split-input-file --lower-emit-programs='parameters=a:-4' 2>&1 | FileCheck %s --check-prefix=NEGATIVE

// NAME: error: expected name:position, but found 'table'
// NEGATIVE: error: expected name:position, but found 'a:-4'

// expected-error @+1 {{expected the attributes 'plan.max_tokens' and 'plan.device'}}
module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64} {
}

// -----

// expected-error @+1 {{expected the attributes 'plan.arena_bytes' and 'plan.slots_offset' of a planned module}}
module attributes {
    plan.max_tokens = 64 : i64, plan.device = #plan.device<
    triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
    tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
    mflops = 10000, memory_mbps = 10000>} {
}

// -----

module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64,
    plan.max_tokens = 64 : i64, plan.device = #plan.device<
    triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
    tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
    mflops = 10000, memory_mbps = 10000>} {
  graph.weight_decl @table : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
  func.func @eval_row() {
    // expected-error @+1 {{expected the storage layout to place the weight 'table'}}
    %table = graph.weight @table : !graph.weight<16x8xf32>
    return
  }
}

// -----

module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64,
    plan.max_tokens = 64 : i64, plan.device = #plan.device<
    triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
    tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
    mflops = 10000, memory_mbps = 10000>} {
  train.parameter @a : !train.adapter<4x8xf32> zero
  func.func @eval_row() {
    // expected-error @+1 {{expected the storage layout to place the parameter 'a'}}
    %a = train.value @a : !train.adapter<4x8xf32>
    return
  }
}

// -----

module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64,
    plan.max_tokens = 64 : i64, plan.device = #plan.device<
    triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
    tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
    mflops = 10000, memory_mbps = 10000>} {
  func.func @eval_row() {
    %x = plan.slot {offset = 256 : i64, bytes = 2048 : i64} : !plan.slot<tensor<?x8xf32>>
    plan.run outs(%x : !plan.slot<tensor<?x8xf32>>) {
      // expected-error @+1 {{has no kernel for this target}}
      %0 = "toy.opaque"() : () -> tensor<?x8xf32>
      plan.yield %0 : tensor<?x8xf32>
    }
    return
  }
}
