// RUN: neap-opt %s --split-input-file --verify-diagnostics --train-append-optimizer='optimizer=lion'

// expected-error @+1 {{expected optimizer 'adamw' or 'sgd', but found 'lion'}}
module {
}
