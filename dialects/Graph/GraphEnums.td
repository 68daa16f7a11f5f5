// Enumerations of the graph dialect, in a file of their own because TableGen
// emits every enumeration it sees.
#ifndef NEAP_GRAPH_ENUMS_TD
#define NEAP_GRAPH_ENUMS_TD

include "mlir/IR/EnumAttr.td"

def Graph_ActivationKind : I32EnumAttr<"ActivationKind", "elementwise nonlinearity", [
    I32EnumAttrCase<"Silu", 0, "silu">, I32EnumAttrCase<"Gelu", 1, "gelu">,
    I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">, I32EnumAttrCase<"Relu", 3, "relu">]> {
  let cppNamespace = "::neap::graph";
  let genSpecializedAttr = 0;
}

#endif
