#include "compiler/Emit/Linker.h"
#include "compiler/Emit/ObjectCode.h"
#include "compiler/Emit/OutputFile.h"
#include "compiler/Emit/TrainerImage.h"
#include "compiler/Pipeline/AdapterFiles.h"
#include "compiler/Pipeline/Commands.h"
#include "compiler/Pipeline/PlanJob.h"
#include "compiler/Pipeline/Register.h"
#include "compiler/Spec/EffectiveSpec.h"
#include "dialects/Plan/PlanDialect.h"
#include "dialects/Train/TrainDialect.h"
#include "passes/Lower/LlvmPipeline.h"
#include "passes/Lower/LowerPrograms.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

#include <iostream>

using namespace mlir;
using namespace neap;

namespace {

std::string sha256(llvm::StringRef text) {
  auto bytes =
      ArrayRef(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  return llvm::toHex(llvm::SHA256::hash(bytes), /*LowerCase=*/true);
}

StorageLayout getStorage(const PlannedJob &planned) {
  const ArenaLayout &layout = planned.result.layout;
  StorageLayout storage;
  for (const auto &entry : planned.weights.offsets)
    storage.weightOffsets[entry.getKey()] = entry.getValue();
  if (planned.result.weightsPlace == WeightsPlace::Streamed)
    for (const auto &entry : planned.weights.smallOffsets)
      storage.residentWeights[entry.getKey()] =
          layout.resident.offset + entry.getValue();
  for (const ParameterLayout &parameter : layout.parameters)
    storage.parameterElements[parameter.symbol] = parameter.elementOffset;
  storage.valuesOffset = layout.values.offset;
  storage.gradientsOffset = layout.gradients.offset;
  storage.moment1Offset = layout.moment1.offset;
  storage.moment2Offset = layout.moment2.offset;
  storage.parameterElementCount = layout.parameterElements;
  return storage;
}

std::vector<ImageParameter> getParameters(Job &job, const ArenaLayout &layout) {
  std::vector<ImageParameter> parameters;
  for (const ParameterLayout &entry : layout.parameters) {
    auto parameter = job.joint->lookupSymbol<train::ParameterOp>(entry.symbol);
    auto shape = cast<train::AdapterType>(parameter.getType()).getShape();
    ImageParameter image;
    image.key = entry.symbol;
    image.transposed = parameter.getTransposed();
    image.rows = shape[image.transposed ? 1 : 0];
    image.cols = shape[image.transposed ? 0 : 1];
    image.elementOffset = entry.elementOffset;
    image.init = int32_t(parameter.getInit());
    image.initScale = parameter.getInitScale().convertToFloat();
    parameters.push_back(image);
  }
  return parameters;
}

neap_range toRange(const ByteRange &range) {
  return {range.offset, range.bytes};
}

/// The rows of the table that token ids and labels index.
int64_t getVocabulary(ModuleOp imported) {
  auto forward = *imported.getOps<func::FuncOp>().begin();
  return cast<RankedTensorType>(forward.getResultTypes().front()).getDimSize(1);
}

neap_weights_place toImage(WeightsPlace place) {
  switch (place) {
  case WeightsPlace::Mapped:
    return NEAP_WEIGHTS_MAPPED;
  case WeightsPlace::Resident:
    return NEAP_WEIGHTS_RESIDENT;
  case WeightsPlace::Streamed:
    return NEAP_WEIGHTS_STREAMED;
  }
  llvm_unreachable("unknown place of weights");
}

TrainerImage makeImage(Job &job, const PlannedJob &planned,
                       const JobRequest &request,
                       const std::string &weightsSha256) {
  const PlanResult &plan = planned.result;
  TrainerImage image;
  image.jobName = job.name;
  image.neapVersion = getVersion();
  image.planSha256 = sha256(planned.json);
  image.weightsSha256 = weightsSha256;
  image.modelSha256 = job.modelSha256;
  image.targetTriple = job.device.triple;
  image.features = llvm::join(job.device.features, ",");
  image.adapterConfig = renderAdapterConfig(job.lora, job.matchedPaths);
  image.readme = renderReadme(job, weightsSha256);
  image.lora = describeLora(job.lora);
  image.parameters = getParameters(job, plan.layout);

  struct neap_image &fields = image.fields;
  fields.max_threads = int32_t(getPlannedThreads(job));
  fields.max_tokens = job.train.maxLength;
  fields.vocabulary = getVocabulary(*job.imported);
  fields.arena_bytes = plan.layout.arenaBytes;
  fields.input_ids = toRange(plan.layout.inputs[0]);
  fields.labels = toRange(plan.layout.inputs[1]);
  fields.values = toRange(plan.layout.values);
  fields.gradients = toRange(plan.layout.gradients);
  fields.moment1 = toRange(plan.layout.moment1);
  fields.moment2 = toRange(plan.layout.moment2);
  fields.stacks = toRange(plan.layout.stacks);
  fields.io = toRange(plan.layout.io);
  fields.resident = toRange(plan.layout.resident);
  fields.fetch_stack = toRange(plan.layout.fetchStack);
  fields.parameter_elements = plan.layout.parameterElements;
  fields.planned_anon = plan.peak.anonBytes;
  fields.planned_rss = plan.peak.rssBytes;
  fields.planned_cgroup = plan.peak.cgroupBytes;
  fields.weights_bytes = planned.weights.fileBytes;
  fields.weights_place = toImage(plan.weightsPlace);
  fields.poisoned = request.poison;
  fields.training = job.train.training;
  return image;
}

/// Planned module -> trainer executable.
CommandResult emitTrainer(Job &job, const PlannedJob &planned,
                          const TrainerImage &image,
                          const OutputFolder &folder) {
  FailureOr<OwningOpRef<ModuleOp>> lowered = lowerPrograms(
      *job.joint, getStorage(planned), plan::getKernelTarget(*job.joint));
  if (failed(lowered) || failed(lowerToLlvmDialect(**lowered)))
    return CommandError(ExitCode::Bug, "lowering failed");
  std::string error;
  auto machine =
      createTargetMachine(job.device.triple, job.device.llvmFeatures(), error);
  if (!machine)
    return CommandError(ExitCode::InvalidInput,
                        job.device.file + ": triple: " + error);
  llvm::LLVMContext llvmContext;
  auto module = translateToLlvm(**lowered, llvmContext, *machine);
  if (!module)
    return CommandError(ExitCode::Bug, "translation to LLVM failed");
  addTrainerImage(*module, image);
  optimize(*module, *machine);
  if (auto linkError = linkTrainer(emitObject(*module, *machine),
                                   getRuntimeFolder(job.device.triple),
                                   folder.stage("trainer")))
    return folder.describe(*linkError);
  return std::nullopt;
}

/// The sizes of the outputs, and a command that runs as it stands but for the
/// names of data and adapter.
std::string describeOutputs(const std::string &folder, const Job &job) {
  std::string text;
  for (const char *name : {"trainer", "model.weights", "plan.json"}) {
    uint64_t bytes = 0;
    if (!llvm::sys::fs::file_size(folder + "/" + name, bytes))
      text += (text.empty() ? "outputs:  " : "          ") + folder + "/" +
              name + " (" + std::to_string(bytes) + " bytes)\n";
  }
  bool readsText = job.train.training.tokenizer != NEAP_TOKENIZER_NONE;
  std::string rows =
      readsText ? "--data ROWS.jsonl" : "--tokens ROWS.safetensors";
  return text + "next:     " + folder + "/trainer train " + rows +
         " --out ADAPTER\n";
}

/// Weights, trainer and plan, all or none.
CommandResult writeOutputs(const JobRequest &request, Job &job,
                           PlannedJob &planned, OutputFolder &folder) {
  InputOr<std::string> weightsSha256 =
      writeWeights(*job.imported, planned.weights, job.modelFiles,
                   job.modelDigest, folder.stage("model.weights"));
  if (!weightsSha256)
    return folder.describe(weightsSha256.error());
  planned.info.weightsSha256 = *weightsSha256;
  planned.json = renderPlanJson(planned.result, planned.info);
  TrainerImage image = makeImage(job, planned, request, *weightsSha256);
  if (CommandResult error = emitTrainer(job, planned, image, folder))
    return error;
  if (auto error = writeFile(folder.stage("plan.json"), planned.json))
    return folder.describe(*error);
  if (auto error = folder.commit({"model.weights", "trainer", "plan.json"}))
    return *error;
  return std::nullopt;
}

} // namespace

CommandResult neap::runCompile(const JobRequest &request) {
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  JobOrError prepared = prepareJob(request, /*shapesOnly=*/false, context);
  if (prepared.error)
    return prepared.error;
  Job &job = *prepared.job;
  if (getRuntimeFolder(job.device.triple).empty())
    return InputError{
        job.device.file.empty() ? job.device.name : job.device.file, "triple",
        "code generation for '" + job.device.triple + "' does not exist yet"};
  PlannedJob planned;
  if (CommandResult error = planJob(request, job, planned))
    return error;

  InputOr<OutputFolder> folder = OutputFolder::create(request.output);
  if (!folder)
    return folder.error();
  if (CommandResult error = writeOutputs(request, job, planned, *folder))
    return error;
  std::cout << maskText(describePlan(job, planned), /*keepLines=*/true)
            << describeOutputs(request.output, job);
  return std::nullopt;
}
