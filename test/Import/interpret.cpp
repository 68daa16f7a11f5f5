#include "test/Import/interpret.h"

#include "dialects/Graph/ModulePath.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <fstream>

using namespace mlir;
using namespace neap::graph;

namespace neap::test {
namespace {

double widen(Type type, const char *bytes) {
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

double activate(ActivationKind kind, double x) {
  switch (kind) {
  case ActivationKind::Silu:
    return x / (1 + std::exp(-x));
  case ActivationKind::Gelu:
    return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
  case ActivationKind::GeluTanh:
    return x *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) /
           2;
  case ActivationKind::Relu:
    return std::max(x, 0.0);
  }
  llvm_unreachable("every kind is listed");
}

/// y = x W^T
Matrix multiplyTransposed(const Matrix &x, const Matrix &w) {
  Matrix y(x.rows, w.rows);
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t n = 0; n < w.rows; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < x.columns; ++k)
        sum += x.at(t, k) * w.at(n, k);
      y.at(t, n) = sum;
    }
  return y;
}

/// Applies `f(t, n)` to every element of a new matrix.
template <typename F> Matrix generate(int64_t rows, int64_t columns, F f) {
  Matrix y(rows, columns);
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t n = 0; n < columns; ++n)
      y.at(t, n) = f(t, n);
  return y;
}

Matrix normalise(const Matrix &x, bool centred, double epsilon,
                 const Matrix &weight, const Matrix *bias) {
  Matrix y(x.rows, x.columns);
  for (int64_t t = 0; t < x.rows; ++t) {
    double mean = 0, square = 0;
    for (int64_t n = 0; centred && n < x.columns; ++n)
      mean += x.at(t, n) / double(x.columns);
    for (int64_t n = 0; n < x.columns; ++n)
      square += std::pow(x.at(t, n) - mean, 2) / double(x.columns);
    double r = 1 / std::sqrt(square + epsilon);
    for (int64_t n = 0; n < x.columns; ++n)
      y.at(t, n) = (x.at(t, n) - mean) * r * weight.at(0, n) +
                   (bias ? bias->at(0, n) : 0);
  }
  return y;
}

Matrix rotate(RopeOp op, const Matrix &x, const Matrix &table) {
  Matrix y = x;
  int64_t frequencies = table.columns / 2, dim = op.getHeadDim();
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t h = 0; h < int64_t(op.getHeads()); ++h)
      for (int64_t f = 0; f < frequencies; ++f) {
        int64_t first = h * dim + (op.getInterleaved() ? 2 * f : f);
        int64_t second =
            h * dim + (op.getInterleaved() ? 2 * f + 1 : frequencies + f);
        double c = table.at(t, f), s = table.at(t, frequencies + f);
        s = op.getInverse() ? -s : s;
        double a = x.at(t, first), b = x.at(t, second);
        y.at(t, first) = a * c - b * s;
        y.at(t, second) = b * c + a * s;
      }
  return y;
}

std::vector<Matrix> attend(AttentionOp op, const Matrix &q, const Matrix &k,
                           const Matrix &v) {
  int64_t heads = op.getHeads(), dim = op.getHeadDim(),
          group = heads / op.getKvHeads();
  double scale = op.getScale().convertToFloat();
  Matrix o(q.rows, q.columns), lse(q.rows, heads);
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t t = 0; t < q.rows; ++t) {
      int64_t g = h / group;
      std::vector<double> scores(t + 1);
      double largest = -INFINITY, total = 0;
      for (int64_t s = 0; s <= t; ++s) {
        for (int64_t d = 0; d < dim; ++d)
          scores[s] += scale * q.at(t, h * dim + d) * k.at(s, g * dim + d);
        largest = std::max(largest, scores[s]);
      }
      for (double &score : scores)
        total += score = std::exp(score - largest);
      for (int64_t s = 0; s <= t; ++s)
        for (int64_t d = 0; d < dim; ++d)
          o.at(t, h * dim + d) += scores[s] / total * v.at(s, g * dim + d);
      lse.at(t, h) = largest + std::log(total);
    }
  return {o, lse};
}

Matrix concatenate(const std::vector<const Matrix *> &parts) {
  int64_t columns = 0;
  for (const Matrix *part : parts)
    columns += part->columns;
  Matrix y(parts.front()->rows, columns);
  for (int64_t t = 0; t < y.rows; ++t) {
    int64_t begin = 0;
    for (const Matrix *part : parts) {
      for (int64_t n = 0; n < part->columns; ++n)
        y.at(t, begin + n) = part->at(t, n);
      begin += part->columns;
    }
  }
  return y;
}

/// One run of a function: values by SSA value.
class Frame {
public:
  Frame(Interpreter &interpreter, const std::vector<int32_t> &ids)
      : interpreter(interpreter), ids(ids),
        tokens(static_cast<int64_t>(ids.size())) {}

  std::vector<Matrix> evaluate(Operation *op);
  std::map<void *, Matrix> values;

  const Matrix &get(Value value) {
    if (auto handle = value.getDefiningOp<WeightOp>())
      return interpreter.weight(handle.getDecl());
    return values.at(value.getAsOpaquePointer());
  }

private:
  Matrix linear(LinearOp op);
  Matrix ropeTable(RopeTableOp op);

  Interpreter &interpreter;
  const std::vector<int32_t> &ids;
  int64_t tokens;
};

Matrix Frame::linear(LinearOp op) {
  const Matrix &x = get(op.getX());
  Matrix y = multiplyTransposed(x, get(op.getWeight()));
  if (op.getBias())
    for (int64_t t = 0; t < y.rows; ++t)
      for (int64_t n = 0; n < y.columns; ++n)
        y.at(t, n) += get(op.getBias()).at(0, n);
  auto branch = interpreter.adapters.find(getModulePath(op).str());
  if (branch != interpreter.adapters.end()) {
    Matrix low = multiplyTransposed(x, branch->second.a);
    Matrix delta = multiplyTransposed(low, branch->second.b);
    for (size_t i = 0; i < y.data.size(); ++i)
      y.data[i] += branch->second.scaling * delta.data[i];
  }
  return y;
}

Matrix Frame::ropeTable(RopeTableOp op) {
  llvm::ArrayRef<float> frequencies = op.getFrequencies();
  auto count = static_cast<int64_t>(frequencies.size());
  double scale = op.getScale().convertToFloat();
  return generate(tokens, 2 * count, [&](int64_t t, int64_t n) {
    double angle =
        static_cast<float>(t) * frequencies[n % count]; // the f32 product
    return scale * (n < count ? std::cos(angle) : std::sin(angle));
  });
}

std::vector<Matrix> Frame::evaluate(Operation *operation) {
  return llvm::TypeSwitch<Operation *, std::vector<Matrix>>(operation)
      .Case<WeightOp>([](WeightOp) { return std::vector<Matrix>(1); })
      .Case<EmbeddingOp>([&](EmbeddingOp op) -> std::vector<Matrix> {
        const Matrix &table = get(op.getTable());
        return {generate(tokens, table.columns, [&](int64_t t, int64_t n) {
          return table.at(ids[t], n);
        })};
      })
      .Case<PositionEmbeddingOp>(
          [&](PositionEmbeddingOp op) -> std::vector<Matrix> {
            const Matrix &table = get(op.getTable());
            return {generate(tokens, table.columns, [&](int64_t t, int64_t n) {
              return table.at(t, n);
            })};
          })
      .Case<RopeTableOp>([&](RopeTableOp op) -> std::vector<Matrix> {
        return {ropeTable(op)};
      })
      .Case<LinearOp>(
          [&](LinearOp op) -> std::vector<Matrix> { return {linear(op)}; })
      .Case<RmsNormOp>([&](RmsNormOp op) -> std::vector<Matrix> {
        return {normalise(get(op.getX()), false,
                          op.getEpsilon().convertToFloat(), get(op.getWeight()),
                          nullptr)};
      })
      .Case<LayerNormOp>([&](LayerNormOp op) -> std::vector<Matrix> {
        return {normalise(get(op.getX()), true,
                          op.getEpsilon().convertToFloat(), get(op.getWeight()),
                          op.getBias() ? &get(op.getBias()) : nullptr)};
      })
      .Case<RopeOp>([&](RopeOp op) -> std::vector<Matrix> {
        return {rotate(op, get(op.getX()), get(op.getTable()))};
      })
      .Case<AttentionOp>([&](AttentionOp op) {
        return attend(op, get(op.getQ()), get(op.getK()), get(op.getV()));
      })
      .Case<ActivationOp>([&](ActivationOp op) -> std::vector<Matrix> {
        Matrix y = get(op.getX());
        for (double &value : y.data)
          value = activate(op.getKind(), value);
        return {y};
      })
      .Case<GluOp>([&](GluOp op) -> std::vector<Matrix> {
        const Matrix &gate = get(op.getGate()), &up = get(op.getUp());
        return {generate(tokens, gate.columns, [&](int64_t t, int64_t n) {
          return activate(op.getKind(), gate.at(t, n)) * up.at(t, n);
        })};
      })
      .Case<AddOp>([&](AddOp op) -> std::vector<Matrix> {
        const Matrix &a = get(op.getA()), &b = get(op.getB());
        return {generate(tokens, a.columns, [&](int64_t t, int64_t n) {
          return a.at(t, n) + b.at(t, n);
        })};
      })
      .Case<MulOp>([&](MulOp op) -> std::vector<Matrix> {
        const Matrix &a = get(op.getA()), &b = get(op.getB());
        return {generate(tokens, a.columns, [&](int64_t t, int64_t n) {
          return a.at(t, n) * b.at(t, n);
        })};
      })
      .Case<ScaleOp>([&](ScaleOp op) -> std::vector<Matrix> {
        const Matrix &x = get(op.getX());
        double factor = op.getFactor().convertToFloat();
        return {generate(tokens, x.columns, [&](int64_t t, int64_t n) {
          return factor * x.at(t, n);
        })};
      })
      .Case<SliceColumnsOp>([&](SliceColumnsOp op) -> std::vector<Matrix> {
        const Matrix &x = get(op.getX());
        return {
            generate(tokens, getColumns(op.getY()), [&](int64_t t, int64_t n) {
              return x.at(t, op.getOffset() + n);
            })};
      })
      .Case<ConcatColumnsOp>([&](ConcatColumnsOp op) -> std::vector<Matrix> {
        std::vector<const Matrix *> parts;
        for (Value x : op.getXs())
          parts.push_back(&get(x));
        return {concatenate(parts)};
      })
      .Default([](Operation *op) -> std::vector<Matrix> {
        llvm::report_fatal_error(
            llvm::formatv("the interpreter has no rule for {0}",
                          op->getName().getStringRef()));
      });
}

} // namespace

Matrix Interpreter::run(llvm::StringRef name, const std::vector<int32_t> &ids) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  Frame frame(*this, ids);
  for (Operation &op : function.getBody().front()) {
    if (auto done = dyn_cast<func::ReturnOp>(op))
      return frame.get(done.getOperand(0));
    std::vector<Matrix> results = frame.evaluate(&op);
    if (observe)
      observe(&op, results);
    for (auto [value, result] : llvm::zip(op.getResults(), results))
      frame.values[value.getAsOpaquePointer()] = std::move(result);
  }
  llvm_unreachable("a function ends in a return");
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
  std::string bytes(type.getStorageBytes(), 0);
  if (decl.getFile()) {
    std::ifstream stream(folder + "/" + decl.getFile()->str(),
                         std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(decl.getOffset()));
    if (!stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
      llvm::report_fatal_error(llvm::formatv("cannot read weight {0}", symbol));
  } else {
    auto data = cast<DenseElementsAttr>(*decl.getInlineData());
    llvm::ArrayRef<char> raw = data.getRawData();
    size_t step = data.isSplat() ? raw.size() : bytes.size();
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = raw[i % step];
  }
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
