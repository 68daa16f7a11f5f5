// The PyTorch module that an exported node or weight came from.
#ifndef NEAP_COMPILER_IMPORT_MODULENAMES_H
#define NEAP_COMPILER_IMPORT_MODULENAMES_H

#include "compiler/Import/OnnxModel.h"

namespace neap::onnx {

/// Module path of a linear layer from the first source that names one:
///   1. its weight's initializer: `model.layers.0.self_attn.q_proj.weight`
///   2. the node's `pkg.torch.onnx.name_scopes` metadata
///   3. the node's path: `/model/layers.0/self_attn/q_proj/MatMul`
///   4. the weight's name as it is, or else the node's first output
/// A weight that other modules use too is asked last. Never empty.
std::string findModulePath(const Node &node, const std::string &weightName,
                           bool isShared);

/// Other names under which a LoRA spec may know the module: exporters of
/// inference graphs shorten `self_attn` to `attn`.
std::vector<std::string> findModuleAliases(const std::string &path);

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_MODULENAMES_H
