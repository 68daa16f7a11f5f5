// `neap check`: plans held against a committed baseline.
#ifndef NEAP_COMPILER_REPORT_BASELINE_H
#define NEAP_COMPILER_REPORT_BASELINE_H

#include "compiler/Spec/InputError.h"
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neap {

/// What is compared, per optimizer step.
enum class Metric { Peak, MinPeak, Seconds, FlashWrite };
inline constexpr size_t metricCount = 4;
inline constexpr std::array<Metric, metricCount> allMetrics = {
    Metric::Peak, Metric::MinPeak, Metric::Seconds, Metric::FlashWrite};

/// The key in the baseline, e.g. `peak_bytes`.
const char *metricKey(Metric metric);
/// For people, e.g. `smallest peak`.
const char *metricTitle(Metric metric);
/// A value with its unit.
std::string formatMetric(Metric metric, double value);

/// One job's figures. Byte counts are below 2^53, so a double holds them.
struct BaselineRow {
  std::array<double, metricCount> values{};
  std::string neapVersion;
  /// The profile's name; empty in baselines of before it was kept.
  std::string device;
  std::string file; ///< of a plan
  /// Of a plan: the largest buffers alive at its peak, e.g.
  /// `logits (/lm_head/MatMul) 12.0 MiB`. Baselines do not store them.
  std::vector<std::string> largestAtPeak;

  double operator[](Metric metric) const { return values[size_t(metric)]; }
  double &operator[](Metric metric) { return values[size_t(metric)]; }
};

/// Rows by job name.
using BaselineRows = std::map<std::string, BaselineRow>;

/// How much a metric may grow.
struct Threshold {
  double amount = 0; ///< bytes, seconds or percent
  bool percent = false;

  double limit(double baseline) const {
    return baseline + (percent ? baseline * amount / 100 : amount);
  }
};

/// `0`, a byte size such as `4MiB`, or `2%`; `Metric::Seconds` takes a number
/// of seconds instead of bytes. Nothing for other text.
std::optional<Threshold> parseThreshold(Metric metric, std::string_view text);

struct CheckOptions {
  std::array<Threshold, metricCount> thresholds = {
      Threshold{0, false}, Threshold{0, false}, Threshold{2, true},
      Threshold{0, false}};
};

enum class RowStatus {
  Unchanged, ///< nothing beyond its threshold
  Regressed, ///< fails
  Missing,   ///< in the baseline, no plan for it: fails
  New        ///< a plan the baseline does not know: warns
};

struct MetricChange {
  double baseline = 0, current = 0;
  double limit = 0; ///< the largest value that passes
  bool regressed = false;
};

struct RowCheck {
  std::string job;
  RowStatus status = RowStatus::Unchanged;
  /// Of a regression: why; otherwise empty, or a remark.
  std::string cause;
  /// Indexed by Metric; without meaning for New (baseline) and Missing
  /// (current).
  std::array<MetricChange, metricCount> changes{};
  std::string baselineVersion, currentVersion;
  /// The current plan's, where its peak or smallest peak regressed.
  std::vector<std::string> largestAtPeak;

  bool failed() const {
    return status == RowStatus::Regressed || status == RowStatus::Missing;
  }
};

struct CheckResult {
  std::vector<RowCheck> rows; ///< sorted by job name
  bool failed() const;
};

/// Reads the plans at `paths`: files, or folders, in which every `plan.json`
/// and `*.plan.json` at any depth is one. Two plans of one job are an error
/// that names both.
InputOr<BaselineRows> readPlanRows(const std::vector<std::string> &paths);

/// Reads one plan.json text of a known schema version into `rows`; an error, or
/// nothing.
std::optional<InputError>
addPlanRow(std::string_view text, const std::string &file, BaselineRows &rows);

InputOr<BaselineRows> parseBaseline(std::string_view text,
                                    const std::string &file);
InputOr<BaselineRows> readBaseline(const std::string &file);

/// Sorted, two spaces, one trailing newline: a diff shows what moved.
std::string renderBaseline(const BaselineRows &rows);

/// Makes `rows` the whole baseline. The old file stays as it was where any
/// part of writing fails, and where it is neither empty nor a baseline.
std::optional<InputError> updateBaseline(const std::string &file,
                                         const BaselineRows &rows);

/// A plan for another device than its row's: an error, since their figures say
/// nothing about each other. Rows without a device match any.
std::optional<InputError> findOtherDevice(const BaselineRows &baseline,
                                          const BaselineRows &current);

CheckResult checkBaseline(const BaselineRows &baseline,
                          const BaselineRows &current,
                          const CheckOptions &options);

} // namespace neap

#endif // NEAP_COMPILER_REPORT_BASELINE_H
