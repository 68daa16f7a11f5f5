//===- AllocationCsvTest.cpp - Allocation problems as text ----------------===//

#include "passes/Solvers/AllocationCsv.h"

#include <gtest/gtest.h>

#include <sstream>

using namespace neap;

namespace {

std::string errorOf(const std::string &text) {
  std::istringstream input(text);
  std::string error = "none";
  std::optional<AllocationTable> table =
      readAllocationCsv(input, "x.csv", error);
  EXPECT_EQ(table.has_value(), error == "none");
  return error;
}

AllocationTable tableOf(const std::string &text) {
  std::istringstream input(text);
  std::string error;
  std::optional<AllocationTable> table =
      readAllocationCsv(input, "x.csv", error);
  EXPECT_TRUE(table.has_value()) << error;
  return table.value_or(AllocationTable());
}

TEST(AllocationCsv, ReadsHalfOpenRows) {
  AllocationTable table = tableOf("id,lower,upper,size\nb1,0,3,4\nb2,3,9,5\n");
  ASSERT_EQ(table.problem.buffers.size(), 2u);
  const Buffer &second = table.problem.buffers[1];
  EXPECT_EQ(second.id, 1);
  EXPECT_EQ(second.start, 3);
  EXPECT_EQ(second.end, 9);
  EXPECT_EQ(second.sizeBytes, 5);
  EXPECT_EQ(second.alignment, 1);
  EXPECT_FALSE(second.fixedOffset.has_value());
}

TEST(AllocationCsv, ColumnEndIsInclusive) {
  AllocationTable table = tableOf("id,lower,end,size\nb1,0,3,4\n");
  EXPECT_EQ(table.problem.buffers[0].end, 4);
}

TEST(AllocationCsv, ReadsOptionalColumnsInAnyOrder) {
  AllocationTable table = tableOf("offset, size,alignment,upper,lower,id\r\n"
                                  "128,8,64,9,2,a\r\n"
                                  "\r\n"
                                  ",8,,9,2,b\r\n");
  const Buffer &fixed = table.problem.buffers[0];
  EXPECT_EQ(fixed.fixedOffset, 128);
  EXPECT_EQ(fixed.alignment, 64);
  EXPECT_EQ(fixed.start, 2);
  EXPECT_FALSE(table.problem.buffers[1].fixedOffset.has_value());
  EXPECT_EQ(table.problem.buffers[1].alignment, 1);
}

TEST(AllocationCsv, WritesWhatItReadPlusOffsets) {
  std::ostringstream appended;
  writeAllocationCsv(
      appended, tableOf("id,lower,end,size\nb1,0,3,4\nb2,3,9,5\n"), {0, 4});
  EXPECT_EQ(appended.str(), "id,lower,end,size,offset\nb1,0,3,4,0\n"
                            "b2,3,9,5,4\n");
  std::ostringstream replaced;
  writeAllocationCsv(replaced,
                     tableOf("id,offset,lower,upper,size\nb1,,0,3,4\n"), {7});
  EXPECT_EQ(replaced.str(), "id,offset,lower,upper,size\nb1,7,0,3,4\n");
}

TEST(AllocationCsv, HeaderErrors) {
  EXPECT_EQ(errorOf(""), "x.csv:1: expected a header, but found an empty file");
  EXPECT_EQ(errorOf("id,lower,upper\n"), "x.csv:1: column 'size' is missing");
  EXPECT_EQ(errorOf("id,lower,size\n"),
            "x.csv:1: expected one of the columns 'upper' and 'end'");
  EXPECT_EQ(errorOf("id,lower,upper,end,size\n"),
            "x.csv:1: expected one of the columns 'upper' and 'end'");
  EXPECT_EQ(errorOf("id,lower,upper,size,size\n"),
            "x.csv:1: column 'size' appears twice");
  EXPECT_EQ(errorOf("id,lower,upper,size,gaps\n"),
            "x.csv:1: expected the columns id, lower, upper or end, size, "
            "alignment and offset, but found 'gaps'");
}

TEST(AllocationCsv, RowErrorsNameTheLine) {
  const std::string header = "id,lower,upper,size\n";
  EXPECT_EQ(errorOf(header + "a,0,1\n"),
            "x.csv:2: expected 4 fields, but found 3");
  EXPECT_EQ(errorOf(header + "a,0,1,4\n,0,1,4\n"),
            "x.csv:3: expected a non-empty id");
  EXPECT_EQ(errorOf(header + "a,0,1,4\n\nb,x,1,4\n"),
            "x.csv:4: expected an integer in column 'lower', but found 'x'");
  EXPECT_EQ(errorOf(header + "a,0,1,4.5\n"),
            "x.csv:2: expected an integer in column 'size', but found '4.5'");
  EXPECT_EQ(errorOf(header + "a,0,1,\n"),
            "x.csv:2: expected an integer in column 'size', but found ''");
  EXPECT_EQ(errorOf(header + "a,0,1,99999999999999999999\n"),
            "x.csv:2: expected 'size' of at most 2^62, but found "
            "'99999999999999999999'");
  EXPECT_EQ(errorOf(header + "a,5,5,4\n"),
            "x.csv:2: id 'a': expected an end above the start 5, but found 5");
}

TEST(AllocationCsv, ProblemErrorsNameTheFile) {
  EXPECT_EQ(errorOf("id,lower,upper,size,offset\na,0,2,4,0\nb,1,3,4,2\n"),
            "x.csv: fixed offsets conflict: buffer #1 (id 1) overlaps buffer "
            "#0 (id 0) at step 1");
}

} // namespace
