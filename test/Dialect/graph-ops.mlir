// RUN: neap-opt %s | neap-opt | FileCheck %s
// Round trip of every graph op.

graph.weight_decl @table : !graph.weight<256x64xf16> {file = "m.onnx", offset = 64 : i64, bytes = 32768 : i64}
graph.weight_decl @w : !graph.weight<32x64xf32> {file = "m.onnx", bytes = 8192 : i64, transposed}
graph.weight_decl @bias : !graph.weight<32xf32> {inline_data = dense<0.5> : tensor<32xf32>}
graph.weight_decl @norm : !graph.weight<64xf32> {inline_data = dense<1.0> : tensor<64xf32>}

// CHECK-LABEL: func.func @inputs
func.func @inputs(%ids: tensor<?xi32>) {
  %table = graph.weight @table : !graph.weight<256x64xf16>
  // CHECK: graph.embedding
  %0 = graph.embedding %ids, %table : (tensor<?xi32>, !graph.weight<256x64xf16>) -> tensor<?x64xf32>
  // CHECK: graph.position_embedding
  %1 = graph.position_embedding %ids, %table : (tensor<?xi32>, !graph.weight<256x64xf16>) -> tensor<?x64xf32>
  // CHECK: graph.rope_table %{{.*}} {frequencies = array<f32: 1.000000e+00, 5.000000e-01>}
  %2 = graph.rope_table %ids {frequencies = array<f32: 1.0, 0.5>} : (tensor<?xi32>) -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: func.func @linears
func.func @linears(%x: tensor<?x64xf32>, %dy: tensor<?x32xf32>) {
  %w = graph.weight @w : !graph.weight<32x64xf32>
  %bias = graph.weight @bias : !graph.weight<32xf32>
  %norm = graph.weight @norm : !graph.weight<64xf32>
  // CHECK: graph.linear %{{.*}}, %{{.*}}, %{{.*}} :
  %0 = graph.linear %x, %w, %bias : (tensor<?x64xf32>, !graph.weight<32x64xf32>, !graph.weight<32xf32>) -> tensor<?x32xf32>
  // CHECK: graph.linear_backward
  %1 = graph.linear_backward %dy, %w, %x : (tensor<?x32xf32>, !graph.weight<32x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.rms_norm
  %2 = graph.rms_norm %x, %norm {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, !graph.weight<64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.rms_norm_backward
  %3 = graph.rms_norm_backward %x, %x, %norm {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<?x64xf32>, !graph.weight<64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.layer_norm
  %4 = graph.layer_norm %x, %norm, %norm {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, !graph.weight<64xf32>, !graph.weight<64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.layer_norm_backward
  %5 = graph.layer_norm_backward %x, %x, %norm, %x {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<?x64xf32>, !graph.weight<64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>, %table: tensor<?x16xf32>) {
  // CHECK: graph.rope {{.*}}interleaved, inverse
  %0 = graph.rope %q, %table {heads = 4, head_dim = 16, interleaved, inverse} : (tensor<?x64xf32>, tensor<?x16xf32>) -> tensor<?x64xf32>
  // CHECK: graph.attention
  %o, %lse = graph.attention %0, %k, %k {heads = 4, kv_heads = 2, head_dim = 16, scale = 0.25 : f32} : (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> (tensor<?x64xf32>, tensor<?x4xf32>)
  // CHECK: graph.attention_backward
  %dq, %dk, %dv = graph.attention_backward %0, %k, %k, %o, %lse, %o {heads = 4, kv_heads = 2, head_dim = 16, scale = 0.25 : f32} : (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
  return
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<?x64xf32>) {
  // CHECK: graph.activation {{.*}} {kind = #graph<kind gelu_tanh>}
  %0 = graph.activation %x {kind = #graph<kind gelu_tanh>} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.activation_backward
  %1 = graph.activation_backward %x, %x {kind = #graph<kind relu>} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.glu
  %2 = graph.glu %x, %x {kind = #graph<kind silu>} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.glu_backward
  %3:2 = graph.glu_backward %x, %x, %x {kind = #graph<kind silu>} : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  // CHECK: graph.add
  %4 = graph.add %x, %0 : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.mul
  %5 = graph.mul %x, %0 : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.scale
  %6 = graph.scale %x {factor = 2.0 : f32} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: graph.slice_columns
  %7 = graph.slice_columns %x {offset = 16} : (tensor<?x64xf32>) -> tensor<?x32xf32>
  // CHECK: graph.pad_columns
  %8 = graph.pad_columns %7 {offset = 16} : (tensor<?x32xf32>) -> tensor<?x64xf32>
  // CHECK: graph.concat_columns
  %9 = graph.concat_columns %x, %7 : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x96xf32>
  return
}
