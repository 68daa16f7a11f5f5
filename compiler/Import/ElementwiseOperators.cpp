// Operators that work element by element, with NumPy's broadcasting.
#include "compiler/Import/Operators.h"

#include <cmath>

namespace neap::onnx {
namespace {

template <double (*function)(double)> bool unary(Application &app) {
  const Array *x = app.input(0);
  if (!x || !x->isFloat())
    return app.fail("expected one input of a float type");
  Array *y = app.addResult(x->type, x->shape);
  if (!y || !app.wantElements)
    return y;
  for (size_t i = 0; i < x->floats.size(); ++i)
    y->floats[i] = roundTo(y->type, function(x->floats[i]));
  return true;
}

double negate(double x) { return -x; }
double reciprocal(double x) { return 1 / x; }
double relu(double x) { return x > 0 ? x : 0; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double gelu(double x) { return x * (1 + std::erf(x / std::sqrt(2.0))) / 2; }
double geluTanh(double x) {
  return x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) /
         2;
}
double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double squareRoot(double x) { return std::sqrt(x); }
double cosine(double x) { return std::cos(x); }
double sine(double x) { return std::sin(x); }
double tangent(double x) { return std::tanh(x); }
double errorFunction(double x) { return std::erf(x); }
double exponential(double x) { return std::exp(x); }
double logarithm(double x) { return std::log(x); }
double floorOf(double x) { return std::floor(x); }
double ceilOf(double x) { return std::ceil(x); }
double roundOf(double x) { return std::nearbyint(x); }

/// Neg, Abs, Sign: integers too.
template <double (*function)(double), int64_t (*integerFunction)(int64_t)>
bool unaryAny(Application &app) {
  const Array *x = app.input(0);
  if (x && x->isFloat())
    return unary<function>(app);
  if (!x)
    return app.fail("expected one input");
  Array *y = app.addResult(x->type, x->shape);
  if (!y || !app.wantElements)
    return y;
  for (size_t i = 0; i < x->ints.size(); ++i)
    y->ints[i] = integerFunction(x->ints[i]);
  return true;
}

double absolute(double x) { return std::fabs(x); }
// Overflow wraps, as in every runtime; computed without undefined behaviour.
int64_t negateInteger(int64_t x) {
  return static_cast<int64_t>(0 - uint64_t(x));
}
int64_t absoluteInteger(int64_t x) { return x < 0 ? negateInteger(x) : x; }
int64_t signInteger(int64_t x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
int64_t notInteger(int64_t x) { return !x; }

/// Visits every pair of elements of the broadcast of inputs 0 and 1.
template <typename Visit>
void forEachPair(const Array &a, const Array &b, const Array &y, Visit visit) {
  StridedIterator i(y.shape, broadcastStrides(a.shape, y.shape));
  StridedIterator j(y.shape, broadcastStrides(b.shape, y.shape));
  for (int64_t k = 0, end = y.size(); k < end; ++k, i.advance(), j.advance())
    visit(k, i.offset(), j.offset());
}

Array *addBroadcast(Application &app, bool toBool) {
  const Array *a = app.input(0), *b = app.input(1);
  if (!a || !b)
    return app.fail("expected two inputs"), nullptr;
  auto shape = broadcastShapes(a->shape, b->shape);
  if (!shape)
    return app.fail("shapes " + shapeText(a->shape) + " and " +
                    shapeText(b->shape) + " cannot be broadcast"),
           nullptr;
  if (a->isFloat() != b->isFloat() && app.node.opType != "Pow")
    return app.fail("inputs of types " + elementTypeName(a->type) + " and " +
                    elementTypeName(b->type)),
           nullptr;
  return app.addResult(toBool ? ElementType::Bool : a->type, *shape);
}

using FloatPair = double (*)(double, double);
using IntegerPair = int64_t (*)(int64_t, int64_t);

template <FloatPair function, IntegerPair integerFunction>
bool binary(Application &app) {
  Array *y = addBroadcast(app, false);
  if (!y || !app.wantElements)
    return y;
  const Array &a = *app.input(0), &b = *app.input(1);
  if (y->isFloat())
    forEachPair(a, b, *y, [&](int64_t k, int64_t i, int64_t j) {
      y->floats[k] = roundTo(y->type, function(a.floats[i], b.floats[j]));
    });
  else
    forEachPair(a, b, *y, [&](int64_t k, int64_t i, int64_t j) {
      y->ints[k] = integerFunction(a.ints[i], b.ints[j]);
    });
  return true;
}

/// Min and Max take any number of inputs.
template <FloatPair function, IntegerPair integerFunction>
bool fold(Application &app) {
  if (app.inputs.empty() || !app.input(0))
    return app.fail("expected at least one input");
  Array total = *app.input(0);
  for (size_t i = 1; i < app.inputs.size(); ++i) {
    Application step{app.node,
                     app.opset,
                     {&total, app.input(i)},
                     app.wantElements,
                     app.exact,
                     {},
                     {}};
    if (!binary<function, integerFunction>(step))
      return app.fail(step.error);
    total = std::move(step.results[0]);
  }
  app.results.push_back(std::move(total));
  return true;
}

double add(double a, double b) { return a + b; }
double subtract(double a, double b) { return a - b; }
double multiply(double a, double b) { return a * b; }
double divide(double a, double b) { return a / b; }
double minimum(double a, double b) { return b < a ? b : a; }
double maximum(double a, double b) { return b > a ? b : a; }
double modulo(double a, double b) { return std::fmod(a, b); }
int64_t addInteger(int64_t a, int64_t b) { return uint64_t(a) + uint64_t(b); }
int64_t subtractInteger(int64_t a, int64_t b) {
  return uint64_t(a) - uint64_t(b);
}
int64_t multiplyInteger(int64_t a, int64_t b) {
  return uint64_t(a) * uint64_t(b);
}
int64_t minimumInteger(int64_t a, int64_t b) { return b < a ? b : a; }
int64_t maximumInteger(int64_t a, int64_t b) { return b > a ? b : a; }
/// Truncates; a division by zero or of the least integer by -1 gives 0, since
/// the operator leaves it undefined.
int64_t divideInteger(int64_t a, int64_t b) {
  return b == 0 ? 0 : b == -1 ? negateInteger(a) : a / b;
}
/// The sign follows the divisor, as in Python.
int64_t moduloInteger(int64_t a, int64_t b) {
  if (b == 0 || b == -1)
    return 0;
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

bool raise(Application &app) {
  Array *y = addBroadcast(app, false);
  if (!y || !app.wantElements)
    return y;
  const Array &a = *app.input(0), &b = *app.input(1);
  forEachPair(a, b, *y, [&](int64_t k, int64_t i, int64_t j) {
    double value = std::pow(a.at(i), b.at(j));
    if (y->isFloat())
      y->floats[k] = roundTo(y->type, value);
    else
      y->ints[k] = std::fabs(value) < 9e18 ? static_cast<int64_t>(value) : 0;
  });
  return true;
}

using Comparison = bool (*)(int order);
bool isEqual(int order) { return order == 0; }
bool isLess(int order) { return order == -1; }
bool isLessOrEqual(int order) { return order == -1 || order == 0; }
bool isGreater(int order) { return order == 1; }
bool isGreaterOrEqual(int order) { return order == 1 || order == 0; }

/// -1, 0, 1, or 2 where a NaN makes every comparison false.
template <typename T> int compareValues(T a, T b) {
  return a < b ? -1 : a == b ? 0 : a > b ? 1 : 2;
}

template <Comparison holds> bool compare(Application &app) {
  Array *y = addBroadcast(app, true);
  if (!y || !app.wantElements)
    return y;
  const Array &a = *app.input(0), &b = *app.input(1);
  forEachPair(a, b, *y, [&](int64_t k, int64_t i, int64_t j) {
    y->ints[k] = holds(a.isFloat() ? compareValues(a.floats[i], b.floats[j])
                                   : compareValues(a.ints[i], b.ints[j]));
  });
  return true;
}

template <int64_t (*function)(int64_t, int64_t)>
bool logical(Application &app) {
  Array *y = addBroadcast(app, true);
  if (!y || !app.wantElements)
    return y;
  const Array &a = *app.input(0), &b = *app.input(1);
  forEachPair(a, b, *y, [&](int64_t k, int64_t i, int64_t j) {
    y->ints[k] = function(a.at(i) != 0, b.at(j) != 0);
  });
  return true;
}
int64_t both(int64_t a, int64_t b) { return a & b; }
int64_t either(int64_t a, int64_t b) { return a | b; }
int64_t exactlyOne(int64_t a, int64_t b) { return a ^ b; }

bool isNan(Application &app) {
  const Array *x = app.input(0);
  if (!x || !x->isFloat())
    return app.fail("expected one input of a float type");
  Array *y = app.addResult(ElementType::Bool, x->shape);
  if (!y || !app.wantElements)
    return y;
  for (size_t i = 0; i < x->floats.size(); ++i)
    y->ints[i] = std::isnan(x->floats[i]);
  return true;
}

bool where(Application &app) {
  const Array *condition = app.input(0), *a = app.input(1), *b = app.input(2);
  if (!condition || !a || !b || a->isFloat() != b->isFloat())
    return app.fail("expected a condition and two inputs of one type");
  auto shape = broadcastShapes(a->shape, b->shape);
  if (shape)
    shape = broadcastShapes(condition->shape, *shape);
  if (!shape)
    return app.fail("the inputs' shapes cannot be broadcast");
  Array *y = app.addResult(a->type, *shape);
  if (!y || !app.wantElements)
    return y;
  StridedIterator c(y->shape, broadcastStrides(condition->shape, y->shape));
  StridedIterator i(y->shape, broadcastStrides(a->shape, y->shape));
  StridedIterator j(y->shape, broadcastStrides(b->shape, y->shape));
  for (int64_t k = 0, end = y->size(); k < end;
       ++k, c.advance(), i.advance(), j.advance()) {
    bool first = condition->at(c.offset()) != 0;
    if (y->isFloat())
      y->floats[k] = first ? a->at(i.offset()) : b->at(j.offset());
    else
      y->ints[k] = first ? a->ints[i.offset()] : b->ints[j.offset()];
  }
  return true;
}

bool castTo(Application &app, ElementType type) {
  const Array *x = app.input(0);
  if (!x || elementBytes(type) == 0)
    return app.fail("a cast to " + elementTypeName(type) + " is not supported");
  if (app.exact && isFloatType(type))
    type = ElementType::Double;
  Array *y = app.addResult(type, x->shape);
  if (!y || !app.wantElements)
    return y;
  for (int64_t i = 0, end = x->size(); i < end; ++i) {
    if (y->isFloat())
      y->floats[i] = roundTo(type, x->at(i));
    else if (type == ElementType::Bool)
      y->ints[i] = x->at(i) != 0;
    else if (x->isFloat())
      y->ints[i] = std::fabs(x->floats[i]) < 9.2e18
                       ? static_cast<int64_t>(x->floats[i])
                       : 0;
    else
      y->ints[i] = x->ints[i];
  }
  return true;
}

bool cast(Application &app) {
  return castTo(app, static_cast<ElementType>(app.node.integer("to", 0)));
}

bool castLike(Application &app) {
  return app.input(1) ? castTo(app, app.input(1)->type)
                      : app.fail("expected two inputs");
}

bool geluOperator(Application &app) {
  const Attribute *form = app.node.find("approximate");
  return form && form->text == "tanh" ? unary<geluTanh>(app) : unary<gelu>(app);
}

/// FastGelu(x + bias) of ONNX Runtime.
bool fastGelu(Application &app) {
  if (!app.input(1))
    return unary<geluTanh>(app);
  if (!binary<add, addInteger>(app))
    return false;
  for (double &value : app.results[0].floats)
    value = roundTo(app.results[0].type, geluTanh(value));
  return true;
}

bool identity(Application &app) {
  if (!app.input(0))
    return app.fail("expected one input");
  app.results.push_back(*app.input(0));
  return true;
}

/// The identity outside training.
bool dropout(Application &app) {
  const Array *training = app.input(2);
  if (training &&
      !(training->known && training->size() == 1 && training->at(0) == 0))
    return app.fail("dropout in training mode is not supported");
  return identity(app);
}

} // namespace

const std::vector<NamedOperator> &elementwiseOperators() {
  static const std::vector<NamedOperator> table = {
      {"Abs", {unaryAny<absolute, absoluteInteger>}},
      {"Neg", {unaryAny<negate, negateInteger>}},
      {"Sign", {unaryAny<sign, signInteger>}},
      {"Not", {unaryAny<negate, notInteger>}},
      {"Reciprocal", {unary<reciprocal>}},
      {"Sqrt", {unary<squareRoot>}},
      {"Exp", {unary<exponential>}},
      {"Log", {unary<logarithm>}},
      {"Cos", {unary<cosine>}},
      {"Sin", {unary<sine>}},
      {"Tanh", {unary<tangent>}},
      {"Erf", {unary<errorFunction>}},
      {"Sigmoid", {unary<sigmoid>}},
      {"Relu", {unary<relu>}},
      {"Floor", {unary<floorOf>}},
      {"Ceil", {unary<ceilOf>}},
      {"Round", {unary<roundOf>}},
      {"Gelu", {geluOperator}},
      {"com.microsoft::FastGelu", {fastGelu}},
      {"com.microsoft::Gelu", {unary<gelu>}},
      {"IsNaN", {isNan}},
      {"Add", {binary<add, addInteger>}},
      {"Sub", {binary<subtract, subtractInteger>}},
      {"Mul", {binary<multiply, multiplyInteger>}},
      {"Div", {binary<divide, divideInteger>}},
      {"Mod", {binary<modulo, moduloInteger>}},
      {"Pow", {raise}},
      {"Min", {fold<minimum, minimumInteger>}},
      {"Max", {fold<maximum, maximumInteger>}},
      {"Equal", {compare<isEqual>}},
      {"Less", {compare<isLess>}},
      {"LessOrEqual", {compare<isLessOrEqual>}},
      {"Greater", {compare<isGreater>}},
      {"GreaterOrEqual", {compare<isGreaterOrEqual>}},
      {"And", {logical<both>}},
      {"Or", {logical<either>}},
      {"Xor", {logical<exactlyOne>}},
      {"Where", {where}},
      {"Cast", {cast}},
      {"CastLike", {castLike}},
      {"Identity", {identity}},
      {"Dropout", {dropout, 1 << 2}},
  };
  return table;
}

} // namespace neap::onnx
