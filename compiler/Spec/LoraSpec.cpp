#include "compiler/Spec/LoraSpec.h"
#include "compiler/Spec/Json.h"
#include "compiler/Spec/PythonRegex.h"
#include <algorithm>
#include <cmath>

namespace neap {

namespace {

constexpr int64_t maxRank = 1 << 16;

/// Fields that no computation depends on: any value is accepted.
constexpr const char *commonFields[] = {"auto_mapping", "peft_version",
                                        "inference_mode"};

/// Fields of LoraConfig that change the mathematics and are not honoured, with
/// the default PEFT writes besides null, false and empty.
struct RefusedField {
  const char *name;
  const char *defaultJson;
};
constexpr RefusedField refusedFields[] = {
    {"alora_invocation_tokens", "null"},
    {"arrow_config", "null"},
    {"corda_config", "null"},
    {"ensure_weight_tying", "false"},
    {"eva_config", "null"},
    {"kasa_config", "null"},
    {"layer_replication", "null"},
    {"loftq_config", "{}"},
    {"lora_bias", "false"},
    {"lora_ga_config", "null"},
    {"megatron_config", "null"},
    {"megatron_core", "\"megatron.core\""},
    {"modules_to_save", "null"},
    {"monteclora_config", "null"},
    {"runtime_config", "{\"ephemeral_gpu_offload\":false}"},
    {"target_parameters", "null"},
    {"trainable_token_indices", "null"},
    {"use_bdlora", "null"},
    {"use_dora", "false"},
    {"use_qalora", "false"},
    {"qalora_group_size", "16"},
    {"velora_config", "null"},
};

void checkPattern(FieldReader &reader, const std::string &path,
                  const std::string &pattern) {
  std::string error;
  if (!PythonRegex::compile(pattern, error))
    reader.fail({reader.file(), path, "bad regular expression: " + error});
}

std::string lowered(std::string text) {
  for (char &c : text)
    c = tolower(static_cast<unsigned char>(c));
  return text;
}

void readSelector(FieldReader &reader, const std::string &name,
                  ModuleSelector &out) {
  const Json *field = reader.find(name);
  if (!field || isUnset(*field))
    return;
  if (field->is_array()) {
    out.kind = ModuleSelector::List;
    return reader.textList(name, out.names);
  }
  if (!field->is_string())
    return reader.fail(name, expectedButFound("a list of module names or a "
                                              "regular expression",
                                              *field));
  out.pattern = field->get<std::string>();
  out.kind = name == "target_modules" && lowered(out.pattern) == "all-linear"
                 ? ModuleSelector::AllLinear
                 : ModuleSelector::Pattern;
  if (out.kind == ModuleSelector::Pattern)
    checkPattern(reader, name, out.pattern);
}

void readLayers(FieldReader &reader, LoraSpec &spec) {
  const Json *field = reader.find("layers_to_transform");
  if (field && field->is_number()) {
    int64_t layer = 0;
    reader.integer("layers_to_transform", layer, 0);
    spec.layersToTransform = {layer};
  } else if (field && field->is_array()) {
    for (const Json &item : *field) {
      if (!item.is_number_unsigned())
        return reader.fail(
            {reader.file(),
             jsonPath("layers_to_transform", spec.layersToTransform.size()),
             expectedButFound("an integer >= 0", item)});
      spec.layersToTransform.push_back(item.get<int64_t>());
    }
  } else if (field) {
    return reader.fail(
        "layers_to_transform",
        expectedButFound("an integer or a list of integers", *field));
  }

  const Json *pattern = reader.find("layers_pattern");
  if (pattern && pattern->is_string() && !isUnset(*pattern))
    spec.layersPattern = {pattern->get<std::string>()};
  else if (pattern && !isUnset(*pattern))
    reader.textList("layers_pattern", spec.layersPattern);
  for (const std::string &item : spec.layersPattern)
    checkPattern(reader, "layers_pattern",
                 "(?:^|.*?\\.)" + item + "\\.(\\d+)\\.");
  if (spec.layersToTransform.empty() && !spec.layersPattern.empty())
    reader.fail("layers_pattern", "needs layers_to_transform");

  for (const char *name : {"layers_to_transform", "layers_pattern"}) {
    const Json *value = reader.find(name);
    if (value && !isUnset(*value) && spec.targets.kind != ModuleSelector::List)
      reader.fail(name, "needs target_modules to be a list of names");
  }
}

template <typename Value, typename Read>
void readPatternMap(FieldReader &reader, const std::string &name,
                    std::vector<std::pair<std::string, Value>> &out,
                    Read read) {
  const Json *field = reader.find(name);
  if (!field || isUnset(*field))
    return;
  FieldReader map(*field, reader.file(), name);
  if (!map.failed())
    for (const auto &item : field->items()) {
      Value value{};
      map.require(item.key());
      read(map, item.key(), value);
      out.push_back({item.key(), value});
      checkPattern(reader, jsonPath(name, item.key()),
                   "(.*\\.)?(" + item.key() + ")$");
    }
  if (map.failed())
    reader.fail(map.error());
}

void readInit(FieldReader &reader, LoraSpec &spec) {
  const Json *field = reader.find("init_lora_weights");
  if (!field)
    return;
  if (field->is_boolean())
    spec.init = field->get<bool>() ? LoraInit::Default : LoraInit::Random;
  else if (*field == "gaussian")
    spec.init = LoraInit::Gaussian;
  else
    reader.fail("init_lora_weights",
                showJson(*field) +
                    " is not supported; expected true, false or \"gaussian\"");
}

/// A text field that must hold one particular value.
void readFixed(FieldReader &reader, const std::string &name,
               const std::string &value) {
  const Json *field = reader.find(name);
  if (field && *field != value)
    reader.fail(name, showJson(*field) + " is not supported; expected " +
                          Json(value).dump());
}

void readRefused(FieldReader &reader) {
  for (const RefusedField &refused : refusedFields) {
    const Json *field = reader.find(refused.name);
    if (field && !isUnset(*field) && *field != Json::parse(refused.defaultJson))
      reader.fail(refused.name, showJson(*field) +
                                    " changes the result and is not supported");
  }
}

/// A newer PEFT may add fields: at "not set" they cannot matter.
void refuseUnknown(FieldReader &reader, const Json &document) {
  for (const std::string &name : reader.unknownFields())
    if (!isUnset(document[name]))
      reader.fail(name, "is not a known field and is set to " +
                            showJson(document[name]));
}

} // namespace

InputOr<LoraSpec> parseLoraSpec(std::string_view text,
                                const std::string &file) {
  InputOr<Json> document = parseJson(text, file);
  if (!document)
    return document.error();
  LoraSpec spec;
  spec.file = file;
  FieldReader reader(*document, file);
  reader.require("peft_type");
  readFixed(reader, "peft_type", "LORA");
  readFixed(reader, "task_type", "CAUSAL_LM");
  readFixed(reader, "bias", "none");
  reader.integer("r", spec.rank, 1, maxRank);
  reader.number("lora_alpha", spec.alpha);
  reader.number("lora_dropout", spec.dropout, {0, 1, false, true, true});
  reader.boolean("use_rslora", spec.useRslora);
  reader.boolean("fan_in_fan_out", spec.fanInFanOut);
  reader.text("base_model_name_or_path", spec.baseModel);
  reader.text("revision", spec.revision);
  readSelector(reader, "target_modules", spec.targets);
  readSelector(reader, "exclude_modules", spec.excludes);
  if (spec.targets.kind == ModuleSelector::None)
    reader.fail("target_modules",
                "is required: a list of module names, a regular expression or "
                "\"all-linear\"");
  readLayers(reader, spec);
  readPatternMap(reader, "rank_pattern", spec.rankPattern,
                 [](FieldReader &map, const std::string &key, int64_t &out) {
                   map.integer(key, out, 1, maxRank);
                 });
  readPatternMap(reader, "alpha_pattern", spec.alphaPattern,
                 [](FieldReader &map, const std::string &key, double &out) {
                   map.number(key, out);
                 });
  readInit(reader, spec);
  readRefused(reader);
  for (const char *name : commonFields)
    reader.find(name);
  refuseUnknown(reader, *document);
  if (reader.failed())
    return reader.error();
  return spec;
}

InputOr<LoraSpec> readLoraSpec(const std::string &file) {
  InputOr<std::string> text = readTextFile(file, 16u << 20);
  if (!text)
    return text.error();
  return parseLoraSpec(*text, file);
}

double loraScaling(double alpha, int64_t rank, bool useRslora) {
  return alpha / (useRslora ? std::sqrt(double(rank)) : double(rank));
}

namespace {

Json selectorJson(const ModuleSelector &selector,
                  const std::vector<std::string> &expansion) {
  switch (selector.kind) {
  case ModuleSelector::None:
    return nullptr;
  case ModuleSelector::List:
    return selector.names;
  case ModuleSelector::Pattern:
    return selector.pattern;
  case ModuleSelector::AllLinear:
    return expansion;
  }
  return nullptr;
}

/// Whole numbers as integers, as PEFT's own int fields are written.
Json numberJson(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return int64_t(value);
  return value;
}

Json initJson(LoraInit init) {
  if (init == LoraInit::Gaussian)
    return "gaussian";
  return init == LoraInit::Default;
}

} // namespace

std::string renderAdapterConfig(const LoraSpec &spec,
                                const std::vector<std::string> &matchedPaths) {
  nlohmann::json config; // sorted keys
  auto orNull = [](const auto &value) {
    return value.empty() ? Json(nullptr) : Json(value);
  };
  config["alpha_pattern"] = Json::object();
  for (const auto &[key, value] : spec.alphaPattern)
    config["alpha_pattern"][key] = numberJson(value);
  config["auto_mapping"] = nullptr;
  config["base_model_name_or_path"] = orNull(spec.baseModel);
  config["bias"] = "none";
  config["exclude_modules"] = selectorJson(spec.excludes, {});
  config["fan_in_fan_out"] = spec.fanInFanOut;
  config["inference_mode"] = true;
  config["init_lora_weights"] = initJson(spec.init);
  config["layer_replication"] = nullptr;
  config["layers_pattern"] = orNull(spec.layersPattern);
  config["layers_to_transform"] = orNull(spec.layersToTransform);
  config["loftq_config"] = Json::object();
  config["lora_alpha"] = numberJson(spec.alpha);
  config["lora_dropout"] = spec.dropout;
  config["megatron_config"] = nullptr;
  config["megatron_core"] = "megatron.core";
  config["modules_to_save"] = nullptr;
  config["peft_type"] = "LORA";
  config["r"] = spec.rank;
  config["rank_pattern"] = Json::object();
  for (const auto &[key, value] : spec.rankPattern)
    config["rank_pattern"][key] = value;
  config["revision"] = orNull(spec.revision);
  config["target_modules"] = selectorJson(spec.targets, matchedPaths);
  config["task_type"] = "CAUSAL_LM";
  config["use_dora"] = false;
  config["use_rslora"] = spec.useRslora;
  return config.dump(2) + "\n";
}

} // namespace neap
