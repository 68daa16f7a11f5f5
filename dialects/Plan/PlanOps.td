// The plan dialect: devices, slots and destination-style execution.
// Rationale: docs/rationale-plan.md.
#ifndef NEAP_PLAN_OPS_TD
#define NEAP_PLAN_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "dialects/Interfaces/Interfaces.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::neap::plan";
  let summary = "Where every byte of a program lives, and when.";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Plan_DeviceAttr : AttrDef<Plan_Dialect, "Device"> {
  let mnemonic = "device";
  let summary = "what planning and code generation need of a device profile";
  let description = [{
    Module attribute `plan.device`. Tile sizes are KernelTarget's; rates are for
    one step's cost model.
  }];
  let parameters = (ins StringRefParameter<"target triple">:$triple,
    StringRefParameter<"comma separated ISA features, each with + or -">:$features,
    "int64_t":$vector_floats, "int64_t":$tile_rows, "int64_t":$tile_vectors,
    "int64_t":$contraction_block, "int64_t":$panel_group, "int64_t":$max_threads,
    "int64_t":$mflops, "int64_t":$memory_mbps);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Plan_SlotType : TypeDef<Plan_Dialect, "Slot"> {
  let mnemonic = "slot";
  let summary = "a byte range of the arena that holds one tensor or stored array";
  let description = [{
    `contentType` is a ranked tensor, or the type of a handle whose array has been
    fetched into the arena.
  }];
  let parameters = (ins "::mlir::Type":$contentType);
  let assemblyFormat = "`<` $contentType `>`";
  let genVerifyDecl = 1;
}

class Plan_Op<string mnemonic, list<Trait> traits = []>
    : Op<Plan_Dialect, mnemonic, traits>;

def Plan_FetchOp : Plan_Op<"fetch", [Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<RecomputeCostOpInterface, ["getFlops", "getBytesTouched",
      "getBytesFetched"]>,
    DeclareOpInterfaceMethods<BufferUseOpInterface, ["getResultAlignment"]>]> {
  let summary = "read a stored array into the arena";
  let description = [{
    stored = the array that `handle` names. The read begins where the operation
    stands and goes on while others run; the first operation that takes the result
    waits for it. So the result's buffer lives from here to its last use, and
    moving the operation up hides the read behind arithmetic.
    Shapes: any.

    (C1) the type is a handle's.

    Gradient: none, the array is frozen.

    ```mlir
    %f = plan.fetch %w : !graph.weight<64x64xf32>
    ```
  }];
  let arguments = (ins AnyType:$handle);
  let results = (outs AnyType:$stored);
  let assemblyFormat = "$handle attr-dict `:` type($handle)";
  let hasVerifier = 1;
}

def Plan_SlotOp : Plan_Op<"slot", [Pure]> {
  let summary = "a range of the arena";
  let description = [{
    slot = arena[`offset`, `offset` + `bytes`). Two slots may share bytes only
    while at most one of them is live (verify-planned).
    Shapes: the tensor of the slot's type, T at most the module's maximum token
    count.

    (C1) offset is a multiple of 64; (C2) bytes hold the tensor at the module's
    maximum token count.

    Gradient: none, planning follows differentiation.

    ```mlir
    %x = plan.slot {offset = 4096 : i64, bytes = 2048 : i64} : !plan.slot<tensor<?x8xf32>>
    ```
  }];
  let arguments = (ins I64Attr:$offset, I64Attr:$bytes);
  let results = (outs Plan_SlotType:$slot);
  let assemblyFormat = "attr-dict `:` type($slot)";
  let hasVerifier = 1;
}

def Plan_RunOp : Plan_Op<"run", [AttrSizedOperandSegments, IsolatedFromAbove,
                                 SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "run one operation from slots to slots";
  let description = [{
    outs = op(ins): the region holds exactly one operation in tensor form and the
    terminator. Block argument i stands for input i: the tensor in a slot, or a
    handle. Result j of the operation is written to output j; an output that shares
    its slot with an input is computed in place. `scratch` is a byte range that the
    kernel may use while it runs. Planning never changes the operation itself.
    Shapes: those of the operation.

    (C1) one operation; (C2) inputs match block arguments; (C3) outputs match
    the yielded values.

    Gradient: none, planning follows differentiation.

    ```mlir
    plan.run ins(%x, %w : !plan.slot<tensor<?x64xf32>>, !graph.weight<64x64xf32>)
             outs(%y : !plan.slot<tensor<?x64xf32>>) {
    ^bb0(%a: tensor<?x64xf32>, %b: !graph.weight<64x64xf32>):
      %0 = graph.linear %a, %b : (tensor<?x64xf32>, !graph.weight<64x64xf32>) -> tensor<?x64xf32>
      plan.yield %0 : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, Variadic<Plan_SlotType>:$outputs,
                       Optional<Plan_SlotType>:$scratch);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    (`outs` `(` $outputs^ `:` type($outputs) `)`)?
    (`scratch` `(` $scratch^ `:` type($scratch) `)`)? $body attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The one operation that runs.
    ::mlir::Operation *getOperationToRun() { return &getBody().front().front(); }
  }];
}

def Plan_YieldOp : Plan_Op<"yield", [Pure, Terminator, HasParent<"RunOp">]> {
  let summary = "what the operation of plan.run computes";
  let description = [{
    outs[j] = values[j] of the plan.run around it.
    Shapes: those of the operation's results.

    (C1) the parent is a plan.run (trait); the parent checks number and types.

    Gradient: none, planning follows differentiation.

    ```mlir
    plan.run ins(%x : !plan.slot<tensor<?x8xf32>>) outs(%y : !plan.slot<tensor<?x8xf32>>) {
    ^bb0(%a: tensor<?x8xf32>):
      %0 = graph.scale %a {factor = 2.0 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
      plan.yield %0 : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

def Plan_PoisonOp : Plan_Op<"poison"> {
  let summary = "fill dead bytes with NaN";
  let description = [{
    slot[i] = quiet NaN, every byte of it. Test aid: the plan calls the slot dead
    from here on, so nothing changes in a correct plan.
    Shapes: any.

    (C1) the operand is a slot (type); that it is dead is for verify-planned.

    Gradient: none, planning follows differentiation.

    ```mlir
    plan.poison %x : !plan.slot<tensor<2048xi8>>
    ```
  }];
  let arguments = (ins Plan_SlotType:$slot);
  let assemblyFormat = "$slot attr-dict `:` type($slot)";
}

#endif
