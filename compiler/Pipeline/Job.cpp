#include "compiler/Pipeline/Job.h"

#include "dialects/Graph/ModulePath.h"
#include "dialects/Plan/PlanDialect.h"
#include "passes/Build/Passes.h"
#include "passes/Lower/KernelTiles.h"
#include "passes/Verify/Passes.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

#include <algorithm>
#include <cmath>
#include <iostream>

using namespace mlir;
using namespace neap;

int64_t neap::getPlannedThreads(const Job &job) {
  return job.train.threads > 0 ? job.train.threads : job.device.coreCount();
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

static InputOr<std::array<uint8_t, 32>> hashFile(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return InputError{path, "", "cannot read: " + buffer.getError().message()};
  StringRef bytes = (*buffer)->getBuffer();
  return llvm::SHA256::hash(
      ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
}

/// Names the job's inputs by content: what a plan was made from.
static CommandResult hashInputs(const JobRequest &request, Job &job) {
  for (auto [name, path] : {std::pair("model", request.model),
                            {"lora", request.lora},
                            {"train", request.train}}) {
    InputOr<std::array<uint8_t, 32>> digest = hashFile(path);
    if (!digest)
      return digest.error();
    job.inputHashes.emplace_back(name,
                                 llvm::toHex(*digest, /*LowerCase=*/true));
    if (job.inputHashes.size() == 1)
      job.modelDigest = *digest;
  }
  job.modelSha256 = job.inputHashes.front().second;
  // A probed profile has no file, and what a file leaves out has a default.
  job.inputHashes.emplace_back(
      "device", llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(
                                renderDeviceProfile(job.device))),
                            /*LowerCase=*/true));
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Adapters
//===----------------------------------------------------------------------===//

static LoraTarget makeTarget(const LoraSpec &spec, const ModuleInfo &module,
                             const MatchedModule &match) {
  LoraTarget target;
  target.modulePath = match.name;
  target.rank = match.rank;
  target.scaling = match.scaling;
  target.dropout = spec.dropout;
  if (spec.init == LoraInit::Gaussian) {
    target.initA = train::InitKind::Normal;
    target.initScaleA = 1.0 / double(match.rank);
  } else if (spec.init == LoraInit::Random) {
    target.initB = train::InitKind::Uniform;
    target.initScaleB = 1.0 / std::sqrt(double(match.rank));
  }
  return target;
}

/// PEFT loads an adapter whose keys are named as its own model is: where the
/// spec knows a module under an alias, the joint graph uses it too.
static void renameModule(ModuleOp joint, const std::string &path,
                         const std::string &name) {
  if (path == name)
    return;
  joint.walk([&](graph::LinearOp op) {
    if (getModulePath(op) == path)
      op->setLoc(
          getNodeLocation(op.getContext(), getNodeName(op->getLoc()), name));
  });
}

static InputOr<std::vector<LoraTarget>>
matchAdapters(const std::vector<ModuleInfo> &modules, Job &job) {
  std::vector<ModuleCandidate> candidates;
  for (const ModuleInfo &module : modules)
    candidates.push_back({module.path, module.isOutputEmbedding,
                          module.inFeatures, module.outFeatures,
                          module.aliases});
  InputOr<TargetMatch> match = matchTargets(job.lora, candidates);
  if (!match)
    return match.error();
  std::vector<LoraTarget> targets;
  for (const MatchedModule &matched : match->modules) {
    const ModuleInfo &module = modules[matched.candidate];
    if (module.isOutputEmbedding)
      return InputError{job.lora.file, "target_modules",
                        "an adapter on the output projection '" + module.path +
                            "' is not supported: the loss is fused with it"};
    renameModule(*job.joint, module.path, matched.name);
    targets.push_back(makeTarget(job.lora, module, matched));
    job.matchedPaths.push_back(matched.name);
    job.trainableParameters +=
        matched.rank * (module.inFeatures + module.outFeatures);
  }
  job.warnings.insert(job.warnings.end(), match->warnings.begin(),
                      match->warnings.end());
  return targets;
}

//===----------------------------------------------------------------------===//
// Joint graph
//===----------------------------------------------------------------------===//

static void attachDevice(ModuleOp module, const Job &job) {
  KernelTarget tiles = getDefaultTiles(job.device.vectorFloats());
  int64_t threads = getPlannedThreads(job);
  double share = double(std::min(threads, job.device.coreCount())) /
                 double(job.device.coreCount());
  module->setAttr(plan::kDeviceAttr,
                  plan::DeviceAttr::get(
                      module.getContext(), job.device.triple,
                      job.device.llvmFeatures(), tiles.vectorFloats,
                      tiles.tileRows, tiles.tileVectors, tiles.contractionBlock,
                      tiles.panelGroup, threads,
                      int64_t(job.device.gflopsSustained() * share * 1000),
                      int64_t(job.device.memoryBandwidthGBps.value * 1000)));
}

static void addBuildPasses(PassManager &pm, const neap_training &training) {
  pm.addPass(createAttachLossPass());
  pm.addNestedPass<func::FuncOp>(createBuildBackwardPass());
  pm.addPass(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createFuseAccumulationPass());
  pm.addPass(createCSEPass());
  AppendOptimizerPassOptions options;
  options.optimizer =
      training.optimizer == NEAP_OPTIMIZER_SGD ? "sgd" : "adamw";
  options.beta1 = training.beta1;
  options.beta2 = training.beta2;
  options.epsilon = training.epsilon;
  options.momentum = training.momentum;
  options.weightDecay = training.weight_decay;
  pm.addPass(createAppendOptimizerPass(options));
  pm.addPass(createVerifyJointPass());
}

static CommandResult buildJointGraph(Job &job, ArrayRef<LoraTarget> targets,
                                     const std::string &modelFile) {
  std::string messages;
  ScopedDiagnosticHandler collect(
      job.joint->getContext(), [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          messages += (messages.empty() ? "" : "\n") + diagnostic.str();
        return success();
      });
  attachDevice(*job.joint, job);
  PassManager verify(job.joint->getContext()), build(job.joint->getContext());
  verify.addPass(createVerifyImportedPass());
  addBuildPasses(build, job.train.training);
  if (failed(verify.run(*job.joint)) ||
      failed(applyLora(*job.joint, targets)) || failed(build.run(*job.joint)))
    return CommandError(ExitCode::InvalidInput, modelFile + ": " + messages);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// All of it
//===----------------------------------------------------------------------===//

/// The end token is the one id that the spec itself names.
static std::optional<InputError> checkEndToken(const Job &job,
                                               int64_t vocabulary) {
  int64_t token = job.train.training.eos_token;
  if (token < vocabulary)
    return std::nullopt;
  return InputError{job.train.file, "eos_token",
                    "expected a token below the model's vocabulary of " +
                        std::to_string(vocabulary) + ", but found " +
                        std::to_string(token)};
}

/// Parts of the command line's contract that this version lacks.
static std::optional<InputError> refuseUnsupported(const JobRequest &request) {
  if (request.emit != "exe")
    return InputError{"", "--emit",
                      "'" + request.emit +
                          "' is not supported yet, only 'exe' is"};
  if (!request.tokenizer.empty())
    return InputError{"", "--tokenizer",
                      "only 'bytes', as neap.tokenizer of the training spec, "
                      "is supported; '" +
                          request.tokenizer + "' is not supported yet"};
  return std::nullopt;
}

/// What the profile says and this job cannot make use of.
static void warnOfUnusedSwap(Job &job) {
  const MemoryBudget &budget = job.device.budget;
  if (budget.swap.value > 0 && !job.device.swapExtendsLimit())
    job.warnings.push_back(job.device.file +
                           (job.device.file.empty() ? "" : ": ") +
                           "budget.swap_bytes: has no "
                           "effect with kind '" +
                           budgetKindName(budget.kind) + "'");
}

static CommandResult prepare(const JobRequest &request, bool shapesOnly,
                             MLIRContext &context, Job &job) {
  if (auto error = refuseUnsupported(request))
    return *error;
  job.name = request.name.empty() ? llvm::sys::path::stem(request.model).str()
                                  : request.name;
  if (!isPlainText(job.name))
    return InputError{"", "--name",
                      "expected a job's name in UTF-8 without control "
                      "characters, but found '" +
                          maskText(job.name) + "'"};
  InputOr<LoraSpec> lora = readLoraSpec(request.lora);
  if (!lora)
    return lora.error();
  job.lora = *lora;
  InputOr<TrainSpec> train = readTrainSpec(request.train);
  if (!train)
    return train.error();
  job.train = *train;
  job.warnings = job.train.warnings;
  InputOr<DeviceProfile> device = loadDevice(request.device);
  if (!device)
    return device.error();
  job.device = *device;
  warnOfUnusedSwap(job);

  if (auto error = hashInputs(request, job))
    return error;
  ImportOptions options;
  options.maxTokens = job.train.maxLength;
  options.shapesOnly = shapesOnly;
  InputOr<ImportedModel> model = importModel(context, request.model, options);
  if (!model)
    return model.error();
  job.imported = std::move(model->module);
  job.modelFiles = std::move(model->files);
  job.warnings.insert(job.warnings.end(), model->notes.begin(),
                      model->notes.end());
  // A row's last token is a label only: one token less is computed.
  job.imported.get()->setAttr(plan::kMaxTokensAttr,
                              IntegerAttr::get(IntegerType::get(&context, 64),
                                               job.train.maxLength - 1));
  job.joint = OwningOpRef<ModuleOp>(cast<ModuleOp>(job.imported->clone()));

  if (auto error = checkEndToken(job, model->vocabulary))
    return *error;
  InputOr<std::vector<LoraTarget>> targets = matchAdapters(model->modules, job);
  if (!targets)
    return targets.error();
  return buildJointGraph(job, *targets, request.model);
}

JobOrError neap::prepareJob(const JobRequest &request, bool shapesOnly,
                            MLIRContext &context) {
  JobOrError result;
  result.job = std::make_unique<Job>();
  result.error = prepare(request, shapesOnly, context, *result.job);
  for (const std::string &warning : result.job->warnings)
    std::cerr << "warning: " << maskText(warning) << "\n";
  return result;
}
