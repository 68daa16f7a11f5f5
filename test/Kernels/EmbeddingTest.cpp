// Table look-ups.
#include "test/Kernels/RowTesting.h"

using namespace neap::test;

namespace {
constexpr int64_t kTokens = 7, kRows = 300;
}

TEST(Embedding, RowsByIdAndByPosition) {
  const std::vector<int32_t> ids = {299, 0, 17, 17, 255, 256, 1};
  for (const char *element : {"f32", "f16", "bf16"})
    for (int64_t columns : {1, 19, 64, 83})
      for (int64_t width : {4, 8, 16}) {
        SCOPED_TRACE(std::string(element) + " " + std::to_string(columns));
        StoredArray table =
            storeRandom(element, size_t(kRows * columns), uint32_t(columns));
        std::vector<std::string> operands = {
            "tensor<?xi32>", weightType(kRows, columns, element)};
        RowKernel byId(
            makeSource("graph.embedding", operands, "", {tensorType(columns)}),
            {columns}, kTokens, width);
        RowKernel byPosition(makeSource("graph.position_embedding", operands,
                                        "", {tensorType(columns)}),
                             {columns}, kTokens, width);
        auto a = byId.runAll({ids, table})[0];
        auto b = byPosition.runAll({ids, table})[0];
        for (int64_t t = 0; t < kTokens; ++t)
          for (int64_t n = 0; n < columns; ++n) {
            ASSERT_EQ(a[t * columns + n], table.values[ids[t] * columns + n]);
            ASSERT_EQ(b[t * columns + n], table.values[t * columns + n]);
          }
      }
}
