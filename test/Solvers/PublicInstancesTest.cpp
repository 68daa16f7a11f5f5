//===- PublicInstancesTest.cpp - Heights on public benchmarks -------------===//

#include "passes/Solvers/AllocationCsv.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace neap;

namespace {

struct Instance {
  const char *name;
  const char *path;
  size_t bufferCount;
  /// The instance's load, which is reached.
  int64_t optimum;
};

void PrintTo(const Instance &instance, std::ostream *output) {
  *output << instance.name;
}

std::filesystem::path dataFolder() {
  const char *variable = std::getenv("NEAP_TEST_DATA");
  return variable ? variable : NEAP_DEFAULT_TEST_DATA;
}

class PublicInstance : public testing::TestWithParam<Instance> {};

TEST_P(PublicInstance, ReachesTheLoadWithinTheDefaultNodeLimit) {
  std::filesystem::path path = dataFolder() / "planning" / GetParam().path;
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << path << " is absent";
  std::ifstream input(path);
  std::string error;
  std::optional<AllocationTable> table =
      readAllocationCsv(input, path.string(), error);
  ASSERT_TRUE(table.has_value()) << error;
  ASSERT_EQ(table->problem.buffers.size(), GetParam().bufferCount);
  AllocationSolution solution = solveAllocation(table->problem);
  EXPECT_EQ(validateAllocation(table->problem, solution), std::nullopt);
  EXPECT_EQ(solution.heightBytes, GetParam().optimum);
  EXPECT_EQ(solution.lowerBoundBytes, GetParam().optimum);
  EXPECT_TRUE(solution.optimal);
}

INSTANTIATE_TEST_SUITE_P(
    Planning, PublicInstance,
    testing::Values(
        Instance{"minimalloc_A", "minimalloc/A.1048576.csv", 154, 1048576},
        Instance{"minimalloc_C", "minimalloc/C.1048576.csv", 203, 1039360},
        Instance{"minimalloc_E", "minimalloc/E.1048576.csv", 215, 1048576},
        Instance{"minimalloc_G", "minimalloc/G.1048576.csv", 308, 1048576},
        Instance{"minimalloc_I", "minimalloc/I.1048576.csv", 374, 1048576},
        Instance{"minimalloc_K", "minimalloc/K.1048576.csv", 454, 1048576},
        Instance{"minimalloc_example", "minimalloc/input.12.csv", 5, 12},
        Instance{"mindspore_resnet50", "idealloc/somas_tensors_resnet50.csv",
                 1042, 1515472556},
        Instance{"iopddl_G_1", "idealloc/iopddl_G_1.csv", 816, 3030937746}),
    [](const testing::TestParamInfo<Instance> &info) {
      return info.param.name;
    });

} // namespace
