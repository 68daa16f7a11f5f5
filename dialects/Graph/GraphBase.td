// What the operations of the graph dialect are made of: the dialect, its types
// and the classes of its operations. The train dialect shares them.
#ifndef NEAP_GRAPH_BASE_TD
#define NEAP_GRAPH_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "dialects/Interfaces/Interfaces.td"
include "dialects/Interfaces/TypeInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::neap::graph";
  let summary = "Pure tensor operations of language models and their adjoints.";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def Graph_WeightType : TypeDef<Graph_Dialect, "Weight",
    [DeclareTypeInterfaceMethods<HandleTypeInterface, ["getStorageBytes"]>]> {
  let mnemonic = "weight";
  let summary = "handle to a frozen weight in the weights file";
  let description = [{
    A frozen array named by file, offset and format, never a tensor: nothing
    folds or copies it. A linear layer's weight has shape N x K (output
    features first) whatever the model file's layout; packing transposes.
    Example: `!graph.weight<2048x896xf16>`.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Activation : 2DTensorOf<[F32]>;
def TokenVector : 1DTensorOf<[I32]>;
defvar PositiveAttr = ConfinedAttr<I64Attr, [IntPositive]>;

class Graph_Op<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic, traits>;

// Pure, with a cost, a buffer rule and (unless it is itself an adjoint) an
// adjoint of its own.
class Graph_PureOp<string mnemonic, list<Trait> traits = []>
    : Graph_Op<mnemonic, !listconcat([Pure,
        DeclareOpInterfaceMethods<RecomputeCostOpInterface>,
        BufferUseOpInterface], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}
defvar Diff = DeclareOpInterfaceMethods<DifferentiableOpInterface>;
defvar Accumulates = DeclareOpInterfaceMethods<AccumulatingOpInterface>;
defvar InPlace = DeclareOpInterfaceMethods<BufferUseOpInterface, ["getInPlaceOperand"]>;

#endif
