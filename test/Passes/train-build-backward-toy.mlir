// RUN: neap-toy-opt %s --train-build-backward | FileCheck %s
// RUN: neap-toy-opt %s --train-build-backward --train-fuse-accumulation | FileCheck %s --check-prefix=FUSED
// Differentiation sees operations through interfaces: the toy dialect's will do.

toy.declare @w
toy.declare @p

// CHECK-LABEL: func.func @train_row
// FUSED-LABEL: func.func @train_row
func.func @train_row(%ids: tensor<?xi32>) {
  %w = toy.handle "weights" @w : !toy.handle<[4, 8], f32>
  // CHECK: %[[P:.*]] = toy.trainable @p
  %p = toy.trainable @p : !toy.handle<[4, 8], f32>
  // CHECK: %[[X:.*]] = toy.work %arg0
  %x = toy.work %ids, %w : (tensor<?xi32>, !toy.handle<[4, 8], f32>) -> tensor<?x8xf32>
  // CHECK: %[[A:.*]] = toy.work %[[X]], %[[P]]
  %a = toy.work %x, %p : (tensor<?x8xf32>, !toy.handle<[4, 8], f32>) -> tensor<?x8xf32>
  // CHECK: %[[B:.*]] = toy.work %[[A]], %[[A]]
  %b = toy.work %a, %a {side = array<i64: 1>} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = toy.sum %a, %b : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: %[[D:.*]] = toy.loss
  // FUSED: %[[D:.*]] = toy.loss
  %d = toy.loss %s : (tensor<?x8xf32>) -> tensor<?x8xf32>

  // The sum passes its gradient through; a side operand gets none.
  // CHECK-NEXT: %[[DB:.*]] = toy.adjoint %[[D]], %[[A]], %[[A]] {of = 0 : i64}
  // CHECK-NEXT: %[[DA:.*]] = graph.add %[[D]], %[[DB]]
  // The trained array's gradient goes to its storage, nothing flows into %x.
  // CHECK-NEXT: %[[G:.*]] = toy.handle "gradients" @p
  // CHECK-NEXT: toy.accumulate %[[DA]], %[[X]], %[[P]], %[[G]]
  // CHECK-NEXT: return

  // toy.adjoint takes the rest of the sum as its initial value.
  // FUSED-NOT: graph.add
  // FUSED: %[[DA:.*]] = toy.adjoint %[[D]], %{{.*}}, %{{.*}} init(%[[D]] : tensor<?x8xf32>) {of = 0 : i64}
  // FUSED-NOT: graph.add
  // FUSED: toy.accumulate %[[DA]]
  return
}
