// RUN: neap-opt %s --train-apply-lora='targets=a.up:4:2.0,a.down:4:2.0:0.1' --train-attach-loss --train-build-backward --canonicalize --train-fuse-accumulation --cse --train-append-optimizer | FileCheck %s

graph.weight_decl @table : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
graph.weight_decl @up : !graph.weight<12x8xf32> {file = "m", bytes = 384 : i64}
graph.weight_decl @down : !graph.weight<8x12xf32> {file = "m", bytes = 384 : i64}

// CHECK: train.parameter @base_model.model.a.up.lora_A.weight : !train.adapter<4x8xf32> uniform {init_scale = 0.353553385
// CHECK: train.parameter @base_model.model.a.up.lora_B.weight : !train.adapter<4x12xf32> zero {transposed}
// CHECK-NOT: @forward
// CHECK-LABEL: func.func @train_row(%arg0: tensor<?xi32>, %arg1: tensor<?xi32>)
func.func @forward(%ids: tensor<?xi32>) -> tensor<?x16xf32> {
  %table = graph.weight @table : !graph.weight<16x8xf32>
  %up = graph.weight @up : !graph.weight<12x8xf32>
  %down = graph.weight @down : !graph.weight<8x12xf32>
  %x = graph.embedding %ids, %table : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
  %h = graph.linear %x, %up : (tensor<?x8xf32>, !graph.weight<12x8xf32>) -> tensor<?x12xf32> loc(#up)
  %a = graph.activation %h {kind = #graph<kind silu>} : (tensor<?x12xf32>) -> tensor<?x12xf32>
  %y = graph.linear %a, %down : (tensor<?x12xf32>, !graph.weight<8x12xf32>) -> tensor<?x8xf32> loc(#down)
  %r = graph.add %x, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %z = graph.linear %r, %table : (tensor<?x8xf32>, !graph.weight<16x8xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
#up = loc("/a/up/MatMul"("a.up"))
#down = loc("/a/down/MatMul"("a.down"))

// Forward: the adapter of a.down sees its input through dropout.
// CHECK: %[[Y0:.*]] = graph.linear %[[A:[0-9]+]], %{{.*}} : (tensor<?x12xf32>
// CHECK: %[[DROPPED:.*]] = train.dropout %[[A]] {probability = 1.000000e-01 : f32, stream = 1 : i64}
// CHECK: %[[HD:.*]] = train.lora_down %[[DROPPED]]
// CHECK: train.lora_up %[[HD]], %{{.*}}, %[[Y0]] {scale = 2.000000e+00 : f32}
// CHECK: %[[DX:.*]] = train.linear_cross_entropy
// Backward of a.down: gradients of both factors, then the input's, accumulated.
// CHECK: %[[DH:.*]] = train.lora_down %[[DX]], %{{.*}} {scale = 2.000000e+00 : f32}
// CHECK: train.accumulate_outer %[[HD]], %[[DX]]
// CHECK: %[[DD:.*]] = train.lora_up %[[DH]]
// CHECK: train.accumulate_outer %[[DH]], %[[DROPPED]]
// CHECK: %[[DA:.*]] = train.dropout %[[DD]] {probability = 1.000000e-01 : f32, stream = 1 : i64}
// CHECK: %[[SUM:.*]] = graph.linear_backward %[[DX]], %{{.*}}, %[[DA]]
// CHECK: graph.activation_backward %[[SUM]]
// Nothing trainable lies below a.up: its input gets no gradient.
// CHECK-NOT: graph.linear_backward
// CHECK-LABEL: func.func @eval_row
// Evaluation drops nothing.
// CHECK-NOT: train.dropout
// CHECK: train.linear_cross_entropy {{.*}} -> ()
// CHECK-LABEL: func.func @grad_norm()
// CHECK: train.grad_norm
// CHECK-LABEL: func.func @update()
// CHECK: train.adamw {beta1 = 0.899999976
