#include "compiler/Spec/ModuleNaming.h"
#include <algorithm>
#include <set>

namespace neap {

namespace {

std::vector<std::string> splitPath(const std::string &path) {
  std::vector<std::string> segments;
  for (size_t start = 0; start <= path.size();) {
    size_t end = std::min(path.find('.', start), path.size());
    segments.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return segments;
}

/// Whether the alias says something that `path` does not and that is a word of
/// the model's own paths.
bool usesWordsOfModel(const std::string &alias, const std::string &path,
                      const std::set<std::string> &words) {
  std::vector<std::string> own = splitPath(path), other = splitPath(alias);
  return std::any_of(other.begin(), other.end(), [&](const std::string &word) {
    return words.count(word) &&
           std::find(own.begin(), own.end(), word) == own.end();
  });
}

} // namespace

ModuleNaming::ModuleNaming(const std::vector<ModuleCandidate> &candidates) {
  std::set<std::string> words;
  for (const ModuleCandidate &module : candidates)
    for (std::string &word : splitPath(module.path))
      words.insert(std::move(word));
  for (const ModuleCandidate &module : candidates) {
    std::vector<std::string> &own = names.emplace_back();
    own.push_back(module.path);
    for (const std::string &alias : module.aliases)
      if (!usesWordsOfModel(alias, module.path, words))
        own.push_back(alias);
    for (const std::string &name : own)
      owners.insert({name, names.size() - 1});
  }
}

std::optional<size_t> ModuleNaming::findRival(size_t candidate,
                                              const std::string &name) const {
  auto [first, last] = owners.equal_range(name);
  for (auto it = first; it != last; ++it)
    if (it->second != candidate)
      return it->second;
  return std::nullopt;
}

} // namespace neap
