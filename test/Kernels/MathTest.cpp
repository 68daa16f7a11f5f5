// The elementary functions against double precision, densely over their whole
// range, in vector and in scalar form.
#include "compiler/Emit/ObjectCode.h"
#include "passes/Lower/KernelMath.h"
#include "passes/Lower/LlvmPipeline.h"
#include "passes/Lower/RegisterKernels.h"
#include "test/Kernels/KernelHarness.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/TargetParser/Host.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace neap;

namespace {
using Function = llvm::function_ref<Value(KernelMath &, Value)>;
using Entry = void (*)(const float *, float *, int64_t);

/// Two loops per function: NAME_vector over whole vectors, NAME_scalar.
class MathModule {
public:
  explicit MathModule(int64_t lanes) : lanes(lanes) {
    registerKernels(registry);
    context = std::make_unique<MLIRContext>(registry);
    context->loadAllAvailableDialects();
    module = ModuleOp::create(UnknownLoc::get(context.get()));
  }

  void add(const std::string &name, Function function) {
    emit(name + "_vector", lanes, function);
    emit(name + "_scalar", 1, function);
  }

  void compile() {
    ASSERT_TRUE(succeeded(lowerToLlvmDialect(*module)));
    std::string error;
    auto machine =
        createTargetMachine(llvm::sys::getProcessTriple(),
                            test::getHostFeatures(), error, llvm::Reloc::PIC_);
    llvm::LLVMContext llvmContext;
    auto llvmModule = translateToLlvm(*module, llvmContext, *machine);
    optimize(*llvmModule, *machine);
    jit = llvm::cantFail(llvm::orc::LLJITBuilder().create());
    llvm::cantFail(jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
        emitObject(*llvmModule, *machine))));
  }

  Entry get(const std::string &name) {
    return llvm::cantFail(jit->lookup(name)).toPtr<Entry>();
  }

private:
  void emit(const std::string &name, int64_t step, Function function) {
    OpBuilder plain = OpBuilder::atBlockEnd(module->getBody());
    KernelBuilder b(module->getLoc(), plain, lanes);
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context.get()),
                                    {b.ptrType(), b.ptrType(), b.getI64Type()});
    auto func = LLVM::LLVMFuncOp::create(b, name, type);
    Block *block = func.addEntryBlock(b);
    b.setInsertionPointToStart(block);
    KernelMath math(b);
    Value in = block->getArgument(0), out = block->getArgument(1);
    b.forLoop(b.index(0), block->getArgument(2), step, [&](Value i) {
      Value x = step == 1 ? b.loadF32(in, i) : b.loadVector(in, i);
      Value y = function(math, x);
      if (step == 1)
        b.store(y, out, i);
      else
        b.storeVector(y, out, i);
    });
    LLVM::ReturnOp::create(b, ValueRange());
  }

  int64_t lanes;
  DialectRegistry registry;
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

MathModule &getModule() {
  static MathModule *module = [] {
    auto *m = new MathModule(test::getHostTarget(1, 1).vectorFloats);
    m->add("exp", [](KernelMath &k, Value x) { return k.exp(x); });
    m->add("expFlushed",
           [](KernelMath &k, Value x) { return k.expFlushed(x); });
    m->add("log", [](KernelMath &k, Value x) { return k.log(x); });
    m->add("sigmoid", [](KernelMath &k, Value x) { return k.sigmoid(x); });
    m->add("tanh", [](KernelMath &k, Value x) { return k.tanh(x); });
    m->add("erf", [](KernelMath &k, Value x) { return k.erf(x); });
    m->add("sin", [](KernelMath &k, Value x) { return k.sinCos(x).sin; });
    m->add("cos", [](KernelMath &k, Value x) { return k.sinCos(x).cos; });
    m->compile();
    return m;
  }();
  return *module;
}

/// Distance of `found` from `exact` in units of the last place of `exact`
/// rounded to f32.
double ulps(float found, double exact) {
  if (std::isnan(exact))
    return std::isnan(found) ? 0 : INFINITY;
  float nearest = float(exact);
  if (std::isinf(nearest) || std::isinf(found))
    return nearest == found ? 0 : INFINITY;
  int exponent;
  std::frexp(std::max(std::fabs(nearest), 0x1p-126f), &exponent);
  return std::fabs(double(found) - exact) / std::ldexp(1.0, exponent - 24);
}

/// All floats of [low, high] at a stride in their bit patterns, so that every
/// binade is sampled alike; both signs.
std::vector<float> sample(float low, float high, uint32_t count) {
  uint32_t first, last;
  std::memcpy(&first, &low, 4);
  std::memcpy(&last, &high, 4);
  std::vector<float> x;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t bits = first + uint32_t(uint64_t(last - first) * i / (count - 1));
    float value;
    std::memcpy(&value, &bits, 4);
    x.push_back(value);
    x.push_back(-value);
  }
  return x;
}

double worst(const std::string &name, std::vector<float> x,
             double (*reference)(double)) {
  while (x.size() % 64)
    x.push_back(x.back());
  std::vector<float> vector(x.size()), scalar(x.size());
  getModule().get(name + "_vector")(x.data(), vector.data(), x.size());
  getModule().get(name + "_scalar")(x.data(), scalar.data(), x.size());
  double result = 0;
  float where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    bool same = std::isnan(vector[i])
                    ? std::isnan(scalar[i])
                    : !std::memcmp(&vector[i], &scalar[i], sizeof(float));
    EXPECT_TRUE(same) << name << "(" << x[i] << ") differs between forms";
    double error = ulps(vector[i], reference(x[i]));
    if (error > result)
      result = error, where = x[i];
  }
  ::testing::Test::RecordProperty(name, std::to_string(result));
  std::printf("%-10s worst %.3f ulp at %a (%g)\n", name.c_str(), result, where,
              where);
  return result;
}

float one(const std::string &name, float x) {
  float y;
  getModule().get(name + "_scalar")(&x, &y, 1);
  return y;
}

constexpr float kTiny = 1e-40f; // a subnormal
constexpr uint32_t kCount = 300000;
} // namespace

TEST(KernelMath, ExpWithinOneUlp) {
  EXPECT_LT(worst("exp", sample(kTiny, 110, kCount), std::exp), 1.05);
  EXPECT_LT(worst("exp", sample(1, 88.8f, kCount), std::exp), 1.05);
  EXPECT_EQ(one("exp", -INFINITY), 0);
  EXPECT_EQ(one("exp", INFINITY), INFINITY);
  EXPECT_EQ(one("exp", 88.8f), INFINITY);
  EXPECT_EQ(one("exp", 0), 1);
  EXPECT_TRUE(std::isnan(one("exp", NAN)));
}

TEST(KernelMath, ExpFlushedIsExpAboveTheSubnormals) {
  std::vector<float> x = sample(1e-6f, 87.33f, kCount);
  EXPECT_LT(worst("expFlushed", x, std::exp), 1.05);
  for (float low : {-87.4f, -88.0f, -89.0f, -1e30f, -INFINITY})
    EXPECT_LT(one("expFlushed", low), 0x1.0p-126f) << low;
  EXPECT_EQ(one("expFlushed", -INFINITY), 0);
  EXPECT_EQ(one("expFlushed", -1e30f), 0);
  EXPECT_TRUE(std::isnan(one("expFlushed", NAN)));
}

TEST(KernelMath, LogWithinOneUlp) {
  EXPECT_LT(worst("log", sample(kTiny, 3e38f, kCount), std::log), 1.05);
  EXPECT_LT(worst("log", sample(0.5f, 2.0f, kCount), std::log), 1.05);
  EXPECT_EQ(one("log", 0), -INFINITY);
  EXPECT_EQ(one("log", INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(one("log", -1)));
  EXPECT_TRUE(std::isnan(one("log", -INFINITY)));
  EXPECT_TRUE(std::isnan(one("log", NAN)));
}

TEST(KernelMath, SigmoidWithinTwoUlpAndSaturates) {
  auto reference = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LT(worst("sigmoid", sample(kTiny, 80, kCount), reference), 2.5);
  EXPECT_EQ(one("sigmoid", INFINITY), 1);
  EXPECT_EQ(one("sigmoid", -INFINITY), 0);
  EXPECT_TRUE(std::isnan(one("sigmoid", NAN)));
}

TEST(KernelMath, TanhWithinTwoUlp) {
  EXPECT_LT(worst("tanh", sample(kTiny, 100, kCount), std::tanh), 2);
  EXPECT_LT(worst("tanh", sample(0.3f, 1, kCount), std::tanh), 2);
  EXPECT_EQ(one("tanh", INFINITY), 1);
  EXPECT_EQ(one("tanh", -INFINITY), -1);
  EXPECT_TRUE(std::isnan(one("tanh", NAN)));
}

TEST(KernelMath, ErfWithinOneUlp) {
  EXPECT_LT(worst("erf", sample(kTiny, 100, kCount), std::erf), 1.3);
  EXPECT_LT(worst("erf", sample(0.5f, 4.5f, kCount), std::erf), 1.3);
  EXPECT_EQ(one("erf", INFINITY), 1);
  EXPECT_EQ(one("erf", -INFINITY), -1);
  EXPECT_TRUE(std::isnan(one("erf", NAN)));
}

TEST(KernelMath, SineAndCosineHoldForLargeAngles) {
  for (const char *name : {"sin", "cos"}) {
    bool isSine = name == std::string("sin");
    auto reference = isSine ? +[](double x) { return std::sin(x); }
                            : +[](double x) { return std::cos(x); };
    EXPECT_LT(worst(name, sample(kTiny, 1e5f, kCount), reference), 2);
    EXPECT_LT(worst(name, sample(1e3f, 1e5f, kCount), reference), 2);
    // Integers and nearest floats of multiples of pi/2: rope's angles and the
    // worst cancellation.
    std::vector<float> hard;
    for (int i = 0; i < 63000; ++i) {
      hard.push_back(float(i));
      hard.push_back(float(i * 1.5707963267948966));
    }
    EXPECT_LT(worst(name, hard, reference), 2);
    EXPECT_TRUE(std::isnan(one(name, NAN)));
    EXPECT_TRUE(std::isnan(one(name, INFINITY)));
  }
  EXPECT_EQ(one("sin", 0), 0);
  EXPECT_EQ(one("cos", 0), 1);
}
