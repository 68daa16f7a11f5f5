#include "passes/Build/Passes.h"

#include "dialects/Graph/ModulePath.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

#include <cmath>

using namespace mlir;
using namespace neap;

namespace neap {
#define GEN_PASS_DEF_APPLYLORAPASS
#include "passes/Build/Passes.h.inc"
} // namespace neap

namespace {

/// Declares one factor and returns its handle at the builder's position.
Value createFactor(OpBuilder &builder, OpBuilder &declarations, Location loc,
                   StringRef key, ArrayRef<int64_t> shape, bool transposed,
                   train::InitKind init, double initScale) {
  auto type = train::AdapterType::get(builder.getContext(), shape,
                                      builder.getF32Type());
  train::ParameterOp::create(declarations, loc, key, type, transposed, init,
                             APFloat(float(initScale)));
  return train::ValueOp::create(
      builder, loc, type, FlatSymbolRefAttr::get(builder.getContext(), key));
}

/// y = linear(x) becomes lora_up(lora_down(dropout(x)), base = linear(x)).
void adapt(graph::LinearOp linear, const LoraTarget &target,
           OpBuilder &declarations, int64_t stream) {
  OpBuilder builder(linear->getContext());
  builder.setInsertionPointAfter(linear);
  Location loc = linear.getLoc();
  int64_t inputs = graph::getColumns(linear.getX());
  int64_t outputs = graph::getColumns(linear.getY());
  double bound =
      target.initScaleA < 0 ? 1 / std::sqrt(double(inputs)) : target.initScaleA;

  std::string prefix = "base_model.model." + target.modulePath;
  Value a = createFactor(builder, declarations, loc, prefix + ".lora_A.weight",
                         {target.rank, inputs}, /*transposed=*/false,
                         target.initA, bound);
  Value b = createFactor(builder, declarations, loc, prefix + ".lora_B.weight",
                         {target.rank, outputs}, /*transposed=*/true,
                         target.initB, target.initScaleB);
  Value x = linear.getX();
  if (target.dropout > 0)
    x = train::DropoutOp::create(builder, loc, x,
                                 builder.getF32FloatAttr(float(target.dropout)),
                                 builder.getI64IntegerAttr(stream));
  auto hType = graph::getActivationType(builder.getContext(), target.rank);
  Value h = train::LoraDownOp::create(builder, loc, hType, x, a, APFloat(1.0f));
  auto up =
      train::LoraUpOp::create(builder, loc, linear.getY().getType(), h, b,
                              linear.getY(), APFloat(float(target.scaling)));
  linear.getY().replaceAllUsesExcept(up.getY(), up);
}

} // namespace

LogicalResult neap::applyLora(ModuleOp module, ArrayRef<LoraTarget> targets) {
  auto forward = module.lookupSymbol<func::FuncOp>(kForwardName);
  if (!forward)
    return module.emitError() << "expected a function '" << kForwardName << "'";
  llvm::StringMap<const LoraTarget *> byPath;
  for (const LoraTarget &target : targets)
    byPath[target.modulePath] = &target;

  OpBuilder declarations(module.getContext());
  declarations.setInsertionPoint(forward);
  SmallVector<graph::LinearOp> layers(forward.getOps<graph::LinearOp>());
  llvm::StringMap<graph::LinearOp> adapted;
  for (graph::LinearOp linear : layers) {
    StringRef path = getModulePath(linear);
    auto found = byPath.find(path);
    if (path.empty() || found == byPath.end())
      continue;
    auto [first, isNew] = adapted.try_emplace(path, linear);
    if (!isNew) {
      InFlightDiagnostic error = linear.emitOpError();
      error << "expected one layer of module '" << path
            << "', but found another";
      error.attachNote(first->second.getLoc()) << "the first layer is here";
      return error;
    }
    adapt(linear, *found->second, declarations, int64_t(adapted.size()) - 1);
  }
  for (const LoraTarget &target : targets)
    if (!adapted.count(target.modulePath))
      return forward.emitError()
             << "no linear layer of module '" << target.modulePath << "'";
  return success();
}

namespace {

/// path:rank:scaling[:dropout]
FailureOr<LoraTarget> parseTarget(StringRef text) {
  SmallVector<StringRef> parts;
  text.split(parts, ':');
  LoraTarget target;
  if (parts.size() < 3 || parts.size() > 4 ||
      parts[1].getAsInteger(10, target.rank) || target.rank < 1 ||
      parts[2].getAsDouble(target.scaling) ||
      (parts.size() == 4 && parts[3].getAsDouble(target.dropout)))
    return failure();
  target.modulePath = parts[0].str();
  return target;
}

struct ApplyLora : neap::impl::ApplyLoraPassBase<ApplyLora> {
  using ApplyLoraPassBase::ApplyLoraPassBase;

  void runOnOperation() override {
    SmallVector<LoraTarget> parsed;
    for (const std::string &text : targets) {
      FailureOr<LoraTarget> target = parseTarget(text);
      if (failed(target)) {
        getOperation().emitError()
            << "expected path:rank:scaling[:dropout], but found '" << text
            << "'";
        return signalPassFailure();
      }
      parsed.push_back(*target);
    }
    numAdapted += parsed.size();
    if (failed(applyLora(getOperation(), parsed)))
      signalPassFailure();
  }
};

} // namespace
