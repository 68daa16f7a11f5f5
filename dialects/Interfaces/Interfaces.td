// The interfaces through which passes see operations. Differentiation, analysis,
// recomputation and the offsets name no operation of a model: they ask these
// interfaces and upstream's effects and traits. The toy dialect of test/Dialect
// implements each interface a second time to prove it. What passes do name are
// the operations that are a stage's structure:
//   train-apply-lora         graph.linear, because an adapter is defined on a
//                            linear layer; it creates the adapter's operations
//   train-attach-loss        graph.linear of the logits, which the loss that it
//                            creates fuses; train.dropout, which evaluation
//                            leaves out
//   train-build-backward     creates graph.add, the sum of a value's gradients
//   train-fuse-accumulation  removes graph.add into AccumulatingOpInterface
//   train-append-optimizer   creates the optimizer's operations, which have no
//                            operands and no other place to come from
//   after slots are given    plan.slot, plan.run, plan.poison: the plan's form
// Stage verifiers name the declarations and forms that a stage promises, and
// passes/Lower/Kernels attaches each kernel to its operation.
#ifndef NEAP_INTERFACES_TD
#define NEAP_INTERFACES_TD

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::neap";
  let description = [{
    Reverse-mode rule of an operation. Called only on active ops: ops on a path
    from a trainable handle to the loss. Safe direction: an operand may be
    reported differentiable too often (its gradient is then dead code); an
    active op without this interface is an error, never a silent zero.
  }];
  let methods = [
    InterfaceMethod<[{
      True if a gradient can flow into operand `index`. Frozen weights, token
      ids and labels answer false; trainable handles answer true.
    }], "bool", "isOperandDifferentiable", (ins "unsigned":$index)>,
    InterfaceMethod<[{
      True for the op whose value is minimised; the backward pass starts here.
    }], "bool", "isLoss", (ins), "", "return false;">,
    InterfaceMethod<[{
      Appends the adjoint at the builder's insertion point.
      `resultGradients[i]` is the gradient of result i, or a null value where it
      is zero. `needed[j]` says whether operand j wants a gradient.
      Sets `operandGradients[j]` (same size as the operands, initially null) for
      needed tensor operands; a null entry left there means zero. A trainable
      handle's gradient is accumulated into its buffer by the ops built here and
      its entry stays null. Fails with a diagnostic on the op if this form of
      the op has no adjoint.
    }], "::mlir::LogicalResult", "buildAdjoint",
      (ins "::mlir::OpBuilder &":$builder,
           "::mlir::ValueRange":$resultGradients,
           "::llvm::ArrayRef<bool>":$needed,
           "::llvm::MutableArrayRef<::mlir::Value>":$operandGradients)>
  ];
}

def TrainableHandleOpInterface : OpInterface<"TrainableHandleOpInterface"> {
  let cppNamespace = "::neap";
  let description = [{
    An op that yields a handle to trainable storage. Activity analysis starts
    from these results. An op that does not implement it is not trainable.
  }];
  let methods = [
    InterfaceMethod<"The symbol of the parameter behind the handle.",
      "::mlir::FlatSymbolRefAttr", "getParameterSymbol", (ins)>
  ];
}

def RecomputeCostOpInterface : OpInterface<"RecomputeCostOpInterface"> {
  let cppNamespace = "::neap";
  let description = [{
    Quantities of one execution, for `tokens` tokens; the cost model combines
    them with the device. An op without this interface is never recomputed.
  }];
  let methods = [
    InterfaceMethod<"Floating point operations.", "double", "getFlops",
      (ins "int64_t":$tokens)>,
    InterfaceMethod<[{
      Bytes read and written, weights included. The default sums operand and
      result types.
    }], "double", "getBytesTouched", (ins "int64_t":$tokens), "",
      "return ::neap::detail::defaultBytesTouched($_op, tokens);">,
    InterfaceMethod<[{
      Bytes read from flash while other operations run; the first operation that
      takes a result waits for them.
    }], "int64_t", "getBytesFetched", (ins), "", "return 0;">,
    InterfaceMethod<[{
      True if running the op again gives the same bits: pure and deterministic.
    }], "bool", "isRecomputable", (ins), "",
      "return ::mlir::isMemoryEffectFree($_op);">
  ];
}

def BufferUseOpInterface : OpInterface<"BufferUseOpInterface"> {
  let cppNamespace = "::neap";
  let description = [{
    How an op's tensor results relate to its operands' buffers. Without it every
    result is a new buffer. Safe direction: a view may be reported where a copy
    is made (lifetimes get longer); in place is a permission that the planner
    may refuse.
  }];
  let methods = [
    InterfaceMethod<[{
      The operand whose buffer result `index` may overwrite when that operand
      dies here, or nothing. The kernel must then be correct with both in the
      same bytes.
    }], "std::optional<unsigned>", "getInPlaceOperand", (ins "unsigned":$index),
      "", "return std::nullopt;">,
    InterfaceMethod<[{
      The operand that result `index` is a view of (same bytes, same offset), or
      nothing. A view extends its operand's lifetime and takes no bytes.
    }], "std::optional<unsigned>", "getViewOperand", (ins "unsigned":$index),
      "", "return std::nullopt;">,
    InterfaceMethod<[{
      Offset and size of result `index` in the arena are multiples of this; a
      multiple of plan::kSlotAlignment, or 0 for just that.
    }], "int64_t", "getResultAlignment", (ins "unsigned":$index), "",
      "return 0;">
  ];
}

def KernelOpInterface : OpInterface<"KernelOpInterface"> {
  let cppNamespace = "::neap";
  let description = [{
    How an op becomes code. Attached as an external model by passes/Lower, so
    that dialects know nothing of code generation. An op without it cannot be
    lowered: a diagnostic, never a guess.
  }];
  let methods = [
    InterfaceMethod<[{
      Scratch taken from the arena while the op runs. A function of types,
      attributes and the target only.
    }], "::neap::KernelScratch", "getScratch",
      (ins "const ::neap::KernelTarget &":$target), "",
      "return ::neap::KernelScratch();">,
    InterfaceMethod<[{
      Names of integer attributes, 0 to 2^32 - 1, that are passed to the kernel
      with each call: ops that differ in nothing else share its code.
    }], "::llvm::SmallVector<::llvm::StringRef>", "getRunTimeAttributes", (ins),
      "", "return {};">,
    InterfaceMethod<[{
      Emits the body of the kernel through the emitter (passes/Lower). Called
      once per distinct (op, attributes but for those of run time, types); every
      use shares the code.
    }], "::mlir::LogicalResult", "emitKernel",
      (ins "::neap::KernelEmitter &":$emitter)>
  ];
}

def AccumulatingOpInterface : OpInterface<"AccumulatingOpInterface"> {
  let cppNamespace = "::neap";
  let description = [{
    An op that can add its result to an optional initial value, so that a
    separate addition and its buffer disappear. The sum is `init + term` in that
    order. Only called when no initial value is set yet.
  }];
  let methods = [
    InterfaceMethod<"The initial value, or null.", "::mlir::Value",
      "getAccumulator", (ins)>,
    InterfaceMethod<"Sets the initial value; its type is the result's.", "void",
      "setAccumulator", (ins "::mlir::Value":$init)>
  ];
}

def HandleOpInterface : OpInterface<"HandleOpInterface"> {
  let cppNamespace = "::neap";
  let description = [{
    An op whose single result names storage outside the planned slots: a frozen
    weight, or an adapter value or gradient. Handles take no slot and are passed
    to kernels as addresses.
  }];
  let methods = [
    InterfaceMethod<"The module-level symbol that declares the storage.",
      "::mlir::FlatSymbolRefAttr", "getStorageSymbol", (ins)>,
    InterfaceMethod<[{
      Where the storage lives: the weights file, or the value or gradient area
      of the adapters.
    }], "::neap::HandleSpace", "getHandleSpace", (ins)>
  ];
}

#endif
