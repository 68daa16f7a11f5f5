// A fine-tuning job: from the user's files to the joint graph.
#ifndef NEAP_COMPILER_PIPELINE_JOB_H
#define NEAP_COMPILER_PIPELINE_JOB_H

#include "compiler/Device/DeviceProfile.h"
#include "compiler/Import/Import.h"
#include "compiler/Pipeline/Command.h"
#include "compiler/Spec/LoraSpec.h"
#include "compiler/Spec/TargetMatching.h"
#include "compiler/Spec/TrainSpec.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <memory>

namespace neap {

/// The inputs of `compile` and `plan`, as given.
struct JobRequest {
  std::string model, lora, train, device, output, name;
  std::string tokenizer;              ///< --tokenizer, empty if not given
  std::string emit = "exe";           ///< --emit
  std::optional<int64_t> budgetBytes; ///< overrides the profile's
  bool smallest = false;              ///< --objective smallest
  bool poison = false;                ///< test aid: fill dead bytes with NaN
};

/// Everything known about a job before planning.
struct Job {
  std::string name;
  LoraSpec lora;
  TrainSpec train;
  DeviceProfile device;
  std::string modelSha256; ///< hexadecimal, of the ONNX file
  std::array<uint8_t, 32> modelDigest;
  /// SHA-256 of each input, by what it is: files as they are, the device's
  /// profile as `neap device show` prints it.
  std::vector<std::pair<std::string, std::string>> inputHashes;
  std::vector<std::string> matchedPaths; ///< adapted modules, in graph order
  int64_t trainableParameters = 0;
  std::vector<std::string> warnings;
  /// The imported model, kept for packing weights: @forward only.
  mlir::OwningOpRef<mlir::ModuleOp> imported;
  std::map<std::string, FileOrigin> modelFiles; ///< of the imported weights
  /// The joint graph: train_row, eval_row, grad_norm, update (verify-joint).
  mlir::OwningOpRef<mlir::ModuleOp> joint;
};

/// Reads the specs and the device, imports the model, matches the adapters and
/// builds the joint graph. With `shapesOnly` external weight files may be
/// absent.
struct JobOrError {
  std::unique_ptr<Job> job;
  CommandResult error;
};
JobOrError prepareJob(const JobRequest &request, bool shapesOnly,
                      mlir::MLIRContext &context);

/// The profile of `nameOrFile`; `host` is probed.
InputOr<DeviceProfile> loadDevice(const std::string &nameOrFile);

/// Threads the plan reserves for: the spec's, else one per core.
int64_t getPlannedThreads(const Job &job);

} // namespace neap
#endif
