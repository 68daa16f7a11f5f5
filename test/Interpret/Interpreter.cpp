#include "test/Interpret/Interpreter.h"

#include "dialects/Graph/ModulePath.h"
#include "test/Interpret/Rules.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <fstream>

using namespace mlir;
using namespace neap::graph;
using namespace neap::train;

namespace neap::test {

Results Interpreter::run(llvm::StringRef name, std::vector<Matrix> arguments) {
  Block &body = module.lookupSymbol<func::FuncOp>(name).getBody().front();
  llvm::DenseMap<Value, Matrix> values;
  for (auto [value, argument] : llvm::zip_equal(body.getArguments(), arguments))
    values[value] = std::move(argument);
  auto get = [&](Value value) -> const Matrix & {
    auto found = values.find(value);
    return found == values.end() ? getHandle(value.getDefiningOp())
                                 : found->second;
  };
  for (Operation &op : body.without_terminator()) {
    if (isa<HandleOpInterface>(op))
      continue;
    if (observe)
      observe(&op, get);
    Results results = evaluate(&op, get);
    for (auto [value, result] : llvm::zip_equal(op.getResults(), results))
      values[value] = std::move(result);
  }
  Results results;
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(get(value));
  return results;
}

Matrix Interpreter::run(llvm::StringRef name, const std::vector<int32_t> &ids) {
  return run(name, std::vector<Matrix>{toColumn(ids)}).front();
}

/// Adds the branch of an adapted layer to its output.
static void addBranch(Matrix &y, const Matrix &x, const LoraBranch &branch) {
  Matrix low = multiplyTransposed(x, branch.a);
  Matrix delta = multiplyTransposed(low, branch.b);
  for (size_t i = 0; i < y.data.size(); ++i)
    y.data[i] += branch.scaling * delta.data[i];
}

Results Interpreter::evaluate(Operation *operation, Operands get) {
  return llvm::TypeSwitch<Operation *, Results>(operation)
      .Case([&](LinearOp op) {
        Results results = compute(op, get);
        auto branch = adapters.find(getModulePath(op).str());
        if (branch != adapters.end())
          addBranch(results.front(), get(op.getX()), branch->second);
        return results;
      })
      .Case<EmbeddingOp, PositionEmbeddingOp, RopeTableOp, RmsNormOp,
            LayerNormOp, RopeOp, AttentionOp, ActivationOp, GluOp, AddOp, MulOp,
            ScaleOp, SliceColumnsOp, PadColumnsOp, ConcatColumnsOp,
            LinearBackwardOp, RmsNormBackwardOp, LayerNormBackwardOp,
            AttentionBackwardOp, ActivationBackwardOp, GluBackwardOp,
            LoraDownOp, LoraUpOp>([&](auto op) { return compute(op, get); })
      .Case<DropoutOp, AccumulateOuterOp, LinearCrossEntropyOp>(
          [&](auto op) { return compute(op, get, state); })
      .Default([](Operation *op) -> Results {
        llvm::report_fatal_error(
            llvm::formatv("the interpreter has no rule for {0}",
                          op->getName().getStringRef()));
      });
}

//===----------------------------------------------------------------------===//
// Handles
//===----------------------------------------------------------------------===//

const Matrix &Interpreter::getHandle(Operation *handle) {
  if (auto op = dyn_cast_or_null<WeightOp>(handle))
    return weight(op.getDecl());
  if (auto op = dyn_cast_or_null<ValueOp>(handle))
    return state.parameters.at(op.getParameter().str());
  llvm::report_fatal_error("expected a weight or a parameter's value");
}

static double widen(Type type, const char *bytes) {
  if (type.isF32()) {
    float value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  uint16_t half;
  std::memcpy(&half, bytes, sizeof half);
  auto &semantics =
      type.isF16() ? llvm::APFloat::IEEEhalf() : llvm::APFloat::BFloat();
  llvm::APFloat value(semantics, llvm::APInt(16, half));
  bool lost;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &lost);
  return value.convertToDouble();
}

/// The stored bytes of a weight.
static std::string readBytes(WeightDeclOp decl, const std::string &folder) {
  std::string bytes(cast<WeightType>(decl.getType()).getStorageBytes(), 0);
  if (decl.getFile()) {
    std::ifstream stream(folder + "/" + decl.getFile()->str(),
                         std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(decl.getOffset()));
    if (!stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
      llvm::report_fatal_error(
          llvm::formatv("cannot read weight {0}", decl.getSymName()));
  } else {
    auto data = cast<DenseElementsAttr>(*decl.getInlineData());
    llvm::ArrayRef<char> raw = data.getRawData();
    size_t step = data.isSplat() ? raw.size() : bytes.size();
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = raw[i % step];
  }
  return bytes;
}

const Matrix &Interpreter::weight(llvm::StringRef symbol) {
  auto found = weights.find(symbol.str());
  if (found != weights.end())
    return found->second;
  auto decl = module.lookupSymbol<WeightDeclOp>(symbol);
  auto type = cast<WeightType>(decl.getType());
  llvm::ArrayRef<int64_t> shape = type.getShape();
  Matrix array =
      shape.size() == 1 ? Matrix(1, shape[0]) : Matrix(shape[0], shape[1]);
  std::string bytes = readBytes(decl, folder);
  int64_t width = type.getElementType().getIntOrFloatBitWidth() / 8;
  for (int64_t r = 0; r < array.rows; ++r)
    for (int64_t c = 0; c < array.columns; ++c) {
      int64_t at =
          decl.getTransposed() ? c * array.rows + r : r * array.columns + c;
      array.at(r, c) = widen(type.getElementType(), bytes.data() + at * width);
    }
  return weights[symbol.str()] = std::move(array);
}

LossSum causalLoss(const Matrix &logits, const std::vector<int32_t> &labels) {
  LossSum loss;
  for (int64_t t = 0; t + 1 < logits.rows; ++t) {
    int32_t label = labels[t + 1];
    if (label == -100)
      continue;
    double largest = -INFINITY, total = 0;
    for (int64_t n = 0; n < logits.columns; ++n)
      largest = std::max(largest, logits.at(t, n));
    for (int64_t n = 0; n < logits.columns; ++n)
      total += std::exp(logits.at(t, n) - largest);
    loss.sum += largest + std::log(total) - logits.at(t, label);
    ++loss.count;
  }
  return loss;
}

} // namespace neap::test
