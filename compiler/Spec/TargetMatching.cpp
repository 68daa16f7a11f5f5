#include "compiler/Spec/TargetMatching.h"
#include "compiler/Spec/ClosestNames.h"
#include "compiler/Spec/Json.h"
#include "compiler/Spec/ModuleNaming.h"
#include "compiler/Spec/PythonRegex.h"
#include <algorithm>
#include <cmath>
#include <set>

namespace neap {

namespace {

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

  /// `path` is the module's path or one of its aliases.
  Match match(const ModuleCandidate &module, const std::string &path) {
    switch (selector.kind) {
    case ModuleSelector::None:
      return No;
    case ModuleSelector::AllLinear:
      return module.isOutputEmbedding ? No : Whole;
    case ModuleSelector::Pattern:
      return regex->fullMatch(path) ? Whole : No;
    case ModuleSelector::List:
      return matchList(path);
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
      patterns.push_back(
          compileChecked("(?:^|.*?\\.)" + pattern + "\\.(\\d+)\\."));
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

  /// The value of the first entry that matches any of a module's names.
  std::optional<Value> lookup(const std::vector<std::string> &names) {
    for (size_t i = 0; i < entries.size(); ++i)
      for (const std::string &name : names)
        if (patterns[i].match(name)) {
          used[i] = true;
          return entries[i].second;
        }
    return std::nullopt;
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

std::string quoteNames(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

InputError noMatch(const LoraSpec &spec,
                   const std::vector<ModuleCandidate> &candidates,
                   bool selectedSome) {
  auto fail = [&](const std::string &message) {
    return InputError{spec.file, "target_modules", message};
  };
  // The output projection is matched, so that asking for it is refused by name,
  // but never offered.
  std::vector<std::string> requests = spec.targets.names, paths;
  for (const ModuleCandidate &candidate : candidates)
    if (!candidate.isOutputEmbedding)
      paths.push_back(candidate.path);
  if (paths.empty())
    return fail("the model has no linear layer that LoRA could adapt");
  bool isPattern = spec.targets.kind == ModuleSelector::Pattern;
  if (isPattern)
    requests = {spec.targets.pattern};
  std::string listed = "; closest of the modules that can be adapted: " +
                       listClosestPaths(requests, paths);
  if (selectedSome)
    return fail("every module it matches is removed by exclude_modules or "
                "layers_to_transform" +
                listed);
  if (isPattern)
    return fail("no module path matches " + quoteNames(requests) +
                " as a whole (a string is a regular expression; use a list "
                "for names)" +
                listed);
  return fail("no module matches " +
              (spec.targets.kind == ModuleSelector::List ? quoteNames(requests)
                                                         : "\"all-linear\"") +
              listed);
}

/// PEFT accepts any alpha; float32 must be able to hold what comes of it.
std::optional<InputError> checkScaling(const LoraSpec &spec,
                                       const std::string &module,
                                       const MatchedModule &matched,
                                       bool fromPattern) {
  float scaling = float(matched.scaling);
  if (std::isfinite(scaling) && (scaling != 0 || matched.alpha == 0))
    return std::nullopt;
  return InputError{spec.file, fromPattern ? "alpha_pattern" : "lora_alpha",
                    "the scaling of module '" + module +
                        "' must be a number of float32, but alpha " +
                        formatNumber(matched.alpha) + " and rank " +
                        std::to_string(matched.rank) + " make it " +
                        formatNumber(matched.scaling)};
}

void warnOfAlpha(TargetMatch &match) {
  size_t zero = 0, negative = 0;
  for (const MatchedModule &module : match.modules) {
    zero += module.alpha == 0;
    negative += module.alpha < 0;
  }
  std::string of = " of " + std::to_string(match.modules.size()) + " modules";
  if (zero)
    match.warnings.push_back("lora_alpha: is 0 for " + std::to_string(zero) +
                             of +
                             ": their adapters have no effect and are "
                             "not trained");
  if (negative)
    match.warnings.push_back("lora_alpha: is negative for " +
                             std::to_string(negative) + of +
                             ": their adapters are subtracted, as in PEFT");
}

/// The work of matchTargets, candidate by candidate.
class Matcher {
public:
  Matcher(const LoraSpec &spec, const std::vector<ModuleCandidate> &candidates)
      : spec(spec), candidates(candidates), naming(candidates),
        targets(spec.targets), excludes(spec.excludes), layers(spec),
        ranks(spec.rankPattern), alphas(spec.alphaPattern) {}

  InputOr<TargetMatch> run() {
    for (size_t i = 0; i < candidates.size(); ++i)
      if (std::optional<InputError> error = visit(i))
        return *error;
    if (result.modules.empty())
      return noMatch(spec, candidates, selectedSome);
    // A spec that uses one alias knows the whole model under them.
    if (usedAlias)
      for (MatchedModule &module : result.modules)
        module.name = naming.namesOf(module.candidate).back();
    addWarnings();
    return std::move(result);
  }

private:
  std::optional<InputError> visit(size_t candidate) {
    const std::vector<std::string> &names = naming.namesOf(candidate);
    auto [match, name] = select(candidate);
    bool excluded = isExcluded(candidate);
    selectedSome |= match != Selector::No;
    excludedSome |= excluded;
    if (excluded || match == Selector::No ||
        (match == Selector::Suffix && !layers.accepts(name)))
      return std::nullopt;
    usedAlias |= name != names.front();
    if (auto rival = naming.findRival(candidate, name))
      return InputError{spec.file, "target_modules",
                        "\"" + name + "\" may be '" + names.front() + "' or '" +
                            candidates[*rival].path +
                            "': use the model's own names"};
    MatchedModule matched;
    matched.candidate = candidate;
    matched.name = name;
    matched.rank = ranks.lookup(names).value_or(spec.rank);
    std::optional<double> alpha = alphas.lookup(names);
    matched.alpha = alpha.value_or(spec.alpha);
    matched.scaling = loraScaling(matched.alpha, matched.rank, spec.useRslora);
    result.modules.push_back(matched);
    return checkScaling(spec, name, matched, alpha.has_value());
  }

  /// How the spec asks for the module, and under which of its names.
  std::pair<Selector::Match, std::string> select(size_t candidate) {
    for (const std::string &name : naming.namesOf(candidate))
      if (auto match = targets.match(candidates[candidate], name))
        return {match, name};
    return {Selector::No, ""};
  }

  bool isExcluded(size_t candidate) {
    const std::vector<std::string> &names = naming.namesOf(candidate);
    return std::any_of(names.begin(), names.end(), [&](const auto &name) {
      return excludes.match(candidates[candidate], name) != Selector::No;
    });
  }

  void addWarnings() {
    for (const std::string &name : targets.unusedNames())
      result.warnings.push_back("target_modules: \"" + name +
                                "\" matches no module");
    if (spec.excludes.kind != ModuleSelector::None && !excludedSome)
      result.warnings.push_back("exclude_modules: no module was excluded");
    ranks.warnUnused("rank_pattern", result.warnings);
    alphas.warnUnused("alpha_pattern", result.warnings);
    warnOfAlpha(result);
  }

  const LoraSpec &spec;
  const std::vector<ModuleCandidate> &candidates;
  ModuleNaming naming;
  Selector targets, excludes;
  LayerFilter layers;
  PatternMap<int64_t> ranks;
  PatternMap<double> alphas;
  bool selectedSome = false, excludedSome = false, usedAlias = false;
  TargetMatch result;
};

} // namespace

InputOr<TargetMatch>
matchTargets(const LoraSpec &spec,
             const std::vector<ModuleCandidate> &candidates) {
  return Matcher(spec, candidates).run();
}

} // namespace neap
