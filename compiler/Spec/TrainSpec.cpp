#include "compiler/Spec/TrainSpec.h"
#include "compiler/Spec/Json.h"
#include "compiler/Spec/TrainFields.h"
#include <cmath>

namespace neap {

namespace {

constexpr int64_t maxCount = int64_t(1) << 31;
/// Longest row: eight times what any published model is made for.
constexpr int64_t maxRowTokens = int64_t(1) << 20;
constexpr double noLimit = std::numeric_limits<double>::infinity();
constexpr NumberRange notNegative{0, noLimit, false, false, /*float32=*/true};
constexpr NumberRange fraction{0, 1, false, true, /*float32=*/true};

struct Choice {
  const char *name;
  int32_t value;
};
constexpr Choice schedules[] = {
    {"constant", NEAP_SCHEDULE_CONSTANT},
    {"constant_with_warmup", NEAP_SCHEDULE_CONSTANT_WITH_WARMUP},
    {"linear", NEAP_SCHEDULE_LINEAR},
    {"cosine", NEAP_SCHEDULE_COSINE}};
constexpr Choice optimizers[] = {{"adamw_torch", NEAP_OPTIMIZER_ADAMW},
                                 {"adamw_torch_fused", NEAP_OPTIMIZER_ADAMW},
                                 {"sgd", NEAP_OPTIMIZER_SGD}};
constexpr Choice tokenizers[] = {{"none", NEAP_TOKENIZER_NONE},
                                 {"bytes", NEAP_TOKENIZER_BYTES}};
constexpr Choice residencies[] = {
    {"mapped", int32_t(WeightsPlace::Mapped)},
    {"resident", int32_t(WeightsPlace::Resident)},
    {"streamed", int32_t(WeightsPlace::Streamed)}};
constexpr Choice samplings[] = {{"random", 1}, {"sequential", 0}};
constexpr Choice softmaxes[] = {{"exact", 0}};
constexpr Choice baseWeights[] = {{"as_is", 0}};

template <size_t N>
void readChoice(FieldReader &reader, const std::string &name,
                const Choice (&choices)[N], int32_t &out) {
  const Json *field = reader.find(name);
  if (!field)
    return;
  std::string known;
  for (const Choice &choice : choices) {
    if (*field == choice.name) {
      out = choice.value;
      return;
    }
    known += (known.empty() ? "" : ", ") + std::string(choice.name);
  }
  reader.fail(name, showJson(*field) + " is not supported; expected " +
                        (N > 1 ? "one of " : "") + known);
}

void readFlag(FieldReader &reader, const std::string &name, int32_t &out) {
  bool value = out != 0;
  reader.boolean(name, value);
  out = value;
}

/// Counters of rows and tokens must not overflow.
void checkRowsPerStep(FieldReader &reader, const neap_training &training) {
  if (training.batch_rows <= maxCount / training.accumulation_steps)
    return;
  reader.fail("gradient_accumulation_steps",
              "expected at most " + std::to_string(maxCount) +
                  " rows per step, but found " +
                  std::to_string(training.batch_rows) + " x " +
                  std::to_string(training.accumulation_steps));
}

void readDuration(FieldReader &reader, neap_training &training) {
  // Negative max_steps is Hugging Face's "epochs decide".
  reader.integer("max_steps", training.max_steps, -1, maxCount);
  reader.number("num_train_epochs", training.epochs,
                {0, 1e6, /*openBelow=*/true, false});
  if (training.max_steps > 0) {
    training.epochs = 0;
    return;
  }
  training.max_steps = 0;
  if (training.epochs == 0)
    reader.fail("max_steps",
                "a positive max_steps or num_train_epochs is required");
}

void readSchedule(FieldReader &reader, TrainSpec &spec) {
  neap_training &training = spec.training;
  training.schedule = NEAP_SCHEDULE_LINEAR;
  readChoice(reader, "lr_scheduler_type", schedules, training.schedule);
  reader.number("warmup_steps", training.warmup_steps, notNegative);
  if (training.warmup_steps >= 1 &&
      training.warmup_steps != std::floor(training.warmup_steps))
    reader.fail("warmup_steps",
                "expected a whole number of steps or a fraction below 1, but "
                "found " +
                    formatNumber(training.warmup_steps));
  double ratio = 0;
  reader.number("warmup_ratio", ratio, fraction);
  if (ratio > 0 && training.warmup_steps > 0)
    spec.warnings.push_back("warmup_ratio: warmup_steps decides");
  else if (ratio > 0)
    training.warmup_steps = ratio;
  if (training.schedule == NEAP_SCHEDULE_CONSTANT && training.warmup_steps > 0)
    spec.warnings.push_back(
        "lr_scheduler_type: constant ignores the warm-up; use "
        "constant_with_warmup to have one");
}

/// `momentum=0.9`, the only argument that is honoured.
void readOptimizerArguments(FieldReader &reader, neap_training &training) {
  std::string arguments;
  reader.text("optim_args", arguments);
  if (arguments.empty())
    return;
  const std::string key = "momentum=";
  if (training.optimizer != NEAP_OPTIMIZER_SGD ||
      arguments.compare(0, key.size(), key) != 0)
    return reader.fail("optim_args",
                       "expected \"momentum=NUMBER\" with optim sgd, but found "
                       "\"" +
                           arguments + "\"");
  InputOr<Json> value = parseJson(arguments.substr(key.size()), "");
  if (!value || !value->is_number())
    return reader.fail("optim_args",
                       "momentum is not a number in \"" + arguments + "\"");
  training.momentum = value->get<double>();
  if (!(training.momentum >= 0 && training.momentum < 1))
    reader.fail("optim_args", "expected a momentum >= 0 and < 1, but found " +
                                  showJson(*value));
}

void readOptimizer(FieldReader &reader, TrainSpec &spec) {
  neap_training &training = spec.training;
  training.optimizer = NEAP_OPTIMIZER_ADAMW;
  training.beta1 = 0.9;
  training.beta2 = 0.999;
  training.epsilon = 1e-8;
  training.max_grad_norm = 1.0;
  readChoice(reader, "optim", optimizers, training.optimizer);
  readOptimizerArguments(reader, training);
  reader.require("learning_rate");
  reader.number("learning_rate", training.learning_rate, notNegative);
  reader.number("adam_beta1", training.beta1, fraction);
  reader.number("adam_beta2", training.beta2, fraction);
  reader.number("adam_epsilon", training.epsilon, notNegative);
  reader.number("weight_decay", training.weight_decay, notNegative);
  reader.number("max_grad_norm", training.max_grad_norm, notNegative);
  if (training.learning_rate == 0)
    spec.warnings.push_back("learning_rate: 0 trains nothing");
  if (training.optimizer == NEAP_OPTIMIZER_ADAMW && training.epsilon == 0)
    spec.warnings.push_back("adam_epsilon: 0 makes a parameter NaN whose "
                            "gradient has been zero from the start");
}

void readNeapObject(FieldReader &reader, TrainSpec &spec) {
  const Json *object = reader.find("neap");
  if (!object)
    return;
  FieldReader neap(*object, reader.file(), "neap");
  int32_t only = 0, residency = int32_t(spec.weights);
  readChoice(neap, "tokenizer", tokenizers, spec.training.tokenizer);
  readChoice(neap, "base_weights", baseWeights, only);
  readChoice(neap, "weights", residencies, residency);
  readChoice(neap, "softmax", softmaxes, only);
  spec.weights = WeightsPlace(residency);
  int64_t threads = 0;
  neap.integer("threads", threads, 1, NEAP_MAX_THREADS);
  spec.threads = threads;
  if (neap.find("momentum")) {
    if (spec.training.optimizer != NEAP_OPTIMIZER_SGD)
      neap.fail("momentum", "needs optim sgd");
    else if (spec.training.momentum != 0)
      neap.fail("momentum", "is also given by optim_args");
    neap.number("momentum", spec.training.momentum, fraction);
  }
  neap.refuseUnknown();
  if (neap.failed())
    reader.fail(neap.error());
}

/// The id appended to each row; the byte tokenizer's ids are the bytes.
void readEndToken(FieldReader &reader, neap_training &training) {
  training.eos_token = -1;
  const Json *field = reader.find("eos_token");
  if (!field || isUnset(*field))
    return;
  if (training.tokenizer == NEAP_TOKENIZER_NONE)
    return reader.fail("eos_token",
                       showJson(*field) + " needs neap.tokenizer to be bytes");
  if (field->is_string() && field->get_ref<const std::string &>().size() == 1) {
    training.eos_token =
        static_cast<unsigned char>(field->get_ref<const std::string &>()[0]);
    return;
  }
  if (!field->is_number_integer())
    return reader.fail(
        "eos_token",
        expectedButFound("a token id or a one-byte string", *field));
  int64_t id = 0;
  reader.integer("eos_token", id, 0, std::numeric_limits<int32_t>::max());
  training.eos_token = id;
}

/// Hugging Face's trainer draws rows at random unless its sampling strategy is
/// sequential; TRL's shuffle_dataset (false by default) shuffles once before.
/// Neap's rows are drawn at random unless one of the two says otherwise.
void readShuffle(FieldReader &reader, TrainSpec &spec) {
  bool shuffle = true;
  reader.boolean("shuffle_dataset", shuffle);
  spec.training.shuffle = shuffle;
  const bool isGiven = reader.find("shuffle_dataset") != nullptr;
  if (!reader.find("train_sampling_strategy"))
    return;
  readChoice(reader, "train_sampling_strategy", samplings,
             spec.training.shuffle);
  if (isGiven && shuffle && !spec.training.shuffle)
    reader.fail("shuffle_dataset", "true shuffles the rows once where "
                                   "train_sampling_strategy is \"sequential\", "
                                   "which is not supported");
  if (isGiven && !shuffle && spec.training.shuffle)
    spec.warnings.push_back("shuffle_dataset: train_sampling_strategy decides: "
                            "rows are drawn at random");
}

void readData(FieldReader &reader, TrainSpec &spec) {
  neap_training &training = spec.training;
  int64_t seed = 42;
  reader.integer("seed", seed, 0);
  training.seed = seed;
  readShuffle(reader, spec);
  training.completion_only_loss = -1;
  if (reader.find("completion_only_loss"))
    readFlag(reader, "completion_only_loss", training.completion_only_loss);
  readEndToken(reader, training);
}

bool isDefault(const Json &value, const std::string &defaults) {
  for (size_t start = 0; start < defaults.size();) {
    size_t end = std::min(defaults.find('|', start), defaults.size());
    if (value == Json::parse(defaults.substr(start, end - start)))
      return true;
    start = end + 1;
  }
  return isUnset(value);
}

/// Everything that is not honoured: listed, accepted at its default or refused.
void readOthers(FieldReader &reader, const Json &document, TrainSpec &spec) {
  for (const std::string &name : reader.unknownFields()) {
    const Json &value = document[name];
    if (isInfrastructureField(name)) {
      if (!isUnset(value))
        spec.unusedFields.push_back(name);
      continue;
    }
    const FixedField *fixed = findFixedField(name);
    if (isDefault(value, fixed ? fixed->defaults : ""))
      continue;
    if (!fixed)
      return reader.fail(name, "is not a known field and is set to " +
                                   showJson(value));
    std::string advice = fixed->advice;
    return reader.fail(name, showJson(value) +
                                 " changes the result and is not supported" +
                                 (advice.empty() ? "" : "; " + advice));
  }
}

} // namespace

InputOr<TrainSpec> parseTrainSpec(std::string_view text,
                                  const std::string &file) {
  InputOr<Json> document = parseJson(text, file);
  if (!document)
    return document.error();
  TrainSpec spec;
  spec.file = file;
  neap_training &training = spec.training;
  training.accumulation_steps = 1;
  FieldReader reader(*document, file);
  for (const char *name : {"per_device_train_batch_size", "max_length"})
    reader.require(name);
  reader.integer("per_device_train_batch_size", training.batch_rows, 1,
                 maxCount);
  reader.integer("max_length", spec.maxLength, 2, maxRowTokens);
  reader.integer("gradient_accumulation_steps", training.accumulation_steps, 1,
                 maxCount);
  checkRowsPerStep(reader, training);
  readOptimizer(reader, spec);
  readDuration(reader, training);
  readSchedule(reader, spec);
  readNeapObject(reader, spec);
  readData(reader, spec);
  readOthers(reader, *document, spec);
  if (reader.failed())
    return reader.error();
  return spec;
}

InputOr<TrainSpec> readTrainSpec(const std::string &file) {
  InputOr<std::string> text = readTextFile(file, 16u << 20);
  if (!text)
    return text.error();
  return parseTrainSpec(*text, file);
}

} // namespace neap
