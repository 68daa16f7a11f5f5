// RUN: neap-opt %s --split-input-file --verify-diagnostics --train-apply-lora='targets=a.up:4:2.0'
// RUN: not neap-opt %s --split-input-file --train-apply-lora='targets=a.up:4' 2>&1 | FileCheck %s --check-prefix=PARTS
// RUN: not neap-opt %s --split-input-file --train-apply-lora='targets=a.up:0:2.0' 2>&1 | FileCheck %s --check-prefix=RANK

// PARTS: error: expected path:rank:scaling[:dropout], but found 'a.up:4'
// RANK: error: expected path:rank:scaling[:dropout], but found 'a.up:0:2.0'

// expected-error @+1 {{expected a function 'forward'}}
module {
}

// -----

// expected-error @+1 {{no linear layer of module 'a.up'}}
func.func @forward(%x: tensor<?x8xf32>, %w: !graph.weight<8x8xf32>) -> tensor<?x8xf32> {
  %0 = graph.linear %x, %w : (tensor<?x8xf32>, !graph.weight<8x8xf32>) -> tensor<?x8xf32> loc("/a/down/MatMul"("a.down"))
  return %0 : tensor<?x8xf32>
}

// -----

func.func @forward(%x: tensor<?x8xf32>, %w: !graph.weight<8x8xf32>) -> tensor<?x8xf32> {
  // expected-note @unknown {{the first layer is here}}
  %0 = graph.linear %x, %w : (tensor<?x8xf32>, !graph.weight<8x8xf32>) -> tensor<?x8xf32> loc("/a/up/MatMul"("a.up"))
  // expected-error @unknown {{expected one layer of module 'a.up', but found another}}
  %1 = graph.linear %0, %w : (tensor<?x8xf32>, !graph.weight<8x8xf32>) -> tensor<?x8xf32> loc("/a/up/MatMul_1"("a.up"))
  return %1 : tensor<?x8xf32>
}
