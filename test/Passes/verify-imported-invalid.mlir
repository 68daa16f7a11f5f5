// RUN: neap-opt %s --split-input-file --verify-diagnostics --verify-imported

// What import promises.
module attributes {plan.max_tokens = 8 : i64} {
  graph.weight_decl @w : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
  func.func @forward(%ids: tensor<?xi32>) -> tensor<?x8xf32> {
    %w = graph.weight @w : !graph.weight<16x8xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32> loc("/embed/Gather")
    return %x : tensor<?x8xf32>
  }
}

// -----

// expected-error @+1 {{expected attribute 'plan.max_tokens' to be a positive i64}}
module {
}

// -----

// expected-error @+1 {{expected attribute 'plan.max_tokens' to be a positive i64}}
module attributes {plan.max_tokens = 0 : i64} {
}

// -----

// expected-error @+1 {{expected attribute 'plan.max_tokens' to be a positive i64}}
module attributes {plan.max_tokens = 8 : si64} {
}

// -----

module attributes {plan.max_tokens = 8 : i64} {
  // expected-error @+1 {{is not part of an imported model}}
  train.parameter @a : !train.adapter<2x8xf32> zero
}

// -----

// expected-error @+1 {{expected one function 'forward'}}
module attributes {plan.max_tokens = 8 : i64} {
}

// -----

// expected-error @+1 {{expected one function 'forward'}}
module attributes {plan.max_tokens = 8 : i64} {
  func.func @backward() {
    return
  }
}

// -----

module attributes {plan.max_tokens = 8 : i64} {
  // expected-error @+1 {{expected type (tensor<?xi32>) -> tensor<?xVxf32>, but found '(tensor<?xi64>) -> ()'}}
  func.func @forward(%ids: tensor<?xi64>) {
    return
  }
}

// -----

module attributes {plan.max_tokens = 8 : i64} {
  // expected-error @+1 {{expected type (tensor<?xi32>) -> tensor<?xVxf32>, but found '(tensor<?xi32>) -> tensor<?xi32>'}}
  func.func @forward(%ids: tensor<?xi32>) -> tensor<?xi32> {
    return %ids : tensor<?xi32>
  }
}

// -----

module attributes {plan.max_tokens = 8 : i64} {
  // expected-error @+1 {{expected one block, but found 0}}
  func.func private @forward(tensor<?xi32>) -> tensor<?x8xf32>
}

// -----

module attributes {plan.max_tokens = 8 : i64} {
  func.func @forward(%ids: tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{is not a pure operation of the graph dialect}}
    %x = builtin.unrealized_conversion_cast %ids : tensor<?xi32> to tensor<?x8xf32>
    return %x : tensor<?x8xf32>
  }
}

// -----

module attributes {plan.max_tokens = 8 : i64} {
  func.func @forward(%ids: tensor<?xi32>) -> tensor<?x4xf32> {
    // expected-error @+1 {{expected a location that names its ONNX node}}
    %x = graph.rope_table %ids {frequencies = array<f32: 1.0, 0.5>} : (tensor<?xi32>) -> tensor<?x4xf32>
    return %x : tensor<?x4xf32>
  }
}
