#include "compiler/Spec/TargetMatching.h"
#include "compiler/Spec/PythonRegex.h"
#include <algorithm>
#include <map>
#include <set>

namespace neap {

namespace {

constexpr size_t maxListed = 20;

bool endsWithSegment(const std::string &path, const std::string &name) {
  return path.size() > name.size() &&
         path.compare(path.size() - name.size(), name.size(), name) == 0 &&
         path[path.size() - name.size() - 1] == '.';
}

/// The parser of the spec has compiled every pattern once.
PythonRegex compileChecked(const std::string &pattern) {
  std::string error;
  std::optional<PythonRegex> regex = PythonRegex::compile(pattern, error);
  assert(regex && "patterns are checked when the spec is parsed");
  return std::move(*regex);
}

/// A target_modules or exclude_modules field, counting what each entry hit.
class Selector {
public:
  explicit Selector(const ModuleSelector &selector) : selector(selector) {
    if (selector.kind == ModuleSelector::Pattern)
      regex = compileChecked(selector.pattern);
  }

  enum Match { No, Suffix, Whole };

  Match match(const ModuleCandidate &module) {
    switch (selector.kind) {
    case ModuleSelector::None:
      return No;
    case ModuleSelector::AllLinear:
      return module.isOutputEmbedding ? No : Whole;
    case ModuleSelector::Pattern:
      return regex->fullMatch(module.path) ? Whole : No;
    case ModuleSelector::List:
      return matchList(module.path);
    }
    return No;
  }

  std::vector<std::string> unusedNames() const {
    std::vector<std::string> names;
    for (const std::string &name : selector.names)
      if (!used.count(name) &&
          std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    return names;
  }

private:
  Match matchList(const std::string &path) {
    Match result = No;
    for (const std::string &name : selector.names) {
      bool whole = name == path;
      if (!whole && !endsWithSegment(path, name))
        continue;
      used.insert(name);
      result = whole ? Whole : std::max(result, Suffix);
    }
    return result;
  }

  const ModuleSelector &selector;
  std::optional<PythonRegex> regex;
  std::set<std::string> used;
};

/// layers_to_transform and layers_pattern.
class LayerFilter {
public:
  explicit LayerFilter(const LoraSpec &spec) : layers(spec.layersToTransform) {
    if (spec.layersPattern.empty())
      patterns.push_back(compileChecked(".*?\\.[^.]*\\.(\\d+)\\."));
    for (const std::string &pattern : spec.layersPattern)
      patterns.push_back(compileChecked(".*?\\." + pattern + "\\.(\\d+)\\."));
  }

  bool accepts(const std::string &path) const {
    if (layers.empty())
      return true;
    for (const PythonRegex &pattern : patterns)
      if (auto groups = pattern.match(path))
        return std::any_of(layers.begin(), layers.end(), [&](int64_t layer) {
          return sameNumber((*groups)[1], layer);
        });
    return false;
  }

private:
  static bool sameNumber(std::string_view digits, int64_t value) {
    size_t start = std::min(digits.find_first_not_of('0'), digits.size());
    std::string text(digits.substr(start));
    return !digits.empty() &&
           (text.empty() ? "0" : text) == std::to_string(value);
  }

  const std::vector<int64_t> &layers;
  std::vector<PythonRegex> patterns;
};

/// rank_pattern or alpha_pattern.
template <typename Value> class PatternMap {
public:
  explicit PatternMap(const std::vector<std::pair<std::string, Value>> &entries)
      : entries(entries), used(entries.size()) {
    for (const auto &entry : entries)
      patterns.push_back(compileChecked("(.*\\.)?(" + entry.first + ")$"));
  }

  Value lookup(const std::string &path, Value otherwise) {
    for (size_t i = 0; i < entries.size(); ++i)
      if (patterns[i].match(path)) {
        used[i] = true;
        return entries[i].second;
      }
    return otherwise;
  }

  void warnUnused(const char *field, std::vector<std::string> &warnings) const {
    for (size_t i = 0; i < entries.size(); ++i)
      if (!used[i])
        warnings.push_back(std::string(field) + ": \"" + entries[i].first +
                           "\" decides no adapted module");
  }

private:
  const std::vector<std::pair<std::string, Value>> &entries;
  std::vector<PythonRegex> patterns;
  std::vector<bool> used;
};

size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min(
          {above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

/// The path with every numeric segment as `*`, so that layers share one line.
std::string collapseLayers(const std::string &path) {
  std::string result;
  for (size_t start = 0; start <= path.size();) {
    size_t end = std::min(path.find('.', start), path.size());
    std::string segment = path.substr(start, end - start);
    bool number = !segment.empty() &&
                  segment.find_first_not_of("0123456789") == std::string::npos;
    result += (result.empty() ? "" : ".") + (number ? "*" : segment);
    start = end + 1;
  }
  return result;
}

/// Distance of a request to the closest dotted suffix of a path. Only the start
/// of an overlong request counts, because the distance takes quadratic time.
size_t distanceToPath(const std::string &wholeRequest,
                      const std::string &path) {
  std::string request = wholeRequest.substr(0, 256);
  size_t best = editDistance(request, path);
  for (size_t dot = path.find('.'); dot != std::string::npos;
       dot = path.find('.', dot + 1))
    best = std::min(best, editDistance(request, path.substr(dot + 1)));
  return best;
}

std::string listCandidates(const std::vector<std::string> &requests,
                           const std::vector<ModuleCandidate> &candidates) {
  struct Line {
    size_t distance, order, count;
    std::string example;
  };
  std::map<std::string, Line> lines;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const std::string &path = candidates[i].path;
    auto [it, isNew] =
        lines.try_emplace(collapseLayers(path), Line{SIZE_MAX, i, 0, path});
    ++it->second.count;
    if (isNew)
      for (const std::string &request : requests)
        it->second.distance =
            std::min(it->second.distance, distanceToPath(request, path));
  }
  std::vector<std::pair<std::string, Line>> sorted(lines.begin(), lines.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) {
    return std::pair(a.second.distance, a.second.order) <
           std::pair(b.second.distance, b.second.order);
  });
  std::string text;
  for (size_t i = 0; i < std::min(sorted.size(), maxListed); ++i) {
    const auto &[name, line] = sorted[i];
    text += (i ? ", " : "") +
            (line.count == 1
                 ? line.example
                 : name + " (" + std::to_string(line.count) + " modules)");
  }
  if (sorted.size() > maxListed)
    text += ", and " + std::to_string(sorted.size() - maxListed) + " more";
  return text;
}

std::string quoteNames(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

InputError noMatch(const LoraSpec &spec,
                   const std::vector<ModuleCandidate> &candidates,
                   bool selectedSome) {
  if (candidates.empty())
    return {spec.file, "target_modules",
            "the model has no linear layer that LoRA could adapt"};
  std::string listed = "; closest of the modules that can be adapted: ";
  if (selectedSome)
    return {spec.file, "target_modules",
            "every module it matches is removed by exclude_modules or "
            "layers_to_transform" +
                listed + listCandidates(spec.targets.names, candidates)};
  if (spec.targets.kind == ModuleSelector::Pattern)
    return {spec.file, "target_modules",
            "no module path matches \"" + spec.targets.pattern +
                "\" as a whole (a string is a regular expression; use a list "
                "for names)" +
                listed + listCandidates({spec.targets.pattern}, candidates)};
  return {spec.file, "target_modules",
          "no module matches " +
              (spec.targets.kind == ModuleSelector::List
                   ? quoteNames(spec.targets.names)
                   : "\"all-linear\"") +
              listed + listCandidates(spec.targets.names, candidates)};
}

} // namespace

InputOr<TargetMatch>
matchTargets(const LoraSpec &spec,
             const std::vector<ModuleCandidate> &candidates) {
  Selector targets(spec.targets), excludes(spec.excludes);
  LayerFilter layers(spec);
  PatternMap<int64_t> ranks(spec.rankPattern);
  PatternMap<double> alphas(spec.alphaPattern);
  TargetMatch result;
  bool selectedSome = false, excludedSome = false;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const ModuleCandidate &module = candidates[i];
    Selector::Match match = targets.match(module);
    bool excluded = excludes.match(module) != Selector::No;
    selectedSome |= match != Selector::No;
    excludedSome |= excluded;
    if (excluded || match == Selector::No ||
        (match == Selector::Suffix && !layers.accepts(module.path)))
      continue;
    MatchedModule matched;
    matched.candidate = i;
    matched.rank = ranks.lookup(module.path, spec.rank);
    matched.alpha = alphas.lookup(module.path, spec.alpha);
    matched.scaling = loraScaling(matched.alpha, matched.rank, spec.useRslora);
    result.modules.push_back(matched);
  }
  if (result.modules.empty())
    return noMatch(spec, candidates, selectedSome);
  for (const std::string &name : targets.unusedNames())
    result.warnings.push_back("target_modules: \"" + name +
                              "\" matches no module");
  if (spec.excludes.kind != ModuleSelector::None && !excludedSome)
    result.warnings.push_back("exclude_modules: no module was excluded");
  ranks.warnUnused("rank_pattern", result.warnings);
  alphas.warnUnused("alpha_pattern", result.warnings);
  return result;
}

} // namespace neap
