#ifndef NEAP_TYPE_INTERFACES_TD
#define NEAP_TYPE_INTERFACES_TD

include "mlir/IR/OpBase.td"

def HandleTypeInterface : TypeInterface<"HandleTypeInterface"> {
  let cppNamespace = "::neap";
  let description = [{
    A type whose values name storage outside the planned slots: never folded,
    never copied, no buffer.
  }];
  let methods = [
    InterfaceMethod<"Shape of the stored array.", "::llvm::ArrayRef<int64_t>",
      "getShape", (ins)>,
    InterfaceMethod<"Type of a stored element.", "::mlir::Type",
      "getElementType", (ins)>,
    InterfaceMethod<"Bytes of the stored array.", "int64_t", "getStorageBytes",
      (ins)>
  ];
}

#endif
