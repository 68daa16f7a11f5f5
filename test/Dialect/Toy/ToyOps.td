// A test dialect that implements every interface a second time, with freely
// chosen answers, to prove that passes are blind to a model's operations.
#ifndef NEAP_TOY_OPS_TD
#define NEAP_TOY_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Interfaces/Interfaces.td"
include "dialects/Interfaces/TypeInterfaces.td"

def Toy_Dialect : Dialect {
  let name = "toy";
  let cppNamespace = "::neap::toy";
  let summary = "Operations whose interfaces answer what their attributes say.";
  let useDefaultTypePrinterParser = 1;
}

def Toy_HandleType : TypeDef<Toy_Dialect, "Handle",
    [DeclareTypeInterfaceMethods<HandleTypeInterface, ["getStorageBytes"]>]> {
  let mnemonic = "handle";
  let summary = "a stored array of the given shape";
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType);
  let assemblyFormat = "`<` `[` $shape `]` `,` $elementType `>`";
}

class Toy_Op<string mnemonic, list<Trait> traits = []>
    : Op<Toy_Dialect, mnemonic, traits>;

def Toy_DeclareOp : Toy_Op<"declare", [Symbol]> {
  let summary = "declare a stored array";
  let arguments = (ins SymbolNameAttr:$sym_name);
  let assemblyFormat = "$sym_name attr-dict";
}

def Toy_HandleOp : Toy_Op<"handle", [Pure,
    DeclareOpInterfaceMethods<HandleOpInterface>]> {
  let summary = "handle in the space `weights`, `values` or `gradients`";
  let arguments = (ins StrAttr:$space, FlatSymbolRefAttr:$storage);
  let results = (outs Toy_HandleType:$handle);
  let assemblyFormat = "$space $storage attr-dict `:` type($handle)";
}

def Toy_TrainableOp : Toy_Op<"trainable", [Pure,
    DeclareOpInterfaceMethods<HandleOpInterface>,
    DeclareOpInterfaceMethods<TrainableHandleOpInterface>]> {
  let summary = "handle of a trained array's value";
  let arguments = (ins FlatSymbolRefAttr:$storage);
  let results = (outs Toy_HandleType:$handle);
  let assemblyFormat = "$storage attr-dict `:` type($handle)";
}

// Attributes shared by the computing operations, read by the interfaces.
defvar CostMethods = DeclareOpInterfaceMethods<RecomputeCostOpInterface,
                                               ["getBytesTouched", "isRecomputable"]>;
defvar KernelMethods = DeclareOpInterfaceMethods<KernelOpInterface, ["getScratch"]>;

class Toy_ComputeOp<string mnemonic, list<Trait> traits>
    : Toy_Op<mnemonic, !listconcat([Pure, CostMethods, KernelMethods,
        DeclareOpInterfaceMethods<DifferentiableOpInterface>,
        DeclareOpInterfaceMethods<BufferUseOpInterface,
                                  ["getInPlaceOperand", "getViewOperand"]>], traits)> {
  let description = [{
    `flops`: cost; no memory traffic. `scratch`: bytes. `in_place`, `view`: the
    operand that result 0 may overwrite or is a view of. `side`: operands
    without gradient. `once`: may not be recomputed.
  }];
  let arguments = (ins Variadic<AnyType>:$inputs,
    DefaultValuedAttr<I64Attr, "1000">:$flops,
    DefaultValuedAttr<I64Attr, "0">:$scratch,
    OptionalAttr<I64Attr>:$in_place, OptionalAttr<I64Attr>:$view,
    DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$side, UnitAttr:$once);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = "($inputs^)? attr-dict `:` functional-type($inputs, $outputs)";
}

def Toy_WorkOp : Toy_ComputeOp<"work", []> {
  let summary = "any pure computation; toy.adjoint is its adjoint";
}

def Toy_SumOp : Toy_ComputeOp<"sum", [Commutative]> {
  let summary = "a sum: operands may be exchanged, gradients pass through";
}

def Toy_AdjointOp : Toy_Op<"adjoint", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<AccumulatingOpInterface>]> {
  let summary = "gradient of one operand of toy.work, added to `init`";
  let description = [{
    output = init + the derivative by operand `of`, times the gradients of the
    results. `inputs` are these gradients and then toy.work's operands.
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, Optional<AnyRankedTensor>:$init,
                       I64Attr:$of);
  let results = (outs AnyRankedTensor:$output);
  let assemblyFormat = [{
    $inputs (`init` `(` $init^ `:` type($init) `)`)? attr-dict `:`
    functional-type($inputs, $output)
  }];
}

def Toy_AccumulateOp : Toy_Op<"accumulate", [MemoryEffects<[MemWrite]>]> {
  let summary = "changes state outside the slots";
  let arguments = (ins Variadic<AnyType>:$inputs);
  let assemblyFormat = "($inputs^ `:` type($inputs))? attr-dict";
}

def Toy_LossOp : Toy_Op<"loss", [MemoryEffects<[MemWrite]>, CostMethods, KernelMethods,
    DeclareOpInterfaceMethods<DifferentiableOpInterface, ["isLoss"]>]> {
  let summary = "where the backward part starts; its result is a gradient";
  let arguments = (ins Variadic<AnyType>:$inputs,
    DefaultValuedAttr<I64Attr, "1000">:$flops,
    DefaultValuedAttr<I64Attr, "0">:$scratch);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = "$inputs attr-dict `:` functional-type($inputs, $outputs)";
}

def Toy_OpaqueOp : Toy_Op<"opaque"> {
  let summary = "an operation that says nothing about itself";
  let arguments = (ins Variadic<AnyType>:$inputs);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region VariadicRegion<AnyRegion>:$bodies);
}

#endif
