#include "test/Kernels/KernelHarness.h"

#include "gtest/gtest.h"

using namespace neap::test;

TEST(Elementwise, AddHandlesTailsAndThreads) {
  CompiledKernel kernel(
      R"(func.func @f(%a: tensor<?x19xf32>, %b: tensor<?x19xf32>) {
    %y = graph.add %a, %b : (tensor<?x19xf32>, tensor<?x19xf32>) -> tensor<?x19xf32>
    return })",
      getHostTarget(5, 2));
  std::vector<float> a(5 * 19), b(5 * 19), y(5 * 19, -1);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = float(i), b[i] = 0.5f * float(i);
  kernel.run({a.data(), b.data()}, {y.data()}, 4, 2);
  for (size_t i = 0; i < 4 * 19; ++i)
    EXPECT_EQ(y[i], a[i] + b[i]);
  EXPECT_EQ(y[4 * 19], -1) << "rows beyond the token count stay untouched";
}
