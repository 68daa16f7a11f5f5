// The constant `neap_image` (runtime/include/neap/abi.h) in an LLVM module.
#ifndef NEAP_COMPILER_EMIT_TRAINERIMAGE_H
#define NEAP_COMPILER_EMIT_TRAINERIMAGE_H

#include "compiler/Emit/ParameterGroups.h"
#include "runtime/include/neap/abi.h"

#include "llvm/IR/Module.h"

#include <string>
#include <vector>

namespace neap {

/// Everything the image says. `fields` carries the numbers; its pointers are
/// ignored in favour of the strings and parameters here.
struct TrainerImage {
  struct neap_image fields = {};
  std::string jobName, neapVersion, planSha256, weightsSha256, modelSha256;
  std::string targetTriple, features, adapterConfig, readme, lora;
  std::vector<ImageParameter> parameters;
};

/// Adds the constant. The module must define the four programs of the image
/// (train_row, eval_row, grad_norm, update) as void(ptr); they become internal.
void addTrainerImage(llvm::Module &module, const TrainerImage &image);

} // namespace neap
#endif
