// RUN: neap-opt %s --split-input-file --verify-diagnostics | FileCheck %s

train.parameter @a : !train.adapter<4x8xf32> uniform {init_scale = 0.5 : f32}
train.parameter @b : !train.adapter<4x12xf32> zero {transposed}

// CHECK-LABEL: func.func @round_trip
func.func @round_trip(%x: tensor<?x8xf32>, %y: tensor<?x12xf32>, %labels: tensor<?xi32>, %w: !graph.weight<20x12xf16>, %bias: !graph.weight<20xf32>) {
  // CHECK: train.value @a
  %a = train.value @a : !train.adapter<4x8xf32>
  %b = train.value @b : !train.adapter<4x12xf32>
  // CHECK: train.gradient @a
  %da = train.gradient @a : !train.adapter<4x8xf32>
  // CHECK: train.dropout
  %d = train.dropout %x {probability = 0.25 : f32, stream = 3} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: train.lora_down
  %h = train.lora_down %d, %a : (tensor<?x8xf32>, !train.adapter<4x8xf32>) -> tensor<?x4xf32>
  // CHECK: train.lora_up
  %z = train.lora_up %h, %b, %y {scale = 2.0 : f32} : (tensor<?x4xf32>, !train.adapter<4x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  // CHECK: train.linear_cross_entropy
  %dx = train.linear_cross_entropy %z, %w, %labels, %bias : (tensor<?x12xf32>, !graph.weight<20x12xf16>, tensor<?xi32>, !graph.weight<20xf32>) -> tensor<?x12xf32>
  // CHECK: train.accumulate_outer
  train.accumulate_outer %h, %x, %da : tensor<?x4xf32>, tensor<?x8xf32>, !train.adapter<4x8xf32>
  // CHECK: train.grad_norm
  train.grad_norm
  // CHECK: train.adamw
  train.adamw {beta1 = 0.9 : f32, beta2 = 0.99 : f32, epsilon = 1.0e-8 : f32, weight_decay = 0.0 : f32}
  // CHECK: train.sgd
  train.sgd {momentum = 0.9 : f32, weight_decay = 0.0 : f32}
  return
}

// -----

// expected-error @+1 {{expected an adapter of rank 2, but found rank 1}}
func.func private @parameter_c1(!train.adapter<4xf32>)

// -----

// expected-error @+1 {{expected f32 elements, but found 'f16'}}
func.func private @parameter_element(!train.adapter<4x4xf16>)

// -----

func.func @value_c1() {
  // expected-error @+1 {{expected 'a' to name a train.parameter}}
  %a = train.value @a : !train.adapter<4x8xf32>
  return
}

// -----

train.parameter @a : !train.adapter<4x8xf32> zero
func.func @value_c2() {
  // expected-error @+1 {{expected type '!train.adapter<4x8xf32>' of 'a', but found '!train.adapter<8x4xf32>'}}
  %a = train.value @a : !train.adapter<8x4xf32>
  return
}

// -----

func.func @gradient_c1() {
  // expected-error @+1 {{expected 'a' to name a train.parameter}}
  %a = train.gradient @a : !train.adapter<4x8xf32>
  return
}

// -----

train.parameter @a : !train.adapter<4x8xf32> zero
func.func @gradient_c2() {
  // expected-error @+1 {{expected type '!train.adapter<4x8xf32>' of 'a', but found '!train.adapter<8x4xf32>'}}
  %a = train.gradient @a : !train.adapter<8x4xf32>
  return
}

// -----

func.func @lora_down_c1(%x: tensor<?x8xf32>, %a: !train.adapter<4x9xf32>) {
  // expected-error @+1 {{expected the adapter to be 4 x 8, but found 4 x 9}}
  %h = train.lora_down %x, %a : (tensor<?x8xf32>, !train.adapter<4x9xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @lora_up_c1(%h: tensor<?x4xf32>, %b: !train.adapter<4x9xf32>) {
  // expected-error @+1 {{expected the adapter to be 4 x 8, but found 4 x 9}}
  %z = train.lora_up %h, %b : (tensor<?x4xf32>, !train.adapter<4x9xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @lora_up_c2(%h: tensor<?x4xf32>, %b: !train.adapter<4x9xf32>, %y: tensor<?x8xf32>) {
  // expected-error @+1 {{expected 'base' to have type 'tensor<?x9xf32>', but found 'tensor<?x8xf32>'}}
  %z = train.lora_up %h, %b, %y : (tensor<?x4xf32>, !train.adapter<4x9xf32>, tensor<?x8xf32>) -> tensor<?x9xf32>
  return
}

// -----

func.func @dropout_c1(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{expected 'probability' in [0, 1), but found 1.0}}
  %d = train.dropout %x {probability = 1.0 : f32, stream = 0} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @accumulate_outer_c1(%h: tensor<?x4xf32>, %x: tensor<?x8xf32>, %g: !train.adapter<8x4xf32>) {
  // expected-error @+1 {{expected the adapter to be 4 x 8, but found 8 x 4}}
  train.accumulate_outer %h, %x, %g : tensor<?x4xf32>, tensor<?x8xf32>, !train.adapter<8x4xf32>
  return
}

// -----

func.func @linear_cross_entropy_c1(%x: tensor<?x8xf32>, %w: !graph.weight<20x9xf32>, %l: tensor<?xi32>) {
  // expected-error @+1 {{expected 'weight' to be V x 8}}
  train.linear_cross_entropy %x, %w, %l : (tensor<?x8xf32>, !graph.weight<20x9xf32>, tensor<?xi32>) -> ()
  return
}

// -----

func.func @linear_cross_entropy_c2(%x: tensor<?x8xf32>, %w: !graph.weight<20x8xf32>, %l: tensor<?xi32>, %b: !graph.weight<8xf32>) {
  // expected-error @+1 {{expected 'bias' to have shape [20]}}
  train.linear_cross_entropy %x, %w, %l, %b : (tensor<?x8xf32>, !graph.weight<20x8xf32>, tensor<?xi32>, !graph.weight<8xf32>) -> ()
  return
}

// -----

func.func @linear_cross_entropy_c3(%x: tensor<?x8xf32>, %w: !graph.weight<20x8xf32>, %l: tensor<?xi32>) {
  // expected-error @+1 {{expected 'd_x' to have type 'tensor<?x8xf32>', but found 'tensor<?x9xf32>'}}
  %d = train.linear_cross_entropy %x, %w, %l : (tensor<?x8xf32>, !graph.weight<20x8xf32>, tensor<?xi32>) -> tensor<?x9xf32>
  return
}

// -----

func.func @grad_norm_c1() {
  // expected-error @+1 {{attribute 'elements' failed to satisfy constraint}}
  train.grad_norm {elements = -2 : i64}
  return
}
