// RUN: neap-opt %s --verify-diagnostics --split-input-file --verify-ordered

module {
  // expected-error@+1 {{expected no results, but found 1}}
  func.func @f(%a: tensor<?xi32>) -> tensor<?xi32> {
    return %a : tensor<?xi32>
  }
}

// -----

module attributes {plan.max_tokens = 4 : i64} {
  func.func @f() {
    // expected-error@+1 {{is planned already}}
    %a = plan.slot {offset = 0 : i64, bytes = 64 : i64} : !plan.slot<tensor<16xi32>>
    return
  }
}

// -----

module {
  // expected-error@+1 {{expected one block, but found 2}}
  func.func @f() {
    return
  ^bb1:
    return
  }
}
