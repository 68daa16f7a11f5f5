#include "compiler/Spec/LoraSpec.h"
#include "compiler/Spec/EffectiveSpec.h"
#include "compiler/Spec/Json.h"
#include "test/Spec/OracleCases.h"
#include "test/Spec/SpecTesting.h"

using namespace neap;

namespace {

constexpr const char *minimal =
    R"({"peft_type": "LORA", "target_modules": ["q_proj", "v_proj"]})";

LoraSpec parse(const std::string &patch) {
  InputOr<LoraSpec> spec = parseLoraSpec(patched(minimal, patch), "a.json");
  EXPECT_TRUE(spec) << errorText(spec);
  return spec ? *spec : LoraSpec();
}

std::string parseError(const std::string &patch) {
  return errorText(parseLoraSpec(patched(minimal, patch), "a.json"));
}

TEST(LoraSpec, DefaultsArePeft) {
  LoraSpec spec = parse("{}");
  EXPECT_EQ(spec.rank, 8);
  EXPECT_EQ(spec.alpha, 8);
  EXPECT_EQ(spec.dropout, 0);
  EXPECT_FALSE(spec.useRslora);
  EXPECT_EQ(spec.init, LoraInit::Default);
  EXPECT_EQ(spec.targets.kind, ModuleSelector::List);
  EXPECT_EQ(spec.targets.names, (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(spec.excludes.kind, ModuleSelector::None);
}

TEST(LoraSpec, ReadsEveryHonouredField) {
  LoraSpec spec = parse(R"({
    "r": 16, "lora_alpha": 32.5, "lora_dropout": 0.05, "use_rslora": true,
    "fan_in_fan_out": true, "bias": "none", "task_type": "CAUSAL_LM",
    "init_lora_weights": "gaussian", "exclude_modules": "lm_.*",
    "layers_to_transform": [0, 2], "layers_pattern": "layers",
    "rank_pattern": {"z": 4, "a": 2}, "alpha_pattern": {"q_proj": 3},
    "base_model_name_or_path": "org/model", "revision": "main"})");
  EXPECT_EQ(spec.rank, 16);
  EXPECT_EQ(spec.alpha, 32.5);
  EXPECT_EQ(spec.dropout, 0.05);
  EXPECT_TRUE(spec.useRslora && spec.fanInFanOut);
  EXPECT_EQ(spec.init, LoraInit::Gaussian);
  EXPECT_EQ(spec.excludes.kind, ModuleSelector::Pattern);
  EXPECT_EQ(spec.excludes.pattern, "lm_.*");
  EXPECT_EQ(spec.layersToTransform, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(spec.layersPattern, (std::vector<std::string>{"layers"}));
  ASSERT_EQ(spec.rankPattern.size(), 2u);
  EXPECT_EQ(spec.rankPattern[0].first, "z"); // the order of the file
  EXPECT_EQ(spec.rankPattern[1].second, 2);
  EXPECT_EQ(spec.alphaPattern[0].second, 3);
  EXPECT_EQ(spec.baseModel, "org/model");
  EXPECT_EQ(spec.revision, "main");
  EXPECT_EQ(parse(R"({"init_lora_weights": false})").init, LoraInit::Random);
  EXPECT_EQ(parse(R"({"layers_to_transform": 3})").layersToTransform,
            (std::vector<int64_t>{3}));
  EXPECT_EQ(parse(R"({"target_modules": "All-Linear"})").targets.kind,
            ModuleSelector::AllLinear);
  EXPECT_EQ(parse(R"({"target_modules": ".*_proj"})").targets.kind,
            ModuleSelector::Pattern);
}

// Every field as PEFT 0.17 to 0.20 saves it.
TEST(LoraSpec, AcceptsEveryFieldAtItsDefault) {
  LoraSpec spec = parse(R"({
    "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null,
    "auto_mapping": {"base_model_class": "X"}, "bias": "none",
    "corda_config": null, "ensure_weight_tying": false, "eva_config": null,
    "exclude_modules": null, "inference_mode": true, "kasa_config": null,
    "layer_replication": null, "layers_pattern": null,
    "layers_to_transform": null, "loftq_config": {}, "lora_bias": false,
    "lora_ga_config": null, "megatron_config": null,
    "megatron_core": "megatron.core", "modules_to_save": [],
    "monteclora_config": null, "peft_version": "0.18.0",
    "qalora_group_size": 16, "rank_pattern": {}, "revision": null,
    "target_parameters": [], "trainable_token_indices": null,
    "use_bdlora": null, "use_dora": false, "use_qalora": false,
    "use_rslora": false, "velora_config": null,
    "added_next_year": null, "also_added": false})");
  EXPECT_EQ(spec.rank, 8);
}

TEST(LoraSpec, FieldsThatChangeTheResultAreErrors) {
  EXPECT_EQ(parseError(R"({"use_dora": true})"),
            "a.json: use_dora: true changes the result and is not supported");
  EXPECT_EQ(parseError(R"({"modules_to_save": ["lm_head"]})"),
            "a.json: modules_to_save: [\"lm_head\"] changes the result and is "
            "not supported");
  for (const char *patch :
       {R"({"lora_bias": true})", R"({"use_qalora": true})",
        R"({"layer_replication": [[0, 2]]})", R"({"loftq_config": {"b": 4}})",
        R"({"trainable_token_indices": [1]})", R"({"megatron_core": "x"})",
        R"({"target_parameters": ["w"]})", R"({"ensure_weight_tying": true})",
        R"({"alora_invocation_tokens": [1]})", R"({"eva_config": {"r": 1}})",
        R"({"qalora_group_size": 32})", R"({"arrow_config": {"k": 1}})"}) {
    std::string name = Json::parse(patch).begin().key();
    EXPECT_EQ(parseError(patch).find("a.json: " + name + ": "), 0u) << patch;
    EXPECT_NE(parseError(patch).find("is not supported"), std::string::npos);
  }
  EXPECT_EQ(parseError(R"({"bias": "all"})"),
            "a.json: bias: \"all\" is not supported; expected \"none\"");
  EXPECT_EQ(parseError(R"({"task_type": "SEQ_CLS"})"),
            "a.json: task_type: \"SEQ_CLS\" is not supported; expected "
            "\"CAUSAL_LM\"");
  EXPECT_EQ(parseError(R"({"peft_type": "IA3"})"),
            "a.json: peft_type: \"IA3\" is not supported; expected \"LORA\"");
  EXPECT_EQ(parseError(R"({"peft_type": null})"),
            "a.json: peft_type: is required");
  EXPECT_EQ(parseError(R"({"init_lora_weights": "pissa"})"),
            "a.json: init_lora_weights: \"pissa\" is not supported; expected "
            "true, false or \"gaussian\"");
  EXPECT_EQ(parseError(R"({"lora_magic": 3})"),
            "a.json: lora_magic: is not a known field and is set to 3");
}

TEST(LoraSpec, BadValuesAreErrors) {
  EXPECT_EQ(parseError(R"({"r": 0})"),
            "a.json: r: expected an integer >= 1 and <= 65536, but found 0");
  EXPECT_EQ(parseError(R"({"r": true})"),
            "a.json: r: expected an integer >= 1 and <= 65536, but found true");
  EXPECT_EQ(parseError(R"({"lora_alpha": "16"})"),
            "a.json: lora_alpha: expected a number, but found \"16\"");
  EXPECT_EQ(parseError(R"({"lora_dropout": 1.0})"),
            "a.json: lora_dropout: expected a number >= 0 and < 1, but found "
            "1.0");
  EXPECT_EQ(parseError(R"({"use_rslora": "yes"})"),
            "a.json: use_rslora: expected true or false, but found \"yes\"");
  EXPECT_EQ(parseError(R"({"target_modules": null})"),
            "a.json: target_modules: is required: a list of module names, a "
            "regular expression or \"all-linear\"");
  EXPECT_EQ(parseError(R"({"target_modules": 3})"),
            "a.json: target_modules: expected a list of module names or a "
            "regular expression, but found 3");
  EXPECT_EQ(parseError(R"({"target_modules": ["q", 1]})"),
            "a.json: target_modules[1]: expected a string, but found 1");
  EXPECT_EQ(parseError(R"({"target_modules": "(q"})"),
            "a.json: target_modules: bad regular expression: missing ), "
            "unterminated subpattern at offset 0");
  EXPECT_EQ(parseError(R"({"layers_to_transform": [0, -1]})"),
            "a.json: layers_to_transform[1]: expected an integer >= 0, but "
            "found -1");
  EXPECT_EQ(parseError(R"({"layers_to_transform": "0"})"),
            "a.json: layers_to_transform: expected an integer or a list of "
            "integers, but found \"0\"");
  EXPECT_EQ(parseError(R"({"layers_pattern": "h"})"),
            "a.json: layers_pattern: needs layers_to_transform");
  EXPECT_EQ(
      parseError(
          R"({"target_modules": "all-linear", "layers_to_transform": 1})"),
      "a.json: layers_to_transform: needs target_modules to be a list of "
      "names");
  EXPECT_EQ(parseError(R"({"rank_pattern": {"q": 0}})"),
            "a.json: rank_pattern.q: expected an integer >= 1 and <= 65536, "
            "but found 0");
  EXPECT_EQ(parseError(R"({"rank_pattern": [1]})"),
            "a.json: rank_pattern: expected an object, but found [1]");
  EXPECT_EQ(parseError(R"({"alpha_pattern": {"a.b": "x"}})"),
            "a.json: alpha_pattern[\"a.b\"]: expected a number, but found "
            "\"x\"");
  EXPECT_EQ(parseError(R"({"rank_pattern": {"(": 4}})")
                .find("a.json: rank_pattern[\"(\"]: bad regular expression: "),
            0u);
}

TEST(LoraSpec, WholeFileErrors) {
  EXPECT_EQ(errorText(parseLoraSpec("[]", "a.json")),
            "a.json: expected an object, but found []");
  EXPECT_EQ(errorText(parseLoraSpec("{\"r\": 8,\n\"r\": 8}", "a.json")),
            "a.json: r: the key appears twice in its object");
  EXPECT_EQ(errorText(parseLoraSpec("{\"r\": 8,\n}", "a.json"))
                .find("a.json: line 2, column 1: "),
            0u);
  EXPECT_EQ(errorText(readLoraSpec("/nonexistent/a.json")),
            "/nonexistent/a.json: cannot be opened: No such file or directory");
}

TEST(LoraSpec, SurvivesMutations) {
  std::string text = patched(minimal, R"({"r": 16, "lora_alpha": 32.5,
    "layers_to_transform": [0, 2], "layers_pattern": "layers",
    "exclude_modules": "lm_.*(?:x|y)+", "rank_pattern": {"^q(a|b)*": 4},
    "alpha_pattern": {"q": 3}, "init_lora_weights": "gaussian"})");
  expectSurvivesMutations(text, [](const std::string &input) {
    return parseLoraSpec(input, "m.json");
  });
}

TEST(LoraSpec, ScalingFollowsRslora) {
  EXPECT_EQ(loraScaling(16, 8, false), 2);
  EXPECT_EQ(loraScaling(16, 16, true), 4);
}

TEST(LoraSpec, RenderedConfigReadsBackTheSame) {
  LoraSpec spec = parse(R"({"r": 4, "lora_alpha": 2.5, "use_rslora": true,
    "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 7},
    "layers_to_transform": [1], "exclude_modules": ["k_proj"],
    "init_lora_weights": false, "base_model_name_or_path": "b"})");
  std::string text = renderAdapterConfig(spec, {});
  EXPECT_EQ(text.find("{\n  \"alpha_pattern\": {\n    \"v_proj\": 7\n  },\n"),
            0u);
  EXPECT_NE(text.find("\"inference_mode\": true"), std::string::npos);
  InputOr<LoraSpec> back = parseLoraSpec(text, "a.json");
  ASSERT_TRUE(back) << errorText(back);
  EXPECT_EQ(describeLora(*back), describeLora(spec));
  EXPECT_EQ(renderAdapterConfig(*back, {}), text);

  LoraSpec all = parse(R"({"target_modules": "all-linear"})");
  InputOr<LoraSpec> expanded =
      parseLoraSpec(renderAdapterConfig(all, {"a.q", "a.v"}), "a.json");
  ASSERT_TRUE(expanded);
  EXPECT_EQ(expanded->targets.names, (std::vector<std::string>{"a.q", "a.v"}));
}

TEST(LoraSpec, DescribesWhatWasUnderstood) {
  EXPECT_EQ(describeLora(parse(R"({"r": 4, "layers_to_transform": [0, 1],
              "rank_pattern": {"q": 2}, "use_rslora": true})")),
            "r=4 alpha=8 dropout=0 init=default rslora targets=q_proj,v_proj "
            "layers=0,1 r[q]=2");
}

TEST(LoraSpec, ReferenceCasesParse) {
  std::vector<std::filesystem::path> cases = oracleCases();
  if (cases.empty())
    GTEST_SKIP() << "no reference cases in " << testDataDirectory();
  for (const auto &folder : cases) {
    InputOr<LoraSpec> spec =
        readLoraSpec((folder / "adapter_config.json").string());
    ASSERT_TRUE(spec) << errorText(spec);
    EXPECT_EQ(spec->rank, 8);
    EXPECT_EQ(spec->alpha, 16);
    EXPECT_EQ(spec->targets.kind, ModuleSelector::List);
  }
}

TEST(LoraSpec, DropoutStaysBelowOneInFloat32) {
  EXPECT_EQ(parse(R"({"lora_dropout": 0.99})").dropout, 0.99);
  EXPECT_EQ(parseError(R"({"lora_dropout": 0.9999999999})"),
            "a.json: lora_dropout: expected a number >= 0 and < 1, but found "
            "0.9999999999, which is 1 in float32");
  for (const char *patch :
       {R"({"lora_dropout": 1})", R"({"lora_dropout": -0.1})"})
    EXPECT_EQ(parseError(patch).find("a.json: lora_dropout: expected a number "
                                     ">= 0 and < 1, but found "),
              0u);
}

} // namespace
