// The constant `neap_image` (runtime/include/neap/abi.h) in an LLVM module.
#ifndef NEAP_COMPILER_EMIT_TRAINERIMAGE_H
#define NEAP_COMPILER_EMIT_TRAINERIMAGE_H

#include "runtime/include/neap/abi.h"

#include "llvm/IR/Module.h"

#include <string>
#include <vector>

namespace neap {

/// A parameter as the image stores it.
struct ImageParameter {
  std::string key;
  int64_t rows = 0, cols = 0, elementOffset = 0;
  bool transposed = false;
  int32_t init = NEAP_INIT_ZERO;
  float initScale = 0;
};

/// Everything the image says. `fields` carries the numbers; its pointers are
/// ignored in favour of the strings and parameters here.
struct TrainerImage {
  struct neap_image fields = {};
  std::string jobName, neapVersion, planSha256, weightsSha256, modelSha256;
  std::string targetTriple, features, adapterConfig, readme;
  std::vector<ImageParameter> parameters;
};

/// Adds the constant. The module must define the four programs of the image
/// (train_row, eval_row, grad_norm, update) as void(ptr); they become internal.
void addTrainerImage(llvm::Module &module, const TrainerImage &image);

} // namespace neap
#endif
