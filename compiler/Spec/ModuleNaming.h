// The names under which a LoRA spec may know a model's modules.
#ifndef NEAP_COMPILER_SPEC_MODULENAMING_H
#define NEAP_COMPILER_SPEC_MODULENAMING_H

#include "compiler/Spec/TargetMatching.h"
#include <map>
#include <optional>

namespace neap {

/// Exporters rename modules: ONNX Runtime's model builder writes `attn` for
/// Hugging Face's `self_attn`. A module's path comes first; its aliases count
/// only where the model itself does not use their words, because a model with
/// a `self_attn` of its own means it.
class ModuleNaming {
public:
  /// `candidates` must outlive the naming.
  explicit ModuleNaming(const std::vector<ModuleCandidate> &candidates);

  /// The path, then the aliases that count.
  const std::vector<std::string> &namesOf(size_t candidate) const {
    return names[candidate];
  }

  /// Another candidate that `name` also is an alias of, or nothing.
  std::optional<size_t> findRival(size_t candidate,
                                  const std::string &name) const;

private:
  std::vector<std::vector<std::string>> names;
  std::multimap<std::string, size_t> owners;
};

} // namespace neap

#endif // NEAP_COMPILER_SPEC_MODULENAMING_H
