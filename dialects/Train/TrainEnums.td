// Enumerations of the train dialect, in a file of their own because TableGen
// emits every enumeration it sees.
#ifndef NEAP_TRAIN_ENUMS_TD
#define NEAP_TRAIN_ENUMS_TD

include "mlir/IR/EnumAttr.td"

def Train_InitKind : I32EnumAttr<"InitKind", "initial values of an adapter", [
    I32EnumAttrCase<"Zero", 0, "zero">, I32EnumAttrCase<"Uniform", 1, "uniform">,
    I32EnumAttrCase<"Normal", 2, "normal">]> {
  let cppNamespace = "::neap::train";
  let genSpecializedAttr = 0;
}

#endif
