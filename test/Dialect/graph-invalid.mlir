// RUN: neap-opt %s --split-input-file --verify-diagnostics
// One case for each constraint OP_cN of the graph dialect's operations.

// weight_decl_c1
// expected-error @+1 {{expected exactly one of 'file' and 'inline_data'}}
graph.weight_decl @w : !graph.weight<4xf32>

// -----

// weight_decl_c2
// expected-error @+1 {{expected 'bytes' to be 16, but found 12}}
graph.weight_decl @w : !graph.weight<4xf32> {file = "m", bytes = 12 : i64}

// -----

// weight_decl_c2, in the model's own bytes
// expected-error @+1 {{expected 'inline_data' to have the declared type}}
graph.weight_decl @w : !graph.weight<4xf32> {inline_data = dense<1.0> : tensor<3xf32>}

// -----

// weight_decl_c3
// expected-error @+1 {{expected a transposed weight to have rank 2}}
graph.weight_decl @w : !graph.weight<4xf32> {file = "m", bytes = 16 : i64, transposed}

// -----

// expected-error @+1 {{expected a weight of rank 1 or 2, but found rank 3}}
func.func private @rank(!graph.weight<2x2x2xf32>)

// -----

// expected-error @+1 {{expected f32, f16 or bf16 elements, but found 'i8'}}
func.func private @element(!graph.weight<2xi8>)

// -----

func.func @weight_c1() {
  // expected-error @+1 {{expected 'w' to name a graph.weight_decl}}
  %w = graph.weight @w : !graph.weight<4xf32>
  return
}

// -----

graph.weight_decl @w : !graph.weight<4xf32> {file = "m", bytes = 16 : i64}
func.func @weight_c2() {
  // expected-error @+1 {{expected type '!graph.weight<4xf32>' of 'w', but found '!graph.weight<5xf32>'}}
  %w = graph.weight @w : !graph.weight<5xf32>
  return
}

// -----

func.func @embedding_c1(%ids: tensor<?xi32>, %w: !graph.weight<16x8xf32>) {
  // expected-error @+1 {{expected 'y' to have 8 columns, but found 4}}
  %0 = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// Also embedding_c1.
func.func @embedding_rank(%ids: tensor<?xi32>, %w: !graph.weight<16xf32>) {
  // expected-error @+1 {{expected 'table' to have rank 2, but found rank 1}}
  %0 = graph.embedding %ids, %w : (tensor<?xi32>, !graph.weight<16xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @position_embedding_c1(%ids: tensor<?xi32>, %w: !graph.weight<16x8xf32>) {
  // expected-error @+1 {{expected 'y' to have 8 columns, but found 4}}
  %0 = graph.position_embedding %ids, %w : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @rope_table_c1(%ids: tensor<?xi32>) {
  // expected-error @+1 {{expected 'y' to have 2 columns, but found 4}}
  %0 = graph.rope_table %ids {frequencies = array<f32: 1.0>} : (tensor<?xi32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c1(%x: tensor<?x8xf32>, %w: !graph.weight<4x9xf32>) {
  // expected-error @+1 {{expected 'weight' to have shape [4, 8], but found [4, 9]}}
  %0 = graph.linear %x, %w : (tensor<?x8xf32>, !graph.weight<4x9xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c2(%x: tensor<?x8xf32>, %w: !graph.weight<4x8xf32>, %b: !graph.weight<5xf32>) {
  // expected-error @+1 {{expected 'bias' to have shape [4], but found [5]}}
  %0 = graph.linear %x, %w, %b : (tensor<?x8xf32>, !graph.weight<4x8xf32>, !graph.weight<5xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_backward_c1(%dy: tensor<?x4xf32>, %w: !graph.weight<8x4xf32>) {
  // expected-error @+1 {{expected 'weight' to have shape [4, 8], but found [8, 4]}}
  %0 = graph.linear_backward %dy, %w : (tensor<?x4xf32>, !graph.weight<8x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_backward_c2(%dy: tensor<?x4xf32>, %w: !graph.weight<4x8xf32>, %i: tensor<?x9xf32>) {
  // expected-error @+1 {{expected 'init' to have 8 columns, but found 9}}
  %0 = graph.linear_backward %dy, %w, %i : (tensor<?x4xf32>, !graph.weight<4x8xf32>, tensor<?x9xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<?x8xf32>, %w: !graph.weight<4xf32>) {
  // expected-error @+1 {{expected 'weight' to have shape [8], but found [4]}}
  %0 = graph.rms_norm %x, %w {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, !graph.weight<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @rms_norm_backward_c1(%x: tensor<?x8xf32>, %w: !graph.weight<4xf32>) {
  // expected-error @+1 {{expected 'weight' to have shape [8], but found [4]}}
  %0 = graph.rms_norm_backward %x, %x, %w {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<?x8xf32>, !graph.weight<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @rms_norm_backward_c2(%x: tensor<?x8xf32>, %w: !graph.weight<8xf32>, %i: tensor<?x4xf32>) {
  // expected-error @+1 {{expected 'init' to have 8 columns, but found 4}}
  %0 = graph.rms_norm_backward %x, %x, %w, %i {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<?x8xf32>, !graph.weight<8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @layer_norm_c1(%x: tensor<?x8xf32>, %w: !graph.weight<4xf32>) {
  // expected-error @+1 {{expected 'weight' to have shape [8], but found [4]}}
  %0 = graph.layer_norm %x, %w {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, !graph.weight<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @layer_norm_c2(%x: tensor<?x8xf32>, %w: !graph.weight<8xf32>, %b: !graph.weight<4xf32>) {
  // expected-error @+1 {{expected 'bias' to have shape [8], but found [4]}}
  %0 = graph.layer_norm %x, %w, %b {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, !graph.weight<8xf32>, !graph.weight<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @layer_norm_backward_c1(%x: tensor<?x8xf32>, %w: !graph.weight<4xf32>) {
  // expected-error @+1 {{expected 'weight' to have shape [8], but found [4]}}
  %0 = graph.layer_norm_backward %x, %x, %w {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<?x8xf32>, !graph.weight<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @layer_norm_backward_c2(%x: tensor<?x8xf32>, %w: !graph.weight<8xf32>, %i: tensor<?x4xf32>) {
  // expected-error @+1 {{expected 'init' to have 8 columns, but found 4}}
  %0 = graph.layer_norm_backward %x, %x, %w, %i {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<?x8xf32>, !graph.weight<8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @rope_c1(%x: tensor<?x8xf32>, %t: tensor<?x4xf32>) {
  // expected-error @+1 {{expected 'x' to have 12 columns, but found 8}}
  %0 = graph.rope %x, %t {heads = 3, head_dim = 4} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @rope_c2(%x: tensor<?x8xf32>, %t: tensor<?x6xf32>) {
  // expected-error @+1 {{expected 'table' to have an even number of at most 4 columns, but found 6}}
  %0 = graph.rope %x, %t {heads = 2, head_dim = 4} : (tensor<?x8xf32>, tensor<?x6xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @attention_c1(%q: tensor<?x8xf32>, %k: tensor<?x6xf32>) {
  // expected-error @+1 {{expected 'k' to have 4 columns, but found 6}}
  %o, %l = graph.attention %q, %k, %k {heads = 2, kv_heads = 1, head_dim = 4, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x6xf32>, tensor<?x6xf32>) -> (tensor<?x8xf32>, tensor<?x2xf32>)
  return
}

// -----

func.func @attention_c2(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>) {
  // expected-error @+1 {{expected 'kv_heads' to divide 3, but found 2}}
  %o, %l = graph.attention %q, %k, %k {heads = 3, kv_heads = 2, head_dim = 4, scale = 0.5 : f32} : (tensor<?x12xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> (tensor<?x12xf32>, tensor<?x3xf32>)
  return
}

// -----

func.func @attention_c3(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>) {
  // expected-error @+1 {{expected 'lse' to have 2 columns, but found 8}}
  %o, %l = graph.attention %q, %k, %k {heads = 2, kv_heads = 1, head_dim = 4, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

func.func @attention_backward_c1(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %o: tensor<?x12xf32>, %lse: tensor<?x2xf32>, %do: tensor<?x12xf32>) {
  // expected-error @+1 {{expected 'o' to have 8 columns, but found 12}}
  %dq, %dk, %dv = graph.attention_backward %q, %k, %k, %o, %lse, %do {heads = 2, kv_heads = 1, head_dim = 4, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x12xf32>, tensor<?x2xf32>, tensor<?x12xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @attention_backward_c2(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>, %o: tensor<?x12xf32>, %lse: tensor<?x3xf32>, %do: tensor<?x12xf32>) {
  // expected-error @+1 {{expected 'kv_heads' to divide 3, but found 2}}
  %dq, %dk, %dv = graph.attention_backward %q, %k, %k, %o, %lse, %do {heads = 3, kv_heads = 2, head_dim = 4, scale = 0.5 : f32} : (tensor<?x12xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x12xf32>, tensor<?x3xf32>, tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

func.func @attention_backward_c3(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %o: tensor<?x8xf32>, %lse: tensor<?x4xf32>, %do: tensor<?x8xf32>) {
  // expected-error @+1 {{expected 'lse' to have 2 columns, but found 4}}
  %dq, %dk, %dv = graph.attention_backward %q, %k, %k, %o, %lse, %do {heads = 2, kv_heads = 1, head_dim = 4, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @attention_backward_c4(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %o: tensor<?x8xf32>, %lse: tensor<?x2xf32>, %do: tensor<?x8xf32>) {
  // expected-error @+1 {{expected gradients to have the types of 'q', 'k' and 'v'}}
  %dq, %dk, %dv = graph.attention_backward %q, %k, %k, %o, %lse, %do {heads = 2, kv_heads = 1, head_dim = 4, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

func.func @attention_backward_c5(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %o: tensor<?x8xf32>, %lse: tensor<?x2xf32>, %do: tensor<?x4xf32>) {
  // expected-error @+1 {{expected 'd_o' to have 8 columns, but found 4}}
  %dq, %dk, %dv = graph.attention_backward %q, %k, %k, %o, %lse, %do {heads = 2, kv_heads = 1, head_dim = 4, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x4xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @attention_c4(%q: tensor<?x8xf32>) {
  // expected-error @+1 {{attribute 'kv_heads' failed to satisfy constraint}}
  %o, %l = graph.attention %q, %q, %q {heads = 2, kv_heads = 0, head_dim = 4, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x2xf32>)
  return
}

// -----

func.func @slice_columns_c1(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{expected the slice to end within 8 columns, but found 10}}
  %0 = graph.slice_columns %x {offset = 6} : (tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @slice_columns_c2(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{attribute 'offset' failed to satisfy constraint}}
  %0 = graph.slice_columns %x {offset = -1} : (tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @pad_columns_c1(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{expected the columns to end within 10, but found 12}}
  %0 = graph.pad_columns %x {offset = 4} : (tensor<?x8xf32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @concat_columns_c1(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{expected 'y' to have 16 columns, but found 12}}
  %0 = graph.concat_columns %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x12xf32>
  return
}
