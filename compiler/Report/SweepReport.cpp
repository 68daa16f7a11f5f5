//===- SweepReport.cpp - The memory/time curve of a job -------------------===//

#include "compiler/Report/SweepReport.h"

#include "compiler/Report/ReportFormat.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace neap {

using Json = nlohmann::ordered_json;

static Json renderPoint(const PlanResult &plan) {
  return {{"planned_bytes", plan.plannedBytes},
          {"anon", plan.peak.anonBytes},
          {"rss", plan.peak.rssBytes},
          {"cgroup", plan.peak.cgroupBytes},
          {"arena_bytes", plan.layout.arenaBytes},
          {"max_live_bytes", plan.maxLiveBytes},
          {"seconds_per_step", plan.secondsPerStep},
          {"bound_seconds", plan.bounds.seconds},
          {"nested_bound_seconds", plan.bounds.nestedSeconds},
          {"bound_seconds_per_mib", plan.bounds.secondsPerMiB},
          {"flops_per_step", plan.flopsPerStep},
          {"recomputed_flops", plan.recomputedFlops}};
}

std::string renderSweepJson(const std::vector<DeviceSweep> &sweeps) {
  const PlanReportInfo &job = sweeps.front().info;
  Json json = {{"schema_version", 1},
               {"neap_version", job.neapVersion},
               {"job", job.job},
               {"devices", Json::array()}};
  for (const DeviceSweep &sweep : sweeps) {
    Json inputs = Json::object(), plans = Json::array();
    for (const auto &[name, hash] : sweep.info.inputHashes)
      inputs[name] = hash;
    for (const PlanResult &plan : sweep.plans)
      plans.push_back(renderPoint(plan));
    json["devices"].push_back(
        {{"device", sweep.info.device},
         {"inputs", std::move(inputs)},
         {"budget_kind", sweep.info.budgetKind},
         {"floor_bytes", sweep.plans.front().bounds.floorBytes},
         {"plans", std::move(plans)}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string renderSweepTable(const DeviceSweep &sweep) {
  const PlanResult &first = sweep.plans.front();
  std::string text = "job " + sweep.info.job + " on " + sweep.info.device +
                     ": from the smallest peak to everything kept; no plan "
                     "below " +
                     formatBytes(first.bounds.floorBytes) + " " +
                     sweep.info.budgetKind + "\n";
  text += format("%12s %12s %10s %10s %7s %10s %12s\n", "peak", "arena",
                 "s/step", "at least", "gap", "recomputed", "ms by MiB");
  for (const PlanResult &plan : sweep.plans) {
    double gap = std::max(plan.secondsPerStep - plan.bounds.seconds, 0.0);
    text += format("%12s %12s %10.4g %10.4g %7s %10s %12.3g\n",
                   formatBytes(plan.plannedBytes).c_str(),
                   formatBytes(plan.layout.arenaBytes).c_str(),
                   plan.secondsPerStep, plan.bounds.seconds,
                   formatShare(gap, plan.secondsPerStep).c_str(),
                   formatShare(plan.recomputedFlops, plan.flopsPerStep).c_str(),
                   plan.bounds.secondsPerMiB * 1e3);
  }
  return text + "at least: no plan within that peak takes less; gap: above it; "
                "ms by MiB: by how much `at least` falls per MiB more\n";
}

} // namespace neap
