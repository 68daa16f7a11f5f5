#include "compiler/Pipeline/AdapterFiles.h"

#include "compiler/Spec/EffectiveSpec.h"

using namespace neap;

namespace {

// Upper bounds in bytes on what runtime/core writes, with every number at its
// longest: a double takes 24 characters, an integer 19.
constexpr int64_t kTensorEntry = 160; // adapter_save.cpp, without the key
constexpr int64_t kTensorHeader = 64; // metadata, length, padding
constexpr int64_t kReadmeRun = 256;   // the run's own part of README.md
constexpr int64_t kLogStep = 264;     // log.cpp, a step event
constexpr int64_t kLogStartAndEnd = 2048;
constexpr int64_t kEscapedCharacter = 6; // \u001f

} // namespace

std::string neap::renderReadme(const Job &job,
                               const std::string &weightsSha256) {
  return "# LoRA adapter trained by Neap\n\n"
         "- job: " +
         job.name + "\n- base model: SHA-256 " + job.modelSha256 +
         " (ONNX file), quantisation: none\n- packed weights: SHA-256 " +
         weightsSha256 + "\n- " + describeLora(job.lora) + "\n- " +
         describeMethod(job.train) +
         "\n\nLoad it with `peft.PeftModel.from_pretrained(base_model, "
         "this_folder)`.\n";
}

FlashTraffic neap::estimateFlashTraffic(const Job &job,
                                        const ArenaLayout &layout) {
  FlashTraffic traffic;
  const std::string anySha256(64, '0');
  traffic.adapterBytes =
      int64_t(renderReadme(job, anySha256).size() + kReadmeRun +
              renderAdapterConfig(job.lora, job.matchedPaths).size()) +
      kTensorHeader;
  for (const ParameterLayout &parameter : layout.parameters)
    traffic.adapterBytes += int64_t(sizeof(float)) * parameter.elements +
                            int64_t(parameter.symbol.size()) + kTensorEntry;
  traffic.logBytes =
      kLogStartAndEnd + kEscapedCharacter * int64_t(job.name.size());
  int64_t steps = job.train.training.max_steps;
  if (steps > 0) {
    traffic.steps = steps;
    traffic.logBytes += kLogStep * steps;
  }
  return traffic;
}
