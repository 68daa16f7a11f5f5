// The LoRA job as PEFT's `adapter_config.json` states it.
#ifndef NEAP_COMPILER_SPEC_LORASPEC_H
#define NEAP_COMPILER_SPEC_LORASPEC_H

#include "compiler/Spec/InputError.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neap {

/// How PEFT starts an adapter (`init_lora_weights`).
enum class LoraInit {
  Default,  ///< true: A uniform in +-1/sqrt(in), B zero
  Gaussian, ///< "gaussian": A normal with deviation 1/r, B zero
  Random    ///< false: A uniform in +-1/sqrt(in), B uniform in +-1/sqrt(r)
};

/// `target_modules` or `exclude_modules`.
struct ModuleSelector {
  enum Kind { None, List, Pattern, AllLinear };
  Kind kind = None;
  std::vector<std::string> names; ///< List
  std::string pattern;            ///< Pattern: Python regex for the whole path
};

struct LoraSpec {
  std::string file; ///< where it was read from, for messages
  int64_t rank = 8;
  double alpha = 8;
  double dropout = 0; ///< in [0, 1)
  bool useRslora = false;
  /// Kept for the written adapter only: which way a weight is stored is read
  /// from the graph.
  bool fanInFanOut = false;
  LoraInit init = LoraInit::Default;
  ModuleSelector targets; ///< never None
  ModuleSelector excludes;
  std::vector<int64_t> layersToTransform; ///< empty: every layer
  std::vector<std::string> layersPattern; ///< empty: any name before the index
  /// Python regexes in the order of the file; the first that matches wins.
  std::vector<std::pair<std::string, int64_t>> rankPattern;
  std::vector<std::pair<std::string, double>> alphaPattern;
  std::string baseModel; ///< base_model_name_or_path, may be empty
  std::string revision;  ///< may be empty
};

/// Parses the text of an adapter_config.json. Every field of PEFT's LoraConfig
/// is known; one that changes the mathematics, is not at its default and is not
/// honoured is an error naming it.
InputOr<LoraSpec> parseLoraSpec(std::string_view text, const std::string &file);
InputOr<LoraSpec> readLoraSpec(const std::string &file);

/// alpha / r, or alpha / sqrt(r) with rsLoRA.
double loraScaling(double alpha, int64_t rank, bool useRslora);

/// The complete adapter_config.json for a trained adapter, as PEFT itself
/// writes it (sorted keys, two spaces, inference_mode true). `matchedPaths`
/// replaces `all-linear`, which PEFT also stores expanded.
std::string renderAdapterConfig(const LoraSpec &spec,
                                const std::vector<std::string> &matchedPaths);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_LORASPEC_H
