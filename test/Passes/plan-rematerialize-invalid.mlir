// RUN: neap-opt %s --verify-diagnostics --split-input-file --plan-rematerialize

// Planning needs sizes and rates.
// expected-error@+1 {{expected the attributes 'plan.max_tokens' and 'plan.device'}}
module {
}
