#include "compiler/Spec/EffectiveSpec.h"
#include "compiler/Spec/Count.h"
#include "compiler/Spec/Json.h"
#include "compiler/Spec/PlainText.h"

namespace neap {

namespace {

std::string joinNames(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ",") + name;
  return text;
}

std::string describeSelector(const ModuleSelector &selector) {
  switch (selector.kind) {
  case ModuleSelector::None:
    return "none";
  case ModuleSelector::List:
    return joinNames(selector.names);
  case ModuleSelector::Pattern:
    return "/" + selector.pattern + "/";
  case ModuleSelector::AllLinear:
    return "all-linear";
  }
  return "";
}

std::string describeInit(LoraInit init) {
  switch (init) {
  case LoraInit::Default:
    return "default";
  case LoraInit::Gaussian:
    return "gaussian";
  case LoraInit::Random:
    return "random";
  }
  return "";
}

std::string describeWarmup(double warmup) {
  if (warmup == 0)
    return "";
  if (warmup < 1)
    return ", warm-up " + formatNumber(100 * warmup) + " % of steps";
  return ", warm-up " + formatCount(int64_t(warmup), "step");
}

} // namespace

std::string optimizerName(const neap_training &training) {
  return training.optimizer == NEAP_OPTIMIZER_SGD ? "sgd" : "adamw_torch";
}

std::string scheduleName(const neap_training &training) {
  switch (training.schedule) {
  case NEAP_SCHEDULE_CONSTANT:
    return "constant";
  case NEAP_SCHEDULE_CONSTANT_WITH_WARMUP:
    return "constant_with_warmup";
  case NEAP_SCHEDULE_COSINE:
    return "cosine";
  default:
    return "linear";
  }
}

std::string describeLora(const LoraSpec &spec) {
  std::string text = "r=" + std::to_string(spec.rank) +
                     " alpha=" + formatNumber(spec.alpha) +
                     " dropout=" + formatNumber(spec.dropout) +
                     " init=" + describeInit(spec.init);
  if (spec.useRslora)
    text += " rslora";
  text += " targets=" + describeSelector(spec.targets);
  if (spec.excludes.kind != ModuleSelector::None)
    text += " excludes=" + describeSelector(spec.excludes);
  if (!spec.layersToTransform.empty()) {
    std::vector<std::string> layers;
    for (int64_t layer : spec.layersToTransform)
      layers.push_back(std::to_string(layer));
    text += " layers=" + joinNames(layers);
  }
  for (const auto &[key, rank] : spec.rankPattern)
    text += " r[" + key + "]=" + std::to_string(rank);
  for (const auto &[key, alpha] : spec.alphaPattern)
    text += " alpha[" + key + "]=" + formatNumber(alpha);
  return maskText(text); // it is shown, and a C string of the trainer
}

static std::string describeRows(const TrainSpec &spec) {
  const neap_training &training = spec.training;
  return formatCount(training.batch_rows, "row") + " x " +
         std::to_string(training.accumulation_steps) + " accumulated, up to " +
         std::to_string(spec.maxLength) + " tokens";
}

static std::string describeUpdate(const neap_training &training) {
  std::string text =
      optimizerName(training) + " lr=" + formatNumber(training.learning_rate);
  if (training.optimizer == NEAP_OPTIMIZER_ADAMW)
    text += " betas=" + formatNumber(training.beta1) + "," +
            formatNumber(training.beta2) +
            " eps=" + formatNumber(training.epsilon);
  else
    text += " momentum=" + formatNumber(training.momentum);
  text += " decay=" + formatNumber(training.weight_decay) + ", " +
          scheduleName(training) + describeWarmup(training.warmup_steps);
  return text + (training.max_grad_norm > 0
                     ? ", clip " + formatNumber(training.max_grad_norm)
                     : ", no clipping");
}

static std::string describeOrder(const neap_training &training) {
  return training.shuffle ? "" : ", not shuffled";
}

std::string describeTraining(const TrainSpec &spec) {
  const neap_training &training = spec.training;
  return describeRows(spec) + ", " +
         (training.max_steps > 0
              ? formatCount(training.max_steps, "step")
              : formatNumber(training.epochs) +
                    (training.epochs == 1 ? " epoch" : " epochs")) +
         ", " + describeUpdate(training) + ", seed " +
         std::to_string(training.seed) + describeOrder(training);
}

std::string describeMethod(const TrainSpec &spec) {
  return describeRows(spec) + ", " + describeUpdate(spec.training) +
         describeOrder(spec.training);
}

std::string describeExecution(const TrainSpec &spec) {
  std::string text =
      std::string("tokenizer ") +
      (spec.training.tokenizer == NEAP_TOKENIZER_BYTES ? "bytes" : "none");
  if (spec.training.eos_token >= 0)
    text += " (eos " + std::to_string(spec.training.eos_token) + ")";
  text += ", base weights as_is, ";
  text += getWeightsPlaceName(spec.weights);
  text += ", softmax exact, threads ";
  return text + (spec.threads ? std::to_string(spec.threads) : "per device");
}

} // namespace neap
