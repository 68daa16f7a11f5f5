#include "compiler/Report/BaselineReport.h"
#include "compiler/Spec/Count.h"
#include "compiler/Spec/Json.h"
#include <algorithm>
#include <cmath>

namespace neap {

namespace {

/// GitHub shows ten annotations of a kind per step.
constexpr size_t maxAnnotations = 10;

const char *statusName(RowStatus status) {
  switch (status) {
  case RowStatus::Unchanged:
    return "ok";
  case RowStatus::Regressed:
    return "regressed";
  case RowStatus::Missing:
    return "missing";
  case RowStatus::New:
    return "new";
  }
  return "";
}

std::string formatDelta(const MetricChange &change) {
  if (change.current == change.baseline)
    return "=";
  if (change.baseline == 0)
    return "was 0";
  char buffer[48];
  snprintf(buffer, sizeof(buffer), "%+.2f %%",
           100 * (change.current / change.baseline - 1));
  return buffer;
}

/// "12.0 MiB (+8.33 %)"; the part that has no meaning for the row is left out.
std::string formatCell(const RowCheck &row, Metric metric) {
  const MetricChange &change = row.changes[size_t(metric)];
  if (row.status == RowStatus::Missing)
    return "was " + formatMetric(metric, change.baseline);
  std::string text = formatMetric(metric, change.current);
  if (row.status == RowStatus::New)
    return text;
  return text + " (" + formatDelta(change) + ")" +
         (change.regressed ? " !" : "");
}

/// The exact step, where the rounded sizes of a small one look the same.
std::string formatStep(Metric metric, const MetricChange &change) {
  if (metric == Metric::Seconds)
    return formatDelta(change);
  return "+" + std::to_string(int64_t(change.current - change.baseline)) +
         " bytes, " + formatDelta(change);
}

std::string joinLines(const std::vector<std::string> &lines,
                      const char *separator) {
  std::string text;
  for (const std::string &line : lines)
    text += (text.empty() ? "" : separator) + line;
  return text;
}

std::string
replaceAll(const std::string &text,
           const std::vector<std::pair<char, std::string>> &replacements) {
  std::string result;
  for (char c : text) {
    auto it = std::find_if(replacements.begin(), replacements.end(),
                           [&](const auto &entry) { return entry.first == c; });
    it == replacements.end() ? result += c : result += it->second;
  }
  return result;
}

/// Job names come from files: they must not break a line or a terminal.
std::string plainText(const std::string &text) {
  std::string result = text;
  for (char &c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  return result;
}

std::string summary(const CheckResult &result) {
  size_t failed = 0, added = 0;
  for (const RowCheck &row : result.rows) {
    failed += row.failed();
    added += row.status == RowStatus::New;
  }
  return formatCount(int64_t(result.rows.size()), "job") + ", " +
         std::to_string(failed) + " failed, " + std::to_string(added) + " new";
}

std::string renderTable(const CheckResult &result) {
  std::vector<std::vector<std::string>> lines = {{"job", "result"}};
  for (Metric metric : allMetrics)
    lines[0].push_back(metricTitle(metric));
  for (const RowCheck &row : result.rows) {
    lines.push_back({plainText(row.job), statusName(row.status)});
    for (Metric metric : allMetrics)
      lines.back().push_back(formatCell(row, metric));
  }
  std::vector<size_t> widths(lines[0].size());
  for (const auto &line : lines)
    for (size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], line[i].size());
  std::string text;
  for (const auto &line : lines) {
    std::string padded;
    for (size_t i = 0; i < line.size(); ++i)
      padded += line[i] + std::string(widths[i] - line[i].size() + 2, ' ');
    text += padded.substr(0, padded.find_last_not_of(' ') + 1) + "\n";
  }
  for (const RowCheck &row : result.rows)
    for (const std::string &line : describeRow(row))
      text += plainText(row.job) + ": " + line + "\n";
  return text + summary(result) + "\n";
}

Json numberJson(Metric metric, double value) {
  if (metric == Metric::Seconds)
    return value;
  return int64_t(value);
}

Json changeJson(const RowCheck &row, Metric metric) {
  const MetricChange &change = row.changes[size_t(metric)];
  Json json = Json::object();
  if (row.status != RowStatus::New)
    json["baseline"] = numberJson(metric, change.baseline);
  if (row.status != RowStatus::Missing)
    json["current"] = numberJson(metric, change.current);
  if (row.status == RowStatus::Unchanged ||
      row.status == RowStatus::Regressed) {
    json["limit"] = numberJson(metric, change.limit);
    json["passed"] = !change.regressed;
  }
  return json;
}

std::string renderJson(const CheckResult &result) {
  Json rows = Json::array();
  for (const RowCheck &row : result.rows) {
    Json json = {{"job", row.job},
                 {"status", statusName(row.status)},
                 {"passed", !row.failed()},
                 {"cause", row.cause},
                 {"baseline_version", row.baselineVersion},
                 {"current_version", row.currentVersion},
                 {"largest_at_peak", row.largestAtPeak}};
    for (Metric metric : allMetrics)
      json[metricKey(metric)] = changeJson(row, metric);
    rows.push_back(json);
  }
  return Json({{"v", 1}, {"passed", !result.failed()}, {"rows", rows}})
             .dump(2) +
         "\n";
}

std::string escapeXml(const std::string &text) {
  return replaceAll(
      plainText(text),
      {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}});
}

std::string renderJUnit(const CheckResult &result) {
  size_t failures = std::count_if(result.rows.begin(), result.rows.end(),
                                  [](const RowCheck &r) { return r.failed(); });
  std::string counts = " tests=\"" + std::to_string(result.rows.size()) +
                       "\" failures=\"" + std::to_string(failures) + "\"";
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<testsuites" +
                     counts + ">\n  <testsuite name=\"neap check\"" + counts +
                     ">\n";
  for (const RowCheck &row : result.rows) {
    std::string details = escapeXml(joinLines(describeRow(row), "; "));
    text += "    <testcase classname=\"neap.check\" name=\"" +
            escapeXml(row.job) + "\"";
    if (row.failed())
      text += ">\n      <failure type=\"" +
              std::string(statusName(row.status)) + "\" message=\"" + details +
              "\"/>\n    </testcase>\n";
    else if (!details.empty())
      text += ">\n      <system-out>" + details +
              "</system-out>\n    </testcase>\n";
    else
      text += "/>\n";
  }
  return text + "  </testsuite>\n</testsuites>\n";
}

std::string escapeMarkdown(const std::string &text) {
  return replaceAll(plainText(text), {{'|', "\\|"},
                                      {'\\', "\\\\"},
                                      {'`', "\\`"},
                                      {'*', "\\*"},
                                      {'_', "\\_"},
                                      {'[', "\\["},
                                      {'@', "\\@"},
                                      {'<', "&lt;"},
                                      {'>', "&gt;"},
                                      {'&', "&amp;"}});
}

std::string renderMarkdown(const CheckResult &result) {
  std::string text = std::string(result.failed() ? "### ❌" : "### ✅") +
                     " neap check: " + summary(result) + "\n\n| job | result |";
  for (Metric metric : allMetrics)
    text += std::string(" ") + metricTitle(metric) + " |";
  text += "\n|---|---|---:|---:|---:|---:|\n";
  for (const RowCheck &row : result.rows) {
    text += "| " + escapeMarkdown(row.job) + " | " +
            (row.failed() ? "**" + std::string(statusName(row.status)) + "**"
                          : statusName(row.status)) +
            " |";
    for (Metric metric : allMetrics)
      text += " " + formatCell(row, metric) + " |";
    text += "\n";
  }
  std::string notes;
  for (const RowCheck &row : result.rows)
    for (const std::string &line : describeRow(row))
      notes += "- " + escapeMarkdown(row.job + ": " + line) + "\n";
  return text + (notes.empty() ? "" : "\n" + notes);
}

std::string escapeCommandData(const std::string &text) {
  return replaceAll(text, {{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"}});
}

std::string escapeCommandProperty(const std::string &text) {
  return replaceAll(
      text,
      {{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"}, {':', "%3A"}, {',', "%2C"}});
}

/// The rows `select` picks, as annotations; the last one stands for the rest
/// where there are too many.
template <typename Select>
std::string annotations(const CheckResult &result, const std::string &kind,
                        Select select) {
  std::vector<const RowCheck *> rows;
  for (const RowCheck &row : result.rows)
    if (select(row))
      rows.push_back(&row);
  bool tooMany = rows.size() > maxAnnotations;
  size_t shown = tooMany ? maxAnnotations - 1 : rows.size();
  std::string text;
  for (size_t i = 0; i < shown; ++i)
    text += "::" + kind +
            " title=" + escapeCommandProperty("neap check: " + rows[i]->job) +
            "::" + escapeCommandData(joinLines(describeRow(*rows[i]), "\n")) +
            "\n";
  if (tooMany)
    text += "::" + kind +
            " title=neap check::" + std::to_string(rows.size() - shown) +
            " more jobs\n";
  return text;
}

std::string renderGitHub(const CheckResult &result) {
  std::string text =
      annotations(result, "error",
                  [](const RowCheck &row) { return row.failed(); }) +
      annotations(result, "warning", [](const RowCheck &row) {
        return row.status == RowStatus::New;
      });
  return text + "neap check: " + summary(result) + "\n";
}

} // namespace

std::vector<std::string> describeRow(const RowCheck &row) {
  std::vector<std::string> lines;
  for (Metric metric : allMetrics) {
    const MetricChange &change = row.changes[size_t(metric)];
    if (change.regressed)
      lines.push_back(std::string(metricTitle(metric)) + " " +
                      formatMetric(metric, change.baseline) + " -> " +
                      formatMetric(metric, change.current) + " (" +
                      formatStep(metric, change) + "), at most " +
                      formatMetric(metric, change.limit));
  }
  if (!row.largestAtPeak.empty())
    lines.push_back("largest at the peak: " +
                    joinLines(row.largestAtPeak, ", "));
  if (!row.cause.empty())
    lines.push_back((row.status == RowStatus::Regressed ? "cause: " : "") +
                    row.cause);
  return lines;
}

std::string renderCheck(const CheckResult &result, CheckFormat format) {
  switch (format) {
  case CheckFormat::Table:
    return renderTable(result);
  case CheckFormat::Json:
    return renderJson(result);
  case CheckFormat::JUnit:
    return renderJUnit(result);
  case CheckFormat::Markdown:
    return renderMarkdown(result);
  case CheckFormat::GitHub:
    return renderGitHub(result);
  }
  return "";
}

} // namespace neap
