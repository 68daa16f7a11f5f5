// Which modules of a model a LoRA spec adapts, by PEFT's rules.
#ifndef NEAP_COMPILER_SPEC_TARGETMATCHING_H
#define NEAP_COMPILER_SPEC_TARGETMATCHING_H

#include "compiler/Spec/LoraSpec.h"

namespace neap {

/// A linear layer that LoRA could adapt.
struct ModuleCandidate {
  std::string path; ///< e.g. model.layers.0.self_attn.q_proj
  bool isOutputEmbedding = false;
  int64_t inFeatures = 0, outFeatures = 0;
  std::vector<std::string> aliases = {}; ///< as of ModuleInfo
};

struct MatchedModule {
  size_t candidate = 0; ///< index into the candidates
  /// What the adapter calls the module: its path, or its alias where the spec
  /// knows the model's modules under aliases.
  std::string name;
  int64_t rank = 0;
  double alpha = 0;
  double scaling = 0; ///< loraScaling(alpha, rank)
};

struct TargetMatch {
  std::vector<MatchedModule> modules; ///< in candidate order, never empty
  /// Parts of the spec that had no effect (one line each, lowercase).
  std::vector<std::string> warnings;
};

/// PEFT's check_target_module_exists on every candidate: excludes first; a
/// list entry matches an equal path or one that ends in "." + entry; a string
/// must match the whole path; layers_to_transform filters suffix matches (an
/// entry equal to the path is not filtered, as in PEFT). Rank and alpha come
/// from the first pattern of rank_pattern and alpha_pattern that matches
/// `(.*\.)?(KEY)$`. A module that no request matches by its path is asked for
/// by its aliases (ModuleNaming.h).
/// Errors: no module matched, listing the candidates closest to the request; an
/// alias of two modules; a scaling that float32 cannot hold.
/// Source: peft/tuners/tuners_utils.py and peft/utils/other.py of PEFT 0.21.
InputOr<TargetMatch>
matchTargets(const LoraSpec &spec,
             const std::vector<ModuleCandidate> &candidates);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_TARGETMATCHING_H
