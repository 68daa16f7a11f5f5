//===- PlanJson.cpp - Writes plan.json ------------------------------------===//

#include "compiler/Report/PlanJson.h"

#include <nlohmann/json.hpp>

namespace neap {
namespace {

using Json = nlohmann::ordered_json;

Json renderPeak(const PlanResult &plan) {
  Json classes = Json::object();
  for (int c = 0; c < memoryClassCount; ++c)
    classes[getMemoryClassName(static_cast<MemoryClass>(c))] =
        plan.bytesByClass[static_cast<size_t>(c)];
  return {{"planned_bytes", plan.plannedBytes},
          {"anon", plan.peak.anonBytes},
          {"rss", plan.peak.rssBytes},
          {"cgroup", plan.peak.cgroupBytes},
          {"by_class", std::move(classes)},
          {"at_step",
           {{"program", plan.programs.empty()
                            ? std::string()
                            : plan.programs[plan.peakProgram].name},
            {"step", plan.peakStep}}}};
}

Json renderGaps(const PlanResult &plan) {
  bool optimal =
      plan.programs.empty() || plan.programs[plan.peakProgram].offsetsOptimal;
  return {{"fragmentation", plan.fragmentationBytes},
          {"page_rounding", plan.pageRoundingBytes},
          {"offsets_optimal", optimal}};
}

/// Each with the class of plans that it speaks of: as wide as what is proven
/// (passes/Remat/OrderSchedule.h and ScheduleBound.h), no wider.
Json renderCertificates(const PlanResult &plan) {
  const PlanBounds &bounds = plan.bounds;
  Json offsets = {{"class", "any offsets of these buffers"},
                  {"arena_bytes", plan.layout.arenaBytes},
                  {"bound_bytes", plan.maxLiveBytes}};
  Json order = {
      {"class",
       "any order of the chosen operations that keeps the forward part before "
       "the loss, the backward part after it, and the order of effects"},
      {"peak_bytes", plan.plannedBytes},
      {"bound_bytes", bounds.chosenPeakBytes}};
  Json once = {
      {"class",
       "every operation run once, in any order that keeps the forward part "
       "before the loss, the backward part after it, and the order of effects"},
      {"bound_bytes", bounds.orderPeakBytes}};
  Json peak = {{"class",
                "any order that keeps the order of effects, any recomputation "
                "of forward operations, at the device's sizes of scratch"},
               {"min_peak_bytes", plan.minPeakBytes},
               {"bound_bytes", bounds.floorBytes}};
  Json time = {{"class", "any order that keeps the order of effects, any "
                         "recomputation of forward operations, within the "
                         "budget, at the costs of the device's model"},
               {"seconds_per_step", plan.secondsPerStep},
               {"bound_seconds", bounds.seconds},
               {"bound_seconds_per_mib", bounds.secondsPerMiB}};
  Json nested = {{"class", "blocks run by one of their variants, their inputs "
                           "kept or made again to any depth, peaks of blocks "
                           "as measured apart, within the budget"},
                 {"seconds_per_step", plan.secondsPerStep},
                 {"bound_seconds", bounds.nestedSeconds}};
  return {{"offsets", std::move(offsets)},
          {"order", std::move(order)},
          {"order_without_recomputation", std::move(once)},
          {"peak", std::move(peak)},
          {"time", std::move(time)},
          {"time_nested", std::move(nested)}};
}

Json renderPrograms(const PlanResult &plan) {
  Json programs = Json::array();
  for (const PlannedProgram &program : plan.programs) {
    Json steps = Json::array();
    for (const PlannedStep &step : program.steps)
      steps.push_back({{"op", step.op},
                       {"onnx_node", step.onnxNode},
                       {"live_bytes", step.liveBytes},
                       {"flops", step.flops},
                       {"recomputed", step.recomputed}});
    programs.push_back({{"name", program.name},
                        {"runs_per_step", program.runsPerStep},
                        {"steps", std::move(steps)}});
  }
  return programs;
}

Json renderBuffers(const PlanResult &plan) {
  Json buffers = Json::array();
  for (const PlannedBuffer &buffer : plan.buffers)
    buffers.push_back({{"program", buffer.program},
                       {"name", buffer.name},
                       {"onnx_node", buffer.onnxNode},
                       {"bytes", buffer.bytes},
                       {"class", getMemoryClassName(buffer.memoryClass)},
                       {"start", buffer.start},
                       {"end", buffer.end},
                       {"offset", buffer.offset},
                       {"alignment", buffer.alignment},
                       {"fixed", buffer.fixed}});
  return buffers;
}

Json renderLiveBytes(const PlanResult &plan) {
  Json live = Json::object();
  for (const PlannedProgram &program : plan.programs) {
    Json &steps = live[program.name] = Json::array();
    for (const PlannedStep &step : program.steps)
      steps.push_back(step.liveBytes);
  }
  return live;
}

Json renderTensorsAtPeak(const PlanResult &plan) {
  Json tensors = Json::array();
  if (!plan.programs.empty())
    for (const PlannedBuffer &buffer : plan.findBuffersAtPeak())
      tensors.push_back({{"program", buffer.program},
                         {"name", buffer.name},
                         {"onnx_node", buffer.onnxNode},
                         {"bytes", buffer.bytes},
                         {"class", getMemoryClassName(buffer.memoryClass)}});
  return tensors;
}

Json renderBlocks(const PlanResult &plan) {
  Json blocks = Json::array();
  for (const PlannedBlockChoice &block : plan.blocks)
    blocks.push_back({{"index", blocks.size()},
                      {"program", block.program},
                      {"first_step", block.firstStep},
                      {"last_step", block.lastStep},
                      {"first_onnx_node", block.firstOnnxNode},
                      {"last_onnx_node", block.lastOnnxNode},
                      {"type", block.type},
                      {"variant", block.variant},
                      {"kept_bytes", block.keptBytes},
                      {"extra_seconds", block.extraSeconds}});
  return blocks;
}

Json renderFlash(const PlanResult &plan, const FlashTraffic &flash) {
  return {{"read_bytes_per_step", flash.readBytesPerStep},
          {"write_bytes_per_step", flash.writeBytesPerStep},
          {"read_bytes_per_job", flash.readBytesPerJob(plan.weightsFileBytes)},
          {"write_bytes_per_job", flash.writeBytesPerJob()},
          {"adapter_bytes", flash.adapterBytes},
          {"log_bytes", flash.logBytes},
          {"steps", flash.steps ? Json(*flash.steps) : Json(nullptr)}};
}

Json renderParameters(const PlanResult &plan) {
  Json parameters = Json::array();
  for (const ParameterLayout &parameter : plan.layout.parameters)
    parameters.push_back({{"name", parameter.symbol},
                          {"element_offset", parameter.elementOffset},
                          {"elements", parameter.elements}});
  return parameters;
}

} // namespace

std::string renderPlanJson(const PlanResult &plan, const PlanReportInfo &info) {
  Json json;
  json["schema_version"] = 1;
  json["neap_version"] = info.neapVersion;
  json["job"] = info.job;
  json["inputs"] = Json::object();
  for (const auto &[name, hash] : info.inputHashes)
    json["inputs"][name] = hash;
  json["device"] = info.device;
  json["target_triple"] = info.targetTriple;
  json["threads"] = info.threads;
  json["budget"] = nullptr;
  if (info.budgetBytes)
    json["budget"] = {{"kind", info.budgetKind},
                      {"bytes", *info.budgetBytes},
                      {"source", info.budgetSource}};
  json["objective"] = info.objective;
  json["peak"] = renderPeak(plan);
  json["min_peak_bytes"] = plan.minPeakBytes;
  json["floor_bytes"] = plan.bounds.floorBytes;
  json["max_live_bytes"] = plan.maxLiveBytes;
  json["arena_bytes"] = plan.layout.arenaBytes;
  json["gaps"] = renderGaps(plan);
  json["certificates"] = renderCertificates(plan);
  json["programs"] = renderPrograms(plan);
  json["buffers"] = renderBuffers(plan);
  json["live_bytes"] = renderLiveBytes(plan);
  json["tensors_at_peak"] = renderTensorsAtPeak(plan);
  json["blocks"] = renderBlocks(plan);
  json["flops_per_step"] = plan.flopsPerStep;
  json["recomputed_flops"] = plan.recomputedFlops;
  json["flash"] = renderFlash(plan, info.flash);
  json["seconds_per_step"] = plan.secondsPerStep;
  json["next_mib"] = {
      {"seconds_saved_by_one_more", plan.secondsSavedByNextMiB},
      {"seconds_cost_of_one_less", plan.secondsCostOfLastMiB
                                       ? Json(*plan.secondsCostOfLastMiB)
                                       : Json(nullptr)}};
  json["parameters"] = renderParameters(plan);
  json["weights"] = {{"count", plan.weightCount},
                     {"bytes", plan.weightBytes},
                     {"file_bytes", plan.weightsFileBytes},
                     {"place", getWeightsPlaceName(plan.weightsPlace)},
                     {"wait_seconds_per_step", plan.waitSecondsPerStep},
                     {"sha256", info.weightsSha256.empty()
                                    ? Json(nullptr)
                                    : Json(info.weightsSha256)}};
  return json.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

} // namespace neap
