//===- AllocationCsv.h - Allocation problems as text ------------*- C++ -*-===//
//
// The format of the public benchmarks (google/minimalloc's README):
//
//   id,lower,upper,size[,alignment][,offset]
//   b1,0,3,4
//
// Columns may come in any order. Lifetimes are half-open [lower, upper); a
// column `end` in place of `upper` is inclusive. An empty alignment is 1; a
// non-empty offset is fixed. Numbers are decimal, at most 2^62.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_SOLVERS_ALLOCATIONCSV_H
#define NEAP_PASSES_SOLVERS_ALLOCATIONCSV_H

#include "passes/Solvers/Allocation.h"

#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace neap {

/// A problem with the text that it was read from; Buffer::id is the row's
/// position, 0 for the first below the header.
struct AllocationTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  AllocationProblem problem;
};

/// Reads a table; `name` stands for the file in messages. On failure returns
/// nothing and sets `error` to "NAME:LINE: ...". The problem has passed
/// validateProblem.
std::optional<AllocationTable> readAllocationCsv(std::istream &input,
                                                 const std::string &name,
                                                 std::string &error);

/// Writes the table as it was read, with `offsets` in the column `offset`,
/// which is appended if the table has none.
void writeAllocationCsv(std::ostream &output, const AllocationTable &table,
                        const std::vector<int64_t> &offsets);

} // namespace neap

#endif // NEAP_PASSES_SOLVERS_ALLOCATIONCSV_H
