// RUN: neap-opt %s --verify-diagnostics --split-input-file --verify-planned

// expected-error@+1 {{expected the attributes 'plan.arena_bytes' and 'plan.slots_offset' of a planned module}}
module {
}

// -----

// Two values alive at once in the same bytes.
module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64} {
  graph.weight_decl @table : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
  func.func @train_row() {
    %table = graph.weight @table : !graph.weight<16x8xf32>
    %ids = plan.slot {offset = 0 : i64, bytes = 64 : i64} : !plan.slot<tensor<16xi32>>
    %a = plan.slot {offset = 256 : i64, bytes = 512 : i64} : !plan.slot<tensor<?x8xf32>>
    %b = plan.slot {offset = 512 : i64, bytes = 512 : i64} : !plan.slot<tensor<?x8xf32>>
    %c = plan.slot {offset = 1024 : i64, bytes = 512 : i64} : !plan.slot<tensor<?x8xf32>>
    // expected-note@+1 {{it is written here and needed until run #2}}
    plan.run ins(%ids, %table : !plan.slot<tensor<16xi32>>, !graph.weight<16x8xf32>) outs(%a : !plan.slot<tensor<?x8xf32>>) {
    ^bb0(%i: tensor<16xi32>, %t: !graph.weight<16x8xf32>):
      %0 = graph.embedding %i, %t : (tensor<16xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
      plan.yield %0 : tensor<?x8xf32>
    }
    // expected-error@+1 {{writes [512, 1024), but [256, 768) is alive}}
    plan.run ins(%a : !plan.slot<tensor<?x8xf32>>) outs(%b : !plan.slot<tensor<?x8xf32>>) {
    ^bb0(%x: tensor<?x8xf32>):
      %0 = graph.scale %x {factor = 2.0 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
      plan.yield %0 : tensor<?x8xf32>
    }
    plan.run ins(%a, %b : !plan.slot<tensor<?x8xf32>>, !plan.slot<tensor<?x8xf32>>) outs(%c : !plan.slot<tensor<?x8xf32>>) {
    ^bb0(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>):
      %0 = graph.add %x, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      plan.yield %0 : tensor<?x8xf32>
    }
    return
  }
}

// -----

module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64} {
  // expected-error@+1 {{expected a planned program without arguments or results, but found 1 and 0}}
  func.func @train_row(%ids: tensor<?xi32>) {
    return
  }
}

// -----

module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64} {
  // expected-error@+1 {{expected a planned program of one block}}
  func.func @train_row() {
    return
  ^bb1:
    return
  }
}

// -----

// What lies below the slots is the runtime's to fill.
module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64} {
  func.func @train_row() {
    %ids = plan.slot {offset = 0 : i64, bytes = 64 : i64} : !plan.slot<tensor<16xi32>>
    // expected-error@+1 {{poisons offset 0, but slots start at 256}}
    plan.poison %ids : !plan.slot<tensor<16xi32>>
    return
  }
}
