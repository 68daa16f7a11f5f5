#include "dialects/Interfaces/Interfaces.h"

using namespace mlir;

#include "dialects/Interfaces/Interfaces.cpp.inc"
#include "dialects/Interfaces/TypeInterfaces.cpp.inc"

bool neap::isHandleType(Type type) {
  return isa<neap::HandleTypeInterface>(type);
}

bool neap::isHandle(Value value) {
  return isa_and_nonnull<HandleOpInterface>(value.getDefiningOp());
}

int64_t neap::getTypeBytes(Type type, int64_t tokens) {
  if (auto handle = dyn_cast<neap::HandleTypeInterface>(type))
    return handle.getStorageBytes();
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return 0;
  int64_t elements = 1;
  for (int64_t dim : tensor.getShape())
    elements *= ShapedType::isDynamic(dim) ? tokens : dim;
  return elements * ((tensor.getElementTypeBitWidth() + 7) / 8);
}

double neap::detail::defaultBytesTouched(Operation *op, int64_t tokens) {
  double bytes = 0;
  for (Type type : op->getOperandTypes())
    bytes += getTypeBytes(type, tokens);
  for (Type type : op->getResultTypes())
    bytes += getTypeBytes(type, tokens);
  return bytes;
}
