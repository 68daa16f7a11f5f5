// RUN: neap-toy-opt %s --train-fuse-accumulation | FileCheck %s
// What can accumulate is what AccumulatingOpInterface says; arguments are
// %arg0 = x, %arg1 = y.

// CHECK-LABEL: func.func @either_term
func.func @either_term(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[A:.*]] = toy.adjoint %arg0 init(%arg1 : tensor<?x8xf32>)
  // CHECK-NEXT: return %[[A]]
  %a = toy.adjoint %x {of = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = graph.add %a, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// The term moves to the sum, below what it adds to.
// CHECK-LABEL: func.func @moves
func.func @moves(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[W:.*]] = toy.work %arg1
  // CHECK-NEXT: toy.adjoint %arg0 init(%[[W]] : tensor<?x8xf32>)
  %a = toy.adjoint %x {of = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %w = toy.work %y : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = graph.add %w, %a : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// A term with another use keeps its value.
// CHECK-LABEL: func.func @other_use
func.func @other_use(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: graph.add
  %a = toy.adjoint %x {of = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = graph.add %y, %a : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %s, %a : tensor<?x8xf32>, tensor<?x8xf32>
}

// One initial value is all that a term takes.
// CHECK-LABEL: func.func @taken
func.func @taken(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: graph.add
  %a = toy.adjoint %x init(%x : tensor<?x8xf32>) {of = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = graph.add %y, %a : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// Other operations do not accumulate.
// CHECK-LABEL: func.func @no_interface
func.func @no_interface(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: graph.add
  %a = toy.work %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = graph.add %y, %a : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}
