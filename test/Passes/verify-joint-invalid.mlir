// RUN: neap-opt %s --split-input-file --verify-diagnostics --verify-joint

// The joint graph: four programs, a loss in two, a gradient for all that trains.
module {
  graph.weight_decl @w : !graph.weight<16x4xf32> {file = "m", bytes = 256 : i64}
  train.parameter @a : !train.adapter<2x4xf32> zero
  func.func @train_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    %h = graph.slice_columns %x {offset = 0} : (tensor<?x4xf32>) -> tensor<?x2xf32>
    %g = train.gradient @a : !train.adapter<2x4xf32>
    train.accumulate_outer %h, %x, %g : tensor<?x2xf32>, tensor<?x4xf32>, !train.adapter<2x4xf32>
    return
  }
  func.func @eval_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @grad_norm() {
    return
  }
  func.func @update() {
    return
  }
}

// -----

// expected-error @+1 {{expected 4 programs, but found 2}}
module {
  func.func @grad_norm() {
    return
  }
  func.func @update() {
    return
  }
}

// -----

// expected-error @+1 {{expected a program 'train_row'}}
module {
  graph.weight_decl @w : !graph.weight<16x4xf32> {file = "m", bytes = 256 : i64}
  func.func @eval_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @grad_norm() {
    return
  }
  func.func @update() {
    return
  }
  func.func @generate() {
    return
  }
}

// -----

module {
  // expected-error @+1 {{expected 2 arguments and no results}}
  func.func @train_row() {
    return
  }
  graph.weight_decl @w : !graph.weight<16x4xf32> {file = "m", bytes = 256 : i64}
  func.func @eval_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @grad_norm() {
    return
  }
  func.func @update() {
    return
  }
}

// -----

module {
  // expected-error @+1 {{expected one block, but found 0}}
  func.func private @train_row(tensor<?xi32>, tensor<?xi32>)
  graph.weight_decl @w : !graph.weight<16x4xf32> {file = "m", bytes = 256 : i64}
  func.func @eval_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @grad_norm() {
    return
  }
  func.func @update() {
    return
  }
}

// -----

module {
  graph.weight_decl @w : !graph.weight<16x4xf32> {file = "m", bytes = 256 : i64}
  func.func @train_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    // expected-error @+1 {{is not an operation of the graph or train dialect}}
    %c = builtin.unrealized_conversion_cast %x : tensor<?x4xf32> to tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @eval_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @grad_norm() {
    return
  }
  func.func @update() {
    return
  }
}

// -----

module {
  graph.weight_decl @w : !graph.weight<16x4xf32> {file = "m", bytes = 256 : i64}
  // expected-error @+1 {{expected 1 losses, but found 2}}
  func.func @train_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @eval_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @grad_norm() {
    return
  }
  func.func @update() {
    return
  }
}

// -----

// The gradient's handle alone adds nothing.
module {
  graph.weight_decl @w : !graph.weight<16x4xf32> {file = "m", bytes = 256 : i64}
  // expected-error @+1 {{gets no gradient: the loss does not depend on it}}
  train.parameter @a : !train.adapter<2x4xf32> zero
  func.func @train_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    %g = train.gradient @a : !train.adapter<2x4xf32>
    return
  }
  func.func @eval_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
    %w = graph.weight @w : !graph.weight<16x4xf32>
    %x = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x4xf32>) -> tensor<?x4xf32>
    train.linear_cross_entropy %x, %w, %labels : (tensor<?x4xf32>, !graph.weight<16x4xf32>, tensor<?xi32>) -> ()
    return
  }
  func.func @grad_norm() {
    return
  }
  func.func @update() {
    return
  }
}
