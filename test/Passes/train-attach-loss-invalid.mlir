// RUN: neap-opt %s --split-input-file --verify-diagnostics --train-attach-loss

// expected-error @+1 {{expected a function 'forward' of one block}}
module {
}

// -----

// expected-error @+1 {{expected a function 'forward' of one block}}
module {
  func.func private @forward(tensor<?xi32>) -> tensor<?x16xf32>
}

// -----

func.func @forward(%ids: tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %x = graph.rope_table %ids {frequencies = array<f32: 1.0, 0.5>} : (tensor<?xi32>) -> tensor<?x4xf32>
  // expected-error @+1 {{expected the logits alone, but found 2 values}}
  return %x, %x : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

graph.weight_decl @w : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
train.parameter @b : !train.adapter<2x16xf32> zero
// The output projection has an adapter: its logits are not a frozen layer's.
func.func @forward(%ids: tensor<?xi32>) -> tensor<?x16xf32> {
  %w = graph.weight @w : !graph.weight<16x8xf32>
  %b = train.value @b : !train.adapter<2x16xf32>
  %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
  %h = graph.slice_columns %x {offset = 0} : (tensor<?x8xf32>) -> tensor<?x2xf32>
  %y = graph.linear %x, %w : (tensor<?x8xf32>, !graph.weight<16x8xf32>) -> tensor<?x16xf32>
  %z = train.lora_up %h, %b, %y : (tensor<?x2xf32>, !train.adapter<2x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  // expected-error @+1 {{expected the logits to come from a frozen linear layer without an adapter}}
  return %z : tensor<?x16xf32>
}
