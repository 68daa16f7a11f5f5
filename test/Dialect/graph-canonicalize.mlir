// RUN: neap-opt %s --canonicalize | FileCheck %s

// The gradients of the slices of a packed projection become one concatenation,
// whatever the order of the sum.
// CHECK-LABEL: func.func @join
// CHECK-SAME: %[[Q:.*]]: tensor<?x4xf32>, %[[K:.*]]: tensor<?x2xf32>
func.func @join(%q: tensor<?x4xf32>, %k: tensor<?x2xf32>) -> tensor<?x6xf32> {
  %0 = graph.pad_columns %q {offset = 0} : (tensor<?x4xf32>) -> tensor<?x6xf32>
  %1 = graph.pad_columns %k {offset = 4} : (tensor<?x2xf32>) -> tensor<?x6xf32>
  // CHECK: %[[Y:.*]] = graph.concat_columns %[[Q]], %[[K]]
  %2 = graph.add %1, %0 : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  // CHECK: return %[[Y]]
  return %2 : tensor<?x6xf32>
}

// Overlapping columns stay a sum.
// CHECK-LABEL: func.func @overlap
func.func @overlap(%q: tensor<?x4xf32>) -> tensor<?x6xf32> {
  %0 = graph.pad_columns %q {offset = 0} : (tensor<?x4xf32>) -> tensor<?x6xf32>
  %1 = graph.pad_columns %q {offset = 2} : (tensor<?x4xf32>) -> tensor<?x6xf32>
  // CHECK: graph.add
  %2 = graph.add %0, %1 : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %2 : tensor<?x6xf32>
}
