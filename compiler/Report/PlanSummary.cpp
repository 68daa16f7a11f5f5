//===- PlanSummary.cpp - Plans for people ---------------------------------===//

#include "compiler/Report/PlanJson.h"
#include "compiler/Report/ReportFormat.h"

#include <algorithm>

namespace neap {
namespace {

/// Tensors that the message of a plan that does not fit names.
constexpr size_t namedTensors = 5;

std::string summarizePeak(const PlanResult &plan, const PlanReportInfo &info) {
  std::string line = "peak " + formatBytes(plan.plannedBytes) +
                     (info.budgetKind.empty() ? "" : " " + info.budgetKind);
  if (info.budgetBytes)
    line += " of " + formatBytes(*info.budgetBytes) + ", headroom " +
            formatBytes(*info.budgetBytes - plan.plannedBytes);
  return line + "  (anon " + formatBytes(plan.peak.anonBytes) + ", rss " +
         formatBytes(plan.peak.rssBytes) + ", cgroup " +
         formatBytes(plan.peak.cgroupBytes) + ")\n";
}

std::string summarizeFlash(const PlanResult &plan, const FlashTraffic &flash) {
  std::string text =
      "flash per step: read " + formatBytes(flash.readBytesPerStep) +
      ", written " + formatBytes(flash.writeBytesPerStep) + "; per job: read " +
      formatBytes(flash.readBytesPerJob(plan.weightsFileBytes)) + " (weights " +
      getWeightsPlaceName(plan.weightsPlace) + "), written at most " +
      formatBytes(flash.writeBytesPerJob()) + " (adapter " +
      formatBytes(flash.adapterBytes) + ", log " + formatBytes(flash.logBytes);
  return text + (flash.steps ? ")\n" : " and more by the step)\n");
}

/// What a MiB is worth at this plan.
std::string summarizeNextMiB(const PlanResult &plan) {
  std::string more = plan.recomputedFlops == 0
                         ? "nothing is left to save with more memory"
                         : format("one MiB more would save %.3g ms per step",
                                  plan.secondsSavedByNextMiB * 1e3);
  std::string less = plan.secondsCostOfLastMiB
                         ? format("one MiB less cost %.3g ms",
                                  *plan.secondsCostOfLastMiB * 1e3)
                         : "no plan is known for one MiB less";
  return more + "; " + less + "\n";
}

/// Two classes to a line; empty ones are left out.
std::string summarizeClasses(const PlanResult &plan) {
  std::string text;
  int column = 0;
  for (int c = 0; c < memoryClassCount; ++c) {
    int64_t bytes = plan.bytesByClass[static_cast<size_t>(c)];
    if (bytes == 0)
      continue;
    text += format("%s  %-20s %10s", column % 2 ? "  " : "",
                   getMemoryClassName(static_cast<MemoryClass>(c)),
                   formatBytes(bytes).c_str());
    text += column++ % 2 ? "\n" : "";
  }
  return column % 2 ? text + "\n" : text;
}

} // namespace

std::string renderPlanSummary(const PlanResult &plan,
                              const PlanReportInfo &info) {
  std::string text = summarizePeak(plan, info) + summarizeClasses(plan);
  const PlanBounds &bounds = plan.bounds;
  text += "smallest peak " + formatBytes(plan.minPeakBytes) +
          "; no plan below " + formatBytes(bounds.floorBytes) + ", nor below " +
          formatBytes(bounds.orderPeakBytes) + " without recomputation\n";
  text += "arena " + formatBytes(plan.layout.arenaBytes) + ", " +
          formatShare(static_cast<double>(plan.fragmentationBytes),
                      static_cast<double>(plan.maxLiveBytes)) +
          " above max-live " + formatBytes(plan.maxLiveBytes) +
          "; no order of these operations, the loss between forward and "
          "backward, has a peak below " +
          formatBytes(bounds.chosenPeakBytes) + "\n";
  text += format("recomputed %s of %.3g FLOPs per step\n",
                 formatShare(plan.recomputedFlops, plan.flopsPerStep).c_str(),
                 plan.flopsPerStep);
  text += format("about %.3g s per step (estimate from the device's rates)\n",
                 plan.secondsPerStep);
  std::string gap = formatShare(
      std::max(plan.secondsPerStep - bounds.seconds, 0.0), plan.secondsPerStep);
  text += format("no plan within the budget takes less than %.3g s (gap %s)",
                 bounds.seconds, gap.c_str());
  text += "\n" + summarizeNextMiB(plan);
  return text + summarizeFlash(plan, info.flash);
}

/// One line per tensor, at most `namedTensors`. Fixed ranges and scratch are
/// not the model's tensors: by_class has them.
static std::string listTensorsAtPeak(const PlanResult &plan) {
  std::string text;
  size_t count = 0;
  for (const PlannedBuffer &buffer : plan.findBuffersAtPeak()) {
    if (buffer.fixed || buffer.memoryClass == MemoryClass::KernelScratch)
      continue;
    if (count++ == namedTensors)
      break;
    text +=
        format("  %10s  %-18s %s%s%s\n", formatBytes(buffer.bytes).c_str(),
               getMemoryClassName(buffer.memoryClass), buffer.name.c_str(),
               buffer.onnxNode.empty() ? "" : " of ", buffer.onnxNode.c_str());
  }
  return text;
}

std::string explainPeak(const PlanResult &plan) {
  const PlannedProgram &program = plan.programs[plan.peakProgram];
  const PlannedStep &step = program.steps[plan.peakStep];
  return "largest tensors at the peak, in step " +
         std::to_string(plan.peakStep) + " of " + program.name + ", " +
         step.op + (step.onnxNode.empty() ? "" : " of " + step.onnxNode) +
         ":\n" + listTensorsAtPeak(plan);
}

std::string renderDoesNotFit(const PlanResult &plan,
                             const PlanReportInfo &info) {
  std::string limit = info.budgetSource == "profile"
                          ? "the profile '" + info.device + "'"
                          : info.budgetSource;
  std::string kind = info.budgetKind.empty() ? "" : " " + info.budgetKind;
  std::string text = "expected a peak of at most " +
                     formatExactBytes(info.budgetBytes.value_or(0)) + kind +
                     " (the limit of " + limit +
                     "), but the smallest feasible peak is " +
                     formatExactBytes(plan.minPeakBytes) + kind + "\n";
  text += "by class there, adding up to " + formatBytes(plan.peak.cgroupBytes) +
          " cgroup:\n" + summarizeClasses(plan);
  text += "largest tensors at the smallest feasible peak:\n" +
          listTensorsAtPeak(plan);
  text.pop_back();
  return text;
}

} // namespace neap
