#include "compiler/Report/Baseline.h"
#include "compiler/Output/WriteFile.h"
#include "compiler/Spec/ByteSize.h"
#include "compiler/Spec/Json.h"
#include <algorithm>
#include <cmath>
#include <filesystem>

namespace neap {

namespace {

namespace fs = std::filesystem;

constexpr NumberRange anySeconds{0, 1e12};
constexpr int64_t maxBytes = int64_t(1) << 53;
constexpr size_t maxTensors = 5;

struct MetricInfo {
  const char *key;
  const char *title;
};
constexpr MetricInfo metrics[metricCount] = {
    {"peak_bytes", "peak"},
    {"min_peak_bytes", "smallest peak"},
    {"seconds_per_step", "time per step"},
    {"flash_write_bytes", "flash written"}};

/// Plans and baselines carry the version of their schema; only the first
/// exists.
void readSchemaVersion(FieldReader &reader) {
  int64_t version = 1;
  reader.require("schema_version");
  reader.integer("schema_version", version, 1, 1);
}

/// Reads a required metric from field `name`.
void readMetric(FieldReader &reader, const std::string &name, Metric metric,
                BaselineRow &row) {
  reader.require(name);
  if (metric == Metric::Seconds)
    return reader.number(name, row[metric], anySeconds);
  int64_t bytes = 0;
  reader.integer(name, bytes, 0, maxBytes);
  row[metric] = double(bytes);
}

/// The same, one object further down.
void readNestedMetric(FieldReader &reader, const std::string &object,
                      const std::string &name, Metric metric,
                      BaselineRow &row) {
  reader.require(object);
  const Json *field = reader.find(object);
  if (!field)
    return;
  FieldReader inner(*field, reader.file(), object);
  readMetric(inner, name, metric, row);
  if (inner.failed())
    reader.fail(inner.error());
}

/// The first entries of `tensors_at_peak`, which is sorted by size.
void readLargestTensors(FieldReader &reader, BaselineRow &row) {
  const Json *list = reader.find("tensors_at_peak");
  if (!list)
    return;
  if (!list->is_array())
    return reader.fail("tensors_at_peak", expectedButFound("a list", *list));
  for (size_t i = 0; i < std::min(list->size(), maxTensors); ++i) {
    FieldReader tensor((*list)[i], reader.file(),
                       jsonPath("tensors_at_peak", i));
    std::string name, node;
    int64_t bytes = 0;
    tensor.require("name");
    tensor.text("name", name);
    tensor.text("onnx_node", node);
    tensor.require("bytes");
    tensor.integer("bytes", bytes, 0, maxBytes);
    if (tensor.failed())
      return reader.fail(tensor.error());
    row.largestAtPeak.push_back(name + (node.empty() ? "" : " (" + node + ")") +
                                " " + formatByteSize(bytes));
  }
}

std::string versionChange(const RowCheck &row) {
  if (row.baselineVersion == row.currentVersion)
    return "";
  return "Neap version changed from " + row.baselineVersion + " to " +
         row.currentVersion;
}

RowCheck compareRows(const std::string &job, const BaselineRow &baseline,
                     const BaselineRow &current, const CheckOptions &options) {
  RowCheck row;
  row.job = job;
  row.baselineVersion = baseline.neapVersion;
  row.currentVersion = current.neapVersion;
  for (Metric metric : allMetrics) {
    MetricChange &change = row.changes[size_t(metric)];
    change.baseline = baseline[metric];
    change.current = current[metric];
    change.limit = options.thresholds[size_t(metric)].limit(baseline[metric]);
    change.regressed = change.current > change.limit;
    if (change.regressed)
      row.status = RowStatus::Regressed;
  }
  if (row.changes[size_t(Metric::Peak)].regressed ||
      row.changes[size_t(Metric::MinPeak)].regressed)
    row.largestAtPeak = current.largestAtPeak;
  row.cause = versionChange(row);
  if (row.cause.empty() && row.status == RowStatus::Regressed)
    row.cause = "the job or its inputs changed";
  return row;
}

RowCheck missingRow(const std::string &job, const BaselineRow &baseline) {
  RowCheck row;
  row.job = job;
  row.status = RowStatus::Missing;
  row.cause = "the baseline has this job, but no plan was given for it";
  row.baselineVersion = baseline.neapVersion;
  for (Metric metric : allMetrics)
    row.changes[size_t(metric)].baseline = baseline[metric];
  return row;
}

RowCheck newRow(const std::string &job, const BaselineRow &current) {
  RowCheck row;
  row.job = job;
  row.status = RowStatus::New;
  row.cause = "the baseline does not have this job; --update-baseline adds it";
  row.currentVersion = current.neapVersion;
  for (Metric metric : allMetrics)
    row.changes[size_t(metric)].current = current[metric];
  return row;
}

bool isPlanFile(const fs::path &path) {
  std::string name = path.filename().string();
  const std::string ending = ".plan.json";
  return name == "plan.json" || (name.size() > ending.size() &&
                                 name.compare(name.size() - ending.size(),
                                              ending.size(), ending) == 0);
}

InputOr<std::vector<std::string>> findPlans(const std::string &path) {
  std::error_code error;
  if (!fs::is_directory(path, error))
    return std::vector<std::string>{path};
  std::vector<std::string> plans;
  fs::recursive_directory_iterator it(path, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (isPlanFile(it->path()) && it->is_regular_file(ignored))
      plans.push_back(it->path().string());
  }
  if (error)
    return InputError{path, "", "cannot be listed: " + error.message()};
  if (plans.empty())
    return InputError{path, "", "holds no plan.json and no *.plan.json"};
  std::sort(plans.begin(), plans.end());
  return plans;
}

} // namespace

const char *metricKey(Metric metric) { return metrics[size_t(metric)].key; }

const char *metricTitle(Metric metric) { return metrics[size_t(metric)].title; }

std::string formatMetric(Metric metric, double value) {
  if (metric != Metric::Seconds)
    return formatByteSize(int64_t(value));
  char buffer[48];
  snprintf(buffer, sizeof(buffer), "%.4g s", value);
  return buffer;
}

std::optional<Threshold> parseThreshold(Metric metric, std::string_view text) {
  bool percent = !text.empty() && text.back() == '%';
  if (percent)
    text.remove_suffix(1);
  if (!percent && metric != Metric::Seconds) {
    std::optional<int64_t> bytes = parseByteSize(text);
    return bytes ? std::optional(Threshold{double(*bytes), false})
                 : std::nullopt;
  }
  InputOr<Json> number = parseJson(text, "");
  if (!number || !number->is_number())
    return std::nullopt;
  double amount = number->get<double>();
  if (!(amount >= 0) || !std::isfinite(amount))
    return std::nullopt;
  return Threshold{amount, percent};
}

bool CheckResult::failed() const {
  return std::any_of(rows.begin(), rows.end(),
                     [](const RowCheck &row) { return row.failed(); });
}

std::optional<InputError>
addPlanRow(std::string_view text, const std::string &file, BaselineRows &rows) {
  InputOr<Json> document = parseJson(text, file);
  if (!document)
    return document.error();
  FieldReader reader(*document, file);
  std::string job;
  BaselineRow row;
  readSchemaVersion(reader);
  reader.require("job");
  reader.text("job", job);
  reader.require("neap_version");
  reader.text("neap_version", row.neapVersion);
  readNestedMetric(reader, "peak", "planned_bytes", Metric::Peak, row);
  readMetric(reader, "min_peak_bytes", Metric::MinPeak, row);
  readMetric(reader, "seconds_per_step", Metric::Seconds, row);
  readNestedMetric(reader, "flash", "write_bytes_per_step", Metric::FlashWrite,
                   row);
  reader.text("device", row.device);
  row.file = file;
  readLargestTensors(reader, row);
  if (reader.failed())
    return reader.error();
  auto [known, isNew] = rows.emplace(job, row);
  if (isNew)
    return std::nullopt;
  return InputError{file, "job",
                    "a second plan of the job \"" + job + "\" after '" +
                        known->second.file +
                        "': plan one of them under another --name"};
}

InputOr<BaselineRows> readPlanRows(const std::vector<std::string> &paths) {
  BaselineRows rows;
  for (const std::string &path : paths) {
    InputOr<std::vector<std::string>> plans = findPlans(path);
    if (!plans)
      return plans.error();
    for (const std::string &plan : *plans) {
      InputOr<std::string> text = readTextFile(plan, uint64_t(1) << 30);
      if (!text)
        return text.error();
      if (std::optional<InputError> error = addPlanRow(*text, plan, rows))
        return *error;
    }
  }
  return rows;
}

InputOr<BaselineRows> parseBaseline(std::string_view text,
                                    const std::string &file) {
  InputOr<Json> document = parseJson(text, file);
  if (!document)
    return document.error();
  FieldReader reader(*document, file);
  readSchemaVersion(reader);
  reader.require("jobs");
  const Json *jobs = reader.find("jobs");
  reader.refuseUnknown();
  if (jobs && !jobs->is_object())
    reader.fail("jobs", expectedButFound("an object", *jobs));
  if (reader.failed())
    return reader.error();
  BaselineRows rows;
  for (const auto &item : jobs->items()) {
    FieldReader fields(item.value(), file, jsonPath("jobs", item.key()));
    BaselineRow &row = rows[item.key()];
    for (Metric metric : allMetrics)
      readMetric(fields, metricKey(metric), metric, row);
    fields.require("neap_version");
    fields.text("neap_version", row.neapVersion);
    fields.text("device", row.device);
    fields.refuseUnknown();
    if (fields.failed())
      return fields.error();
  }
  return rows;
}

InputOr<BaselineRows> readBaseline(const std::string &file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored))
    return InputError{file, "",
                      "there is no such baseline; --update-baseline writes it"};
  InputOr<std::string> text = readTextFile(file, 64u << 20);
  if (!text)
    return text.error();
  return parseBaseline(*text, file);
}

std::string renderBaseline(const BaselineRows &rows) {
  Json jobs = Json::object();
  for (const auto &[job, row] : rows) {
    Json &fields = jobs[job];
    for (Metric metric : allMetrics)
      if (metric == Metric::Seconds)
        fields[metricKey(metric)] = row[metric];
      else
        fields[metricKey(metric)] = int64_t(row[metric]);
    fields["neap_version"] = row.neapVersion;
    if (!row.device.empty())
      fields["device"] = row.device;
  }
  return Json({{"schema_version", 1}, {"jobs", jobs}}).dump(2) + "\n";
}

namespace {

/// An error where `file` holds something other than a baseline: a mistyped path
/// must not cost the user a file.
std::optional<InputError> refuseToOverwrite(const std::string &file) {
  std::error_code none;
  fs::file_status status = fs::status(file, none);
  if (!fs::exists(status) || fs::is_directory(status))
    return std::nullopt; // writing reports what is wrong with a folder
  if (fs::is_regular_file(status) && fs::file_size(file, none) == 0)
    return std::nullopt;
  InputOr<BaselineRows> old = readBaseline(file);
  if (old)
    return std::nullopt;
  return InputError{file, old.error().place,
                    old.error().message + "; a file that is no baseline is not "
                                          "overwritten"};
}

} // namespace

std::optional<InputError> updateBaseline(const std::string &file,
                                         const BaselineRows &rows) {
  if (std::optional<InputError> error = refuseToOverwrite(file))
    return error;
  return writeFile(file, renderBaseline(rows));
}

std::optional<InputError> findOtherDevice(const BaselineRows &baseline,
                                          const BaselineRows &current) {
  for (const auto &[job, row] : current) {
    auto known = baseline.find(job);
    if (known == baseline.end() || known->second.device.empty() ||
        row.device.empty() || known->second.device == row.device)
      continue;
    return InputError{row.file, "device",
                      "expected a plan of the job \"" + job + "\" for '" +
                          known->second.device +
                          "', as in the baseline, but found one for '" +
                          row.device +
                          "': plan it under another --name, or let "
                          "--update-baseline replace the row"};
  }
  return std::nullopt;
}

CheckResult checkBaseline(const BaselineRows &baseline,
                          const BaselineRows &current,
                          const CheckOptions &options) {
  CheckResult result;
  for (const auto &[job, row] : baseline) {
    auto it = current.find(job);
    result.rows.push_back(it == current.end()
                              ? missingRow(job, row)
                              : compareRows(job, row, it->second, options));
  }
  for (const auto &[job, row] : current)
    if (!baseline.count(job))
      result.rows.push_back(newRow(job, row));
  std::sort(result.rows.begin(), result.rows.end(),
            [](const RowCheck &a, const RowCheck &b) { return a.job < b.job; });
  return result;
}

} // namespace neap
