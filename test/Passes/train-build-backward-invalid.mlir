// RUN: neap-toy-opt %s --split-input-file --verify-diagnostics --train-build-backward

train.parameter @a : !train.adapter<8x8xf32> zero
// An active operation without an adjoint is an error, never a zero gradient.
func.func @train_row(%x: tensor<?x8xf32>) {
  %a = train.value @a : !train.adapter<8x8xf32>
  %h = train.lora_down %x, %a : (tensor<?x8xf32>, !train.adapter<8x8xf32>) -> tensor<?x8xf32>
  // expected-error @+1 {{is between an adapter and the loss but has no adjoint}}
  %p = graph.pad_columns %h {offset = 0} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %d = toy.loss %p : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @train_row(%x: tensor<?x8xf32>) {
  // expected-note @+1 {{the first loss is here}}
  %d = toy.loss %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // expected-error @+1 {{is a second loss; expected one}}
  %e = toy.loss %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

train.parameter @a : !train.adapter<8x8xf32> zero
func.func @train_row(%x: tensor<?x8xf32>) {
  %a = train.value @a : !train.adapter<8x8xf32>
  %h = train.lora_down %x, %a : (tensor<?x8xf32>, !train.adapter<8x8xf32>) -> tensor<?x8xf32>
  // expected-error @+1 {{has no adjoint for a gradient of its logsumexp}}
  %o, %lse = graph.attention %h, %h, %h {heads = 2, kv_heads = 2, head_dim = 4, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x2xf32>)
  %d = toy.loss %lse : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return
}

// -----

train.parameter @a : !train.adapter<8x8xf32> zero
// A factor that depends on a trainable handle without being one.
func.func @train_row(%x: tensor<?x8xf32>) {
  %a = train.value @a : !train.adapter<8x8xf32>
  %b = builtin.unrealized_conversion_cast %a : !train.adapter<8x8xf32> to !train.adapter<8x8xf32>
  // expected-error @+1 {{expected its factor to come from a trainable handle}}
  %h = train.lora_down %x, %b : (tensor<?x8xf32>, !train.adapter<8x8xf32>) -> tensor<?x8xf32>
  %d = toy.loss %h : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}
