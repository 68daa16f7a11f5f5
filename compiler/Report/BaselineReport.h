// A check's result for people, scripts and CI systems.
#ifndef NEAP_COMPILER_REPORT_BASELINEREPORT_H
#define NEAP_COMPILER_REPORT_BASELINEREPORT_H

#include "compiler/Report/Baseline.h"

namespace neap {

enum class CheckFormat {
  Table,    ///< aligned text, one line per job
  Json,     ///< {"v":1,"passed":..,"rows":[..]}
  JUnit,    ///< XML, one test case per job
  Markdown, ///< a table for a pull request comment
  GitHub    ///< workflow commands, at most ten of a kind
};

/// The whole report, ending in a newline.
std::string renderCheck(const CheckResult &result, CheckFormat format);

/// One line per reason a row failed or warns, e.g.
/// `peak 1.00 KiB -> 1.06 KiB (+64 bytes, +6.25 %), at most 1.00 KiB`.
std::vector<std::string> describeRow(const RowCheck &row);

} // namespace neap

#endif // NEAP_COMPILER_REPORT_BASELINEREPORT_H
