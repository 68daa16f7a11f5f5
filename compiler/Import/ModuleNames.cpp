#include "compiler/Import/ModuleNames.h"

#include <algorithm>

namespace neap::onnx {

/// `a.b.weight` -> `a.b`; empty unless the name is a parameter's full name.
/// Constant folding leaves names such as `onnx::MatMul_531` instead.
static std::string fromWeight(const std::string &name) {
  size_t end = name.rfind(".weight");
  if (end == std::string::npos || end == 0 ||
      name.find("::") != std::string::npos ||
      name.find('/') != std::string::npos)
    return "";
  std::string path = name.substr(0, end);
  // ONNX Runtime's model builder names weights after nodes.
  const std::string node = ".MatMul";
  if (path.size() > node.size() &&
      path.compare(path.size() - node.size(), node.size(), node) == 0)
    path.resize(path.size() - node.size());
  return path;
}

/// The last module of `['', 'model', 'model.layers.0', .., 'linear_3']`: the
/// list ends in the traced call, which is no module.
static std::string fromScopes(const Node &node) {
  auto found = node.metadata.find("pkg.torch.onnx.name_scopes");
  if (found == node.metadata.end())
    return "";
  std::vector<std::string> scopes;
  const std::string &text = found->second;
  for (size_t at = 0;
       (at = text.find_first_of("'\"", at)) != std::string::npos;) {
    size_t end = text.find(text[at], at + 1);
    if (end == std::string::npos)
      break;
    scopes.push_back(text.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return scopes.size() < 2 ? "" : scopes[scopes.size() - 2];
}

/// `/model/layers.0/self_attn/q_proj/MatMul` ->
/// `model.layers.0.self_attn.q_proj`.
static std::string fromNodePath(const std::string &name) {
  size_t end = name.rfind('/');
  if (name.empty() || name.front() != '/' || end == 0 ||
      end == std::string::npos)
    return "";
  std::string path = name.substr(1, end - 1);
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

std::string findModulePath(const Node &node, const std::string &weightName,
                           bool isShared) {
  std::string owned = fromWeight(weightName);
  for (const std::string &path :
       {isShared ? std::string() : owned, fromScopes(node),
        fromNodePath(node.name), owned})
    if (!path.empty())
      return path;
  bool anonymous = weightName.empty() ||
                   weightName.find("::") != std::string::npos ||
                   std::all_of(weightName.begin(), weightName.end(),
                               [](char c) { return c >= '0' && c <= '9'; });
  if (!anonymous)
    return weightName;
  return node.outputs.empty() ? node.opType : node.outputs.front();
}

std::vector<std::string> findModuleAliases(const std::string &path) {
  const std::string shortened = ".attn.";
  size_t at = path.find(shortened);
  // GPT-2 calls its own module attn; its projections are c_attn and c_proj.
  if (at == std::string::npos || path.find(".c_", at) != std::string::npos)
    return {};
  std::string full = path;
  full.replace(at, shortened.size(), ".self_attn.");
  return {full};
}

} // namespace neap::onnx
