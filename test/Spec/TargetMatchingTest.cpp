#include "compiler/Spec/TargetMatching.h"
#include "test/Spec/SpecTesting.h"
#include <cmath>

using namespace neap;

namespace {

std::vector<ModuleCandidate> llama(int layers) {
  std::vector<ModuleCandidate> modules;
  for (int i = 0; i < layers; ++i)
    for (const char *name : {"self_attn.q_proj", "self_attn.k_proj",
                             "self_attn.v_proj", "mlp.up_proj"})
      modules.push_back(
          {"model.layers." + std::to_string(i) + "." + name, false, 8, 8});
  modules.push_back({"lm_head", true, 8, 32});
  return modules;
}

LoraSpec parse(const std::string &patch) {
  constexpr const char *base =
      R"({"peft_type": "LORA", "target_modules": ["q_proj"]})";
  InputOr<LoraSpec> spec = parseLoraSpec(patched(base, patch), "a.json");
  EXPECT_TRUE(spec) << errorText(spec);
  return spec ? *spec : LoraSpec();
}

/// Matched paths, comma separated, or the error.
std::string matched(const std::string &patch,
                    const std::vector<ModuleCandidate> &modules = llama(2)) {
  InputOr<TargetMatch> match = matchTargets(parse(patch), modules);
  if (!match)
    return match.error().text();
  std::string text;
  for (const MatchedModule &module : match->modules)
    text += (text.empty() ? "" : ",") + modules[module.candidate].path;
  return text;
}

std::string warnings(const std::string &patch) {
  InputOr<TargetMatch> match = matchTargets(parse(patch), llama(2));
  EXPECT_TRUE(match) << errorText(match);
  std::string text;
  if (match)
    for (const std::string &warning : match->warnings)
      text += warning + "\n";
  return text;
}

TEST(TargetMatching, ListMatchesWholeSegmentsAtTheEnd) {
  EXPECT_EQ(matched("{}"),
            "model.layers.0.self_attn.q_proj,model.layers.1.self_attn.q_proj");
  EXPECT_EQ(matched(R"({"target_modules": ["0.self_attn.q_proj"]})"),
            "model.layers.0.self_attn.q_proj");
  EXPECT_EQ(matched(R"({"target_modules": ["lm_head"]})"), "lm_head");
  // "proj" ends "q_proj" but is no segment of its own.
  EXPECT_EQ(matched(R"({"target_modules": ["proj", "lm_head"]})"), "lm_head");
}

TEST(TargetMatching, StringMatchesTheWholePath) {
  EXPECT_EQ(matched(R"({"target_modules": ".*\\.1\\..*(q|v)_proj"})"),
            "model.layers.1.self_attn.q_proj,model.layers.1.self_attn.v_proj");
}

TEST(TargetMatching, AllLinearLeavesTheOutputEmbedding) {
  EXPECT_EQ(matched(R"({"target_modules": "all-linear"})", llama(1)),
            "model.layers.0.self_attn.q_proj,model.layers.0.self_attn.k_proj,"
            "model.layers.0.self_attn.v_proj,model.layers.0.mlp.up_proj");
}

TEST(TargetMatching, ExcludesComeFirst) {
  EXPECT_EQ(matched(R"({"exclude_modules": ["0.self_attn.q_proj"]})"),
            "model.layers.1.self_attn.q_proj");
  EXPECT_EQ(matched(R"({"exclude_modules": ".*layers\\.1.*"})"),
            "model.layers.0.self_attn.q_proj");
}

TEST(TargetMatching, LayersAreTheFirstNumberedSegment) {
  std::vector<ModuleCandidate> moe = {
      {"model.layers.0.experts.1.q_proj", false, 8, 8},
      {"model.layers.1.experts.0.q_proj", false, 8, 8},
      {"layers.1.q_proj", false, 8, 8}};
  EXPECT_EQ(matched(R"({"layers_to_transform": 1})", moe),
            "model.layers.1.experts.0.q_proj");
  EXPECT_EQ(matched(R"({"layers_to_transform": [1],
                        "layers_pattern": "experts"})",
                    moe),
            "model.layers.0.experts.1.q_proj");
  EXPECT_EQ(matched(R"({"layers_to_transform": [1],
                        "layers_pattern": ["h", "layers"]})",
                    moe),
            "model.layers.1.experts.0.q_proj,layers.1.q_proj");
  EXPECT_EQ(matched(R"({"layers_to_transform": []})", moe),
            "model.layers.0.experts.1.q_proj,model.layers.1.experts.0.q_proj,"
            "layers.1.q_proj");
}

// PEFT tests equality before it looks at the layers.
TEST(TargetMatching, LayersDoNotFilterAnEqualPath) {
  EXPECT_EQ(matched(R"({"layers_to_transform": [1],
      "target_modules": ["model.layers.0.self_attn.q_proj", "q_proj"]})"),
            "model.layers.0.self_attn.q_proj,model.layers.1.self_attn.q_proj");
}

TEST(TargetMatching, PatternsDecideRankAndAlpha) {
  LoraSpec spec = parse(R"({"r": 8, "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"],
    "rank_pattern": {"layers.0.*q_proj": 2, "q_proj": 4, "^v_proj": 64},
    "alpha_pattern": {"0.self_attn.v_proj": 3}})");
  InputOr<TargetMatch> match = matchTargets(spec, llama(2));
  ASSERT_TRUE(match);
  ASSERT_EQ(match->modules.size(), 4u); // q0 v0 q1 v1
  EXPECT_EQ(match->modules[0].rank, 2); // the first pattern wins
  EXPECT_EQ(match->modules[0].scaling, 8);
  EXPECT_EQ(match->modules[1].rank, 8);
  EXPECT_EQ(match->modules[1].alpha, 3);
  EXPECT_EQ(match->modules[1].scaling, 3.0 / 8);
  EXPECT_EQ(match->modules[2].rank, 4);
  EXPECT_EQ(match->modules[3].scaling, 2);
  EXPECT_EQ(match->warnings, (std::vector<std::string>{
                                 "rank_pattern: \"^v_proj\" decides no adapted "
                                 "module"}));

  spec.useRslora = true;
  match = matchTargets(spec, llama(2));
  EXPECT_EQ(match->modules[0].scaling, 16 / std::sqrt(2.0));
}

TEST(TargetMatching, ATargetWithoutModuleIsAnErrorWithTheClosest) {
  EXPECT_EQ(matched(R"({"target_modules": ["qproj"]})"),
            "a.json: target_modules: no module matches \"qproj\"; closest of "
            "the modules that can be adapted: model.layers.*.self_attn.q_proj "
            "(2 modules), model.layers.*.self_attn.k_proj (2 modules), "
            "model.layers.*.self_attn.v_proj (2 modules), "
            "model.layers.*.mlp.up_proj (2 modules)");
  EXPECT_EQ(
      matched(R"({"target_modules": "up_proj"})")
          .find("a.json: target_modules: no module path matches "
                "\"up_proj\" as a whole (a string is a regular "
                "expression; use a list for names); closest of the "
                "modules that can be adapted: model.layers.*.mlp.up_proj"),
      0u);
  EXPECT_EQ(matched(R"({"exclude_modules": ["q_proj"]})")
                .find("a.json: target_modules: every module it matches is "
                      "removed by exclude_modules or layers_to_transform; "),
            0u);
  EXPECT_EQ(matched(R"({"layers_to_transform": [7]})")
                .find("a.json: target_modules: every module it matches is "),
            0u);
  // The output projection is never offered: adapting it is refused.
  EXPECT_EQ(
      matched(R"({"target_modules": "all-linear"})", {{"lm_head", true, 8, 8}}),
      "a.json: target_modules: the model has no linear layer that LoRA could "
      "adapt");
  EXPECT_EQ(matched("{}", {}),
            "a.json: target_modules: the model has no linear layer that LoRA "
            "could adapt");
}

TEST(TargetMatching, AtMostTwentyCandidatesAreListed) {
  std::vector<ModuleCandidate> many;
  for (char c = 'a'; c <= 'z'; ++c)
    many.push_back({std::string("block.") + c + "_proj", false, 1, 1});
  std::string text = matched(R"({"target_modules": ["c_pro"]})", many);
  EXPECT_NE(text.find("adapted: block.c_proj, "), std::string::npos) << text;
  EXPECT_NE(text.find(", and 6 more"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), ','), 20);
}

TEST(TargetMatching, WarnsAboutPartsWithoutEffect) {
  EXPECT_EQ(warnings("{}"), "");
  EXPECT_EQ(warnings(R"({"target_modules": ["q_proj", "c_attn", "c_attn"]})"),
            "target_modules: \"c_attn\" matches no module\n");
  EXPECT_EQ(warnings(R"({"exclude_modules": ["c_attn"]})"),
            "exclude_modules: no module was excluded\n");
  EXPECT_EQ(warnings(R"({"alpha_pattern": {"v_proj": 4}})"),
            "alpha_pattern: \"v_proj\" decides no adapted module\n");
}

TEST(TargetMatching, AlphaMustLeaveAScalingOfFloat32) {
  EXPECT_EQ(matched(R"({"lora_alpha": 1e300, "r": 8})"),
            "a.json: lora_alpha: the scaling of module "
            "'model.layers.0.self_attn.q_proj' must be a number of float32, "
            "but alpha 1e+300 and rank 8 make it 1.25e+299");
  EXPECT_EQ(matched(R"({"lora_alpha": 1e-300})").find("a.json: lora_alpha: "),
            0u);
  EXPECT_EQ(matched(R"({"alpha_pattern": {"q_proj": 1e300}})")
                .find("a.json: alpha_pattern: "),
            0u);
}

// PEFT takes alpha as it is.
TEST(TargetMatching, AlphaZeroOrNegativeIsAWarning) {
  EXPECT_EQ(warnings(R"({"lora_alpha": 0})"),
            "lora_alpha: is 0 for 2 of 2 modules: their adapters have no "
            "effect and are not trained\n");
  EXPECT_EQ(warnings(R"({"alpha_pattern": {"0.self_attn.q_proj": -2}})"),
            "lora_alpha: is negative for 1 of 2 modules: their adapters are "
            "subtracted, as in PEFT\n");
}

/// As ONNX Runtime's model builder names a Llama.
std::vector<ModuleCandidate> shortened() {
  std::vector<ModuleCandidate> modules;
  for (const char *name : {"q_proj", "v_proj"}) {
    std::string start = "model.layers.0.";
    modules.push_back(
        {start + "attn." + name, false, 8, 8, {start + "self_attn." + name}});
  }
  modules.push_back({"model.layers.0.mlp.up_proj", false, 8, 8});
  modules.push_back({"lm_head", true, 8, 32});
  return modules;
}

/// What the adapter calls its modules.
std::string names(const std::string &patch,
                  const std::vector<ModuleCandidate> &modules) {
  InputOr<TargetMatch> match = matchTargets(parse(patch), modules);
  if (!match)
    return match.error().text();
  std::string text;
  for (const MatchedModule &module : match->modules)
    text += (text.empty() ? "" : ",") + module.name;
  return text;
}

TEST(TargetMatching, PathsAreAskedBeforeAliases) {
  EXPECT_EQ(names(R"({"target_modules": ["q_proj"]})", shortened()),
            "model.layers.0.attn.q_proj");
  EXPECT_EQ(names(R"({"target_modules": ["attn.q_proj"]})", shortened()),
            "model.layers.0.attn.q_proj");
  EXPECT_EQ(names(R"({"target_modules": "all-linear"})", shortened()),
            "model.layers.0.attn.q_proj,model.layers.0.attn.v_proj,"
            "model.layers.0.mlp.up_proj");
}

TEST(TargetMatching, AliasesSelectExcludeAndDecideRanks) {
  EXPECT_EQ(names(R"({"target_modules": ["self_attn.q_proj"]})", shortened()),
            "model.layers.0.self_attn.q_proj");
  // One alias in use: PEFT's model calls every module by its alias.
  EXPECT_EQ(names(R"({"target_modules": ["self_attn.q_proj", "v_proj"]})",
                  shortened()),
            "model.layers.0.self_attn.q_proj,model.layers.0.self_attn.v_proj");
  EXPECT_EQ(names(R"s({"target_modules":
                       ".*\\.(self_attn\\.v_proj|mlp\\.up_proj)"})s",
                  shortened()),
            "model.layers.0.self_attn.v_proj,model.layers.0.mlp.up_proj");
  EXPECT_EQ(names(R"({"target_modules": ["q_proj", "v_proj"],
                      "exclude_modules": ["self_attn.q_proj"]})",
                  shortened()),
            "model.layers.0.attn.v_proj");
  EXPECT_EQ(names(R"({"target_modules": ["self_attn.q_proj"],
                      "layers_to_transform": [0]})",
                  shortened()),
            "model.layers.0.self_attn.q_proj");
  InputOr<TargetMatch> match = matchTargets(
      parse(R"({"rank_pattern": {"self_attn.q_proj": 3}})"), shortened());
  ASSERT_TRUE(match) << errorText(match);
  EXPECT_EQ(match->modules[0].rank, 3);
  EXPECT_TRUE(match->warnings.empty());
}

TEST(TargetMatching, AModelsOwnWordsAreNoAliases) {
  std::vector<ModuleCandidate> both = shortened();
  both.push_back({"model.layers.1.self_attn.q_proj", false, 8, 8});
  EXPECT_EQ(names(R"({"target_modules": ["self_attn.q_proj"]})", both),
            "model.layers.1.self_attn.q_proj");
}

TEST(TargetMatching, AnAliasOfTwoModulesIsAnError) {
  std::vector<ModuleCandidate> twins = {
      {"a.attn.q_proj", false, 8, 8, {"a.self_attn.q_proj"}},
      {"a.attention.q_proj", false, 8, 8, {"a.self_attn.q_proj"}}};
  EXPECT_EQ(names(R"({"target_modules": ["self_attn.q_proj"]})", twins),
            "a.json: target_modules: \"a.self_attn.q_proj\" may be "
            "'a.attn.q_proj' or 'a.attention.q_proj': use the model's own "
            "names");
  EXPECT_EQ(names(R"({"target_modules": ["q_proj"]})", twins),
            "a.attn.q_proj,a.attention.q_proj");
}

} // namespace
