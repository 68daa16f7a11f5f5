#include "compiler/Spec/TrainSpec.h"
#include "compiler/Spec/EffectiveSpec.h"
#include "compiler/Spec/Json.h"
#include "test/Spec/OracleCases.h"
#include "test/Spec/SpecTesting.h"

using namespace neap;

namespace {

constexpr const char *minimal = R"({"per_device_train_batch_size": 2,
  "max_length": 32, "learning_rate": 0.005, "max_steps": 20})";

TrainSpec parse(const std::string &patch) {
  InputOr<TrainSpec> spec = parseTrainSpec(patched(minimal, patch), "t.json");
  EXPECT_TRUE(spec) << errorText(spec);
  return spec ? *spec : TrainSpec();
}

std::string parseError(const std::string &patch) {
  return errorText(parseTrainSpec(patched(minimal, patch), "t.json"));
}

TEST(TrainSpec, DefaultsAreHuggingFace) {
  TrainSpec spec = parse("{}");
  const neap_training &training = spec.training;
  EXPECT_EQ(training.batch_rows, 2);
  EXPECT_EQ(spec.maxLength, 32);
  EXPECT_EQ(training.accumulation_steps, 1);
  EXPECT_EQ(training.max_steps, 20);
  EXPECT_EQ(training.epochs, 0);
  EXPECT_EQ(training.learning_rate, 0.005);
  EXPECT_EQ(training.schedule, NEAP_SCHEDULE_LINEAR);
  EXPECT_EQ(training.optimizer, NEAP_OPTIMIZER_ADAMW);
  EXPECT_EQ(training.warmup_steps, 0);
  EXPECT_EQ(training.beta1, 0.9);
  EXPECT_EQ(training.beta2, 0.999);
  EXPECT_EQ(training.epsilon, 1e-8);
  EXPECT_EQ(training.weight_decay, 0);
  EXPECT_EQ(training.max_grad_norm, 1);
  EXPECT_EQ(training.seed, 42u);
  EXPECT_EQ(training.shuffle, 1);
  EXPECT_EQ(training.completion_only_loss, -1);
  EXPECT_EQ(training.tokenizer, NEAP_TOKENIZER_NONE);
  EXPECT_EQ(training.eos_token, -1);
  EXPECT_EQ(spec.weights, WeightsPlace::Mapped);
  EXPECT_EQ(spec.threads, 0);
  EXPECT_TRUE(spec.unusedFields.empty() && spec.warnings.empty());
}

TEST(TrainSpec, ReadsEveryHonouredField) {
  TrainSpec spec = parse(R"({"gradient_accumulation_steps": 4,
    "lr_scheduler_type": "cosine", "warmup_steps": 3, "optim": "sgd",
    "adam_beta1": 0.8, "adam_beta2": 0.95, "adam_epsilon": 1e-6,
    "weight_decay": 0.1, "max_grad_norm": 0, "seed": 7,
    "shuffle_dataset": false, "completion_only_loss": true,
    "eos_token": "\u0000", "neap": {"tokenizer": "bytes",
    "base_weights": "as_is", "weights": "resident", "softmax": "exact",
    "momentum": 0.9, "threads": 8}})");
  const neap_training &training = spec.training;
  EXPECT_EQ(training.accumulation_steps, 4);
  EXPECT_EQ(training.schedule, NEAP_SCHEDULE_COSINE);
  EXPECT_EQ(training.warmup_steps, 3);
  EXPECT_EQ(training.optimizer, NEAP_OPTIMIZER_SGD);
  EXPECT_EQ(training.beta1, 0.8);
  EXPECT_EQ(training.beta2, 0.95);
  EXPECT_EQ(training.epsilon, 1e-6);
  EXPECT_EQ(training.weight_decay, 0.1);
  EXPECT_EQ(training.momentum, 0.9);
  EXPECT_EQ(training.max_grad_norm, 0);
  EXPECT_EQ(training.seed, 7u);
  EXPECT_EQ(training.shuffle, 0);
  EXPECT_EQ(training.completion_only_loss, 1);
  EXPECT_EQ(training.tokenizer, NEAP_TOKENIZER_BYTES);
  EXPECT_EQ(training.eos_token, 0);
  EXPECT_EQ(spec.weights, WeightsPlace::Resident);
  EXPECT_EQ(spec.threads, 8);
}

TEST(TrainSpec, StepsOrEpochs) {
  TrainSpec spec = parse(R"({"max_steps": -1, "num_train_epochs": 1.5})");
  EXPECT_EQ(spec.training.max_steps, 0);
  EXPECT_EQ(spec.training.epochs, 1.5);
  // Steps win, as in Hugging Face's Trainer.
  EXPECT_EQ(parse(R"({"num_train_epochs": 3})").training.epochs, 0);
  EXPECT_EQ(parseError(R"({"max_steps": null})"),
            "t.json: max_steps: a positive max_steps or num_train_epochs is "
            "required");
  EXPECT_EQ(parseError(R"({"max_steps": -1})"),
            "t.json: max_steps: a positive max_steps or num_train_epochs is "
            "required");
}

TEST(TrainSpec, WarmupInStepsOrAsAShare) {
  EXPECT_EQ(parse(R"({"warmup_ratio": 0.1})").training.warmup_steps, 0.1);
  EXPECT_EQ(parse(R"({"warmup_steps": 0.25})").training.warmup_steps, 0.25);
  TrainSpec both = parse(R"({"warmup_steps": 5, "warmup_ratio": 0.1})");
  EXPECT_EQ(both.training.warmup_steps, 5);
  EXPECT_EQ(both.warnings,
            (std::vector<std::string>{"warmup_ratio: warmup_steps decides"}));
  TrainSpec constant =
      parse(R"({"lr_scheduler_type": "constant", "warmup_steps": 5})");
  ASSERT_EQ(constant.warnings.size(), 1u);
  EXPECT_EQ(constant.warnings[0],
            "lr_scheduler_type: constant ignores the warm-up; use "
            "constant_with_warmup to have one");
  EXPECT_EQ(parseError(R"({"warmup_steps": 2.5})"),
            "t.json: warmup_steps: expected a whole number of steps or a "
            "fraction below 1, but found 2.5");
  EXPECT_EQ(parseError(R"({"warmup_ratio": 1.0})"),
            "t.json: warmup_ratio: expected a number >= 0 and < 1, but found "
            "1.0");
}

TEST(TrainSpec, EveryOptimizerAndSchedule) {
  for (const char *name : {"adamw_torch", "adamw_torch_fused"})
    EXPECT_EQ(parse(patched("{}", std::string(R"({"optim": ")") + name + "\"}"))
                  .training.optimizer,
              NEAP_OPTIMIZER_ADAMW);
  EXPECT_EQ(parse(R"({"lr_scheduler_type": "constant_with_warmup"})")
                .training.schedule,
            NEAP_SCHEDULE_CONSTANT_WITH_WARMUP);
  EXPECT_EQ(parseError(R"({"optim": "adamw_8bit"})"),
            "t.json: optim: \"adamw_8bit\" is not supported; expected one of "
            "adamw_torch, adamw_torch_fused, sgd");
  EXPECT_EQ(parseError(R"({"lr_scheduler_type": "polynomial"})"),
            "t.json: lr_scheduler_type: \"polynomial\" is not supported; "
            "expected one of constant, constant_with_warmup, linear, cosine");
}

TEST(TrainSpec, OptimizerArguments) {
  EXPECT_EQ(parse(R"({"optim": "sgd", "optim_args": "momentum=0.9"})")
                .training.momentum,
            0.9);
  EXPECT_EQ(parseError(R"({"optim_args": "momentum=0.9"})"),
            "t.json: optim_args: expected \"momentum=NUMBER\" with optim sgd, "
            "but found \"momentum=0.9\"");
  EXPECT_EQ(parseError(R"({"optim": "sgd", "optim_args": "nesterov=True"})")
                .find("t.json: optim_args: expected \"momentum=NUMBER\""),
            0u);
  EXPECT_EQ(parseError(R"({"optim": "sgd", "optim_args": "momentum=0.9,x"})"),
            "t.json: optim_args: momentum is not a number in "
            "\"momentum=0.9,x\"");
  EXPECT_EQ(parseError(R"({"optim": "sgd", "optim_args": "momentum=1"})"),
            "t.json: optim_args: expected a momentum >= 0 and < 1, but found "
            "1");
  EXPECT_EQ(parseError(R"({"neap": {"momentum": 0.9}})"),
            "t.json: neap.momentum: needs optim sgd");
  EXPECT_EQ(parseError(R"({"optim": "sgd", "optim_args": "momentum=0.9",
                           "neap": {"momentum": 0.8}})"),
            "t.json: neap.momentum: is also given by optim_args");
}

TEST(TrainSpec, MandatoryFields) {
  for (const char *name :
       {"per_device_train_batch_size", "max_length", "learning_rate"})
    EXPECT_EQ(parseError(std::string("{\"") + name + "\": null}"),
              std::string("t.json: ") + name + ": is required");
}

TEST(TrainSpec, BadValuesAreErrors) {
  EXPECT_EQ(parseError(R"({"per_device_train_batch_size": 0})"),
            "t.json: per_device_train_batch_size: expected an integer >= 1 and "
            "<= 2147483648, but found 0");
  EXPECT_EQ(parseError(R"({"max_length": 1})"),
            "t.json: max_length: expected an integer >= 2 and <= 1048576, "
            "but found 1");
  EXPECT_EQ(parseError(R"({"learning_rate": "5e-5"})"),
            "t.json: learning_rate: expected a number >= 0, but found "
            "\"5e-5\"");
  EXPECT_EQ(parseError(R"({"learning_rate": -1})"),
            "t.json: learning_rate: expected a number >= 0, but found -1");
  EXPECT_EQ(parseError(R"({"adam_beta2": 1})"),
            "t.json: adam_beta2: expected a number >= 0 and < 1, but found 1");
  EXPECT_EQ(parseError(R"({"max_steps": 1.5})"),
            "t.json: max_steps: expected an integer >= -1 and <= 2147483648, "
            "but found 1.5");
  EXPECT_EQ(parseError(R"({"num_train_epochs": 0})"),
            "t.json: num_train_epochs: expected a number > 0 and <= 1e+06, but "
            "found 0");
  EXPECT_EQ(parseError(R"({"seed": -1})"),
            "t.json: seed: expected an integer >= 0, but found -1");
  EXPECT_EQ(parseError(R"({"shuffle_dataset": 1})"),
            "t.json: shuffle_dataset: expected true or false, but found 1");
  EXPECT_EQ(parseError(R"({"neap": 3})"),
            "t.json: neap: expected an object, but found 3");
  EXPECT_EQ(parseError(R"({"neap": {"threads": 0}})"),
            "t.json: neap.threads: expected an integer >= 1 and <= 256, but "
            "found 0");
  EXPECT_EQ(parseError(R"({"neap": {"thread": 1}})"),
            "t.json: neap.thread: is not a known field; known are base_weights,"
            " momentum, softmax, threads, tokenizer, weights");
  EXPECT_EQ(parseError(R"({"neap": {"base_weights": "int4"}})"),
            "t.json: neap.base_weights: \"int4\" is not supported; expected "
            "as_is");
  EXPECT_EQ(parseError(R"({"neap": {"softmax": "sampled"}})"),
            "t.json: neap.softmax: \"sampled\" is not supported; expected "
            "exact");
}

TEST(TrainSpec, EndOfSequenceToken) {
  EXPECT_EQ(parse(R"({"eos_token": 10, "neap": {"tokenizer": "bytes"}})")
                .training.eos_token,
            10);
  EXPECT_EQ(parse(R"({"eos_token": "\n", "neap": {"tokenizer": "bytes"}})")
                .training.eos_token,
            10);
  EXPECT_EQ(parse(R"({"eos_token": ""})").training.eos_token, -1);
  EXPECT_EQ(parseError(R"({"eos_token": "</s>",
                           "neap": {"tokenizer": "bytes"}})"),
            "t.json: eos_token: expected a token id or a one-byte string, but "
            "found \"</s>\"");
  EXPECT_EQ(parseError(R"({"eos_token": -2, "neap": {"tokenizer": "bytes"}})"),
            "t.json: eos_token: expected an integer >= 0 and <= 2147483647, "
            "but found -2");
  EXPECT_EQ(parseError(R"({"eos_token": "</s>"})"),
            "t.json: eos_token: \"</s>\" needs neap.tokenizer to be bytes");
}

TEST(TrainSpec, FieldsThatChangeTheResultAreErrors) {
  EXPECT_EQ(parseError(R"({"packing": true})"),
            "t.json: packing: true changes the result and is not supported");
  EXPECT_EQ(parseError(R"({"bf16": true})"),
            "t.json: bf16: true changes the result and is not supported; "
            "arithmetic is fp32");
  EXPECT_EQ(parseError(R"({"max_seq_length": 512})"),
            "t.json: max_seq_length: 512 changes the result and is not "
            "supported; it is called max_length");
  for (const char *patch :
       {R"({"assistant_only_loss": true})", R"({"fp16": true})",
        R"({"label_smoothing_factor": 0.1})", R"({"group_by_length": true})",
        R"({"neftune_noise_alpha": 5})", R"({"loss_type": "dft"})",
        R"({"truncation_mode": "keep_end"})", R"({"adafactor": true})",
        R"({"lr_scheduler_kwargs": {"num_cycles": 2}})",
        R"({"dataloader_drop_last": true})", R"({"data_seed": 3})",
        R"({"load_best_model_at_end": true})",
        R"({"auto_find_batch_size": true})",
        R"({"optim_target_modules": "all-linear"})",
        R"({"dataset_text_field": "body"})",
        R"({"model_init_kwargs": {"dtype": "bfloat16"}})",
        R"({"chat_template_path": "x"})",
        R"({"dataset_kwargs": {"skip_prepare_dataset": true}})",
        R"({"router_aux_loss_coef": 0.001})"}) {
    std::string name = Json::parse(patch).begin().key();
    EXPECT_EQ(parseError(patch).find("t.json: " + name + ": "), 0u) << patch;
    EXPECT_NE(parseError(patch).find("changes the result"), std::string::npos)
        << parseError(patch);
  }
  EXPECT_EQ(parseError(R"({"learning_rates": 1})"),
            "t.json: learning_rates: is not a known field and is set to 1");
}

TEST(TrainSpec, DefaultsAndInfrastructureAreAccepted) {
  TrainSpec spec = parse(R"({"output_dir": "out", "logging_steps": 10,
    "save_strategy": "no", "report_to": "none", "run_name": null,
    "push_to_hub": false, "hub_token": "x", "dataloader_num_workers": 4,
    "gradient_checkpointing": true, "torch_compile": false,
    "eval_strategy": "no", "remove_unused_columns": true,
    "gradient_checkpointing_kwargs": {"use_reentrant": false},
    "bf16": false, "fp16": null, "packing": false, "neftune_noise_alpha": null,
    "label_smoothing_factor": 0.0, "loss_type": "nll",
    "truncation_mode": "keep_start", "dataset_text_field": "text",
    "completion_only_loss": null, "assistant_only_loss": false,
    "lr_scheduler_kwargs": {}, "group_by_length": false, "adafactor": false,
    "new_in_five_years": null})");
  EXPECT_EQ(spec.unusedFields,
            (std::vector<std::string>{
                "output_dir", "logging_steps", "save_strategy", "report_to",
                "hub_token", "dataloader_num_workers", "gradient_checkpointing",
                "eval_strategy", "remove_unused_columns",
                "gradient_checkpointing_kwargs"}));
}

TEST(TrainSpec, WholeFileErrors) {
  EXPECT_EQ(errorText(parseTrainSpec("3", "t.json")),
            "t.json: expected an object, but found 3");
  EXPECT_EQ(errorText(parseTrainSpec("{\"seed\": 1, \"seed\": 2}", "t.json")),
            "t.json: seed: the key appears twice in its object");
  EXPECT_EQ(errorText(readTrainSpec("/nonexistent/t.json")),
            "/nonexistent/t.json: cannot be opened: No such file or directory");
}

TEST(TrainSpec, SurvivesMutations) {
  std::string text = patched(minimal, R"({"optim": "sgd", "eos_token": "a",
    "optim_args": "momentum=0.9", "warmup_steps": 3, "bf16": false,
    "neap": {"tokenizer": "bytes", "threads": 8}, "report_to": ["x"]})");
  expectSurvivesMutations(text, [](const std::string &input) {
    return parseTrainSpec(input, "m.json");
  });
}

TEST(TrainSpec, DescribesWhatWasUnderstood) {
  TrainSpec spec = parse(R"({"warmup_ratio": 0.1, "neap": {"threads": 4}})");
  EXPECT_EQ(describeTraining(spec),
            "2 rows x 1 accumulated, up to 32 tokens, 20 steps, adamw_torch "
            "lr=0.005 betas=0.9,0.999 eps=1e-08 decay=0, linear, warm-up 10 % "
            "of steps, clip 1, seed 42");
  EXPECT_EQ(describeMethod(spec),
            "2 rows x 1 accumulated, up to 32 tokens, adamw_torch lr=0.005 "
            "betas=0.9,0.999 eps=1e-08 decay=0, linear, warm-up 10 % of steps, "
            "clip 1");
  EXPECT_EQ(describeExecution(spec), "tokenizer none, base weights as_is, "
                                     "mapped, softmax exact, threads 4");
  EXPECT_EQ(
      describeTraining(parse(R"({"optim": "sgd", "optim_args": "momentum=0.5",
                "max_steps": null, "num_train_epochs": 2, "max_grad_norm": 0,
                "lr_scheduler_type": "cosine", "warmup_steps": 3,
                "shuffle_dataset": false})")),
      "2 rows x 1 accumulated, up to 32 tokens, 2 epochs, sgd lr=0.005 "
      "momentum=0.5 decay=0, cosine, warm-up 3 steps, no clipping, seed "
      "42, not shuffled");
}

TEST(TrainSpec, ReferenceCasesParse) {
  std::vector<std::filesystem::path> cases = oracleCases();
  if (cases.empty())
    GTEST_SKIP() << "no reference cases in " << testDataDirectory();
  int accumulating = 0;
  for (const auto &folder : cases) {
    InputOr<TrainSpec> spec = readTrainSpec((folder / "train.json").string());
    ASSERT_TRUE(spec) << errorText(spec);
    EXPECT_TRUE(spec->unusedFields.empty()) << folder;
    EXPECT_EQ(spec->training.seed, 0u);
    EXPECT_GT(spec->training.max_steps, 0);
    accumulating += spec->training.accumulation_steps > 1;
  }
  EXPECT_EQ(accumulating, 3);
  EXPECT_EQ(cases.size(), 11u);
}

TEST(TrainSpec, SamplingIsHuggingFaces) {
  EXPECT_EQ(parse("{}").training.shuffle, 1);
  EXPECT_EQ(parse(R"({"shuffle_dataset": false})").training.shuffle, 0);
  EXPECT_EQ(
      parse(R"({"train_sampling_strategy": "sequential"})").training.shuffle,
      0);
  TrainSpec both = parse(R"({"shuffle_dataset": false,
                             "train_sampling_strategy": "random"})");
  EXPECT_EQ(both.training.shuffle, 1);
  EXPECT_EQ(both.warnings, (std::vector<std::string>{
                               "shuffle_dataset: train_sampling_strategy "
                               "decides: rows are drawn at random"}));
  EXPECT_EQ(parseError(R"({"shuffle_dataset": true,
                           "train_sampling_strategy": "sequential"})"),
            "t.json: shuffle_dataset: true shuffles the rows once where "
            "train_sampling_strategy is \"sequential\", which is not "
            "supported");
  EXPECT_EQ(parseError(R"({"train_sampling_strategy": "group_by_length"})"),
            "t.json: train_sampling_strategy: \"group_by_length\" is not "
            "supported; expected one of random, sequential");
}

TEST(TrainSpec, ValuesWithoutEffectWarn) {
  EXPECT_EQ(parse(R"({"learning_rate": 0})").warnings,
            (std::vector<std::string>{"learning_rate: 0 trains nothing"}));
  EXPECT_EQ(parse(R"({"adam_epsilon": 0})").warnings.size(), 1u);
  EXPECT_TRUE(parse(R"({"adam_epsilon": 0, "optim": "sgd"})").warnings.empty());
}

TEST(TrainSpec, NumbersMustBeNumbersOfFloat32) {
  for (const char *name :
       {"learning_rate", "adam_epsilon", "weight_decay", "max_grad_norm"})
    for (const char *value : {"-1", "1e60", "1e-60", "\"1\"", "true"}) {
      std::string patch =
          "{\"" + std::string(name) + "\": " + std::string(value) + "}";
      EXPECT_EQ(parseError(patch).find("t.json: " + std::string(name) +
                                       ": expected a number >= 0, but found "),
                0u)
          << parseError(patch);
    }
  EXPECT_EQ(parseError(R"({"adam_beta2": 0.99999999999})"),
            "t.json: adam_beta2: expected a number >= 0 and < 1, but found "
            "0.99999999999, which is 1 in float32");
}

TEST(TrainSpec, CountsAreBounded) {
  for (const char *value : {"0", "1", "1.5", "1e3", "99999999999999999999"}) {
    std::string patch = "{\"max_length\": " + std::string(value) + "}";
    EXPECT_EQ(parseError(patch).find("t.json: max_length: expected an integer "
                                     ">= 2 and <= 1048576, but found "),
              0u)
        << parseError(patch);
  }
  EXPECT_EQ(parseError(R"({"per_device_train_batch_size": 2000000000,
                           "gradient_accumulation_steps": 2})"),
            "t.json: gradient_accumulation_steps: expected at most 2147483648 "
            "rows per step, but found 2000000000 x 2");
}

/// SFTConfig of TRL 1.16 on transformers 5.23 as it stores itself: everything
/// at its default but bf16, which it turns on by itself.
constexpr const char *trlDefaults = R"({
    "output_dir": "x", "per_device_train_batch_size": 2,
    "num_train_epochs": 3.0, "max_steps": 10, "learning_rate": 0.001,
    "lr_scheduler_type": "linear", "lr_scheduler_kwargs": null,
    "warmup_steps": 0, "optim": "adamw_torch_fused", "optim_args": null,
    "weight_decay": 0.0, "adam_beta1": 0.9, "adam_beta2": 0.999,
    "adam_epsilon": 1e-08, "optim_target_modules": null,
    "gradient_accumulation_steps": 1, "average_tokens_across_devices": true,
    "max_grad_norm": 1.0, "label_smoothing_factor": 0.0, "bf16": false,
    "fp16": false, "bf16_full_eval": false, "fp16_full_eval": false,
    "tf32": null, "activation_checkpointing": false,
    "activation_checkpointing_kwargs": null, "gradient_checkpointing": true,
    "gradient_checkpointing_kwargs": null, "torch_compile": false,
    "torch_compile_backend": null, "torch_compile_mode": null,
    "use_liger_kernel": false, "liger_kernel_config": null,
    "use_cache": false, "neftune_noise_alpha": null,
    "torch_empty_cache_steps": null, "auto_find_batch_size": false,
    "logging_strategy": "steps", "logging_steps": 10,
    "logging_first_step": false, "log_on_each_node": true,
    "logging_nan_inf_filter": true, "include_num_input_tokens_seen": "no",
    "log_level": "passive", "log_level_replica": "warning",
    "disable_tqdm": false, "report_to": [], "run_name": null,
    "project": "huggingface", "trackio_space_id": null,
    "trackio_bucket_id": null, "trackio_static_space_id": null,
    "eval_strategy": "no", "eval_steps": null, "eval_delay": 0,
    "per_device_eval_batch_size": 8, "prediction_loss_only": false,
    "eval_on_start": false, "eval_do_concat_batches": true,
    "eval_use_gather_object": false, "eval_accumulation_steps": null,
    "include_for_metrics": [], "batch_eval_metrics": false,
    "save_only_model": false, "save_strategy": "steps", "save_steps": 500,
    "save_on_each_node": false, "save_total_limit": null,
    "enable_jit_checkpoint": false, "push_to_hub": false,
    "hub_token": "<HUB_TOKEN>", "hub_private_repo": null,
    "hub_model_id": null, "hub_strategy": "every_save",
    "hub_always_push": false, "hub_revision": null,
    "load_best_model_at_end": false, "metric_for_best_model": null,
    "greater_is_better": null, "ignore_data_skip": false,
    "restore_callback_states_from_checkpoint": false,
    "full_determinism": false, "seed": 42, "data_seed": null,
    "use_cpu": true,
    "accelerator_config": {"split_batches": false, "dispatch_batches": null, "even_batches": true, "use_seedable_sampler": true, "non_blocking": false, "gradient_accumulation_kwargs": null},
    "parallelism_config": null, "dataloader_drop_last": false,
    "dataloader_num_workers": 0, "dataloader_pin_memory": false,
    "dataloader_persistent_workers": false,
    "dataloader_prefetch_factor": null,
    "dataloader_multiprocessing_context": null, "dataloader_in_order": true,
    "remove_unused_columns": true, "label_names": null,
    "train_sampling_strategy": "random", "length_column_name": "length",
    "ddp_find_unused_parameters": null, "ddp_bucket_cap_mb": null,
    "ddp_broadcast_buffers": null, "ddp_static_graph": null,
    "ddp_backend": null, "ddp_timeout": 1800, "fsdp": null,
    "fsdp_config": null, "deepspeed": null, "debug": [],
    "skip_memory_metrics": true, "do_train": false, "do_eval": false,
    "do_predict": false, "resume_from_checkpoint": null, "local_rank": -1,
    "model_init_kwargs": null, "trust_remote_code": false,
    "router_aux_loss_coef": null, "chat_template_path": null,
    "dataset_text_field": "text", "dataset_kwargs": null,
    "dataset_num_proc": null, "eos_token": null, "max_length": 32,
    "truncation_mode": "keep_start", "shuffle_dataset": false,
    "packing": false, "packing_strategy": "bfd", "padding_free": false,
    "pad_to_multiple_of": "auto", "eval_packing": null,
    "completion_only_loss": null, "assistant_only_loss": false,
    "loss_type": "nll", "activation_offloading": false, "pad_token": null})";

TEST(TrainSpec, AcceptsWhatTrlStores) {
  InputOr<TrainSpec> spec = parseTrainSpec(trlDefaults, "t.json");
  ASSERT_TRUE(spec) << errorText(spec);
  const neap_training &training = spec->training;
  EXPECT_EQ(training.optimizer, NEAP_OPTIMIZER_ADAMW);
  EXPECT_EQ(training.schedule, NEAP_SCHEDULE_LINEAR);
  EXPECT_EQ(training.shuffle, 1);
  EXPECT_EQ(training.seed, 42u);
  EXPECT_EQ(spec->warnings.size(), 1u); // shuffle_dataset decides nothing

  // The same defaults where the file says nothing.
  TrainSpec bare = parse("{}");
  EXPECT_EQ(bare.training.beta1, training.beta1);
  EXPECT_EQ(bare.training.beta2, training.beta2);
  EXPECT_EQ(bare.training.epsilon, training.epsilon);
  EXPECT_EQ(bare.training.weight_decay, training.weight_decay);
  EXPECT_EQ(bare.training.max_grad_norm, training.max_grad_norm);
  EXPECT_EQ(bare.training.warmup_steps, training.warmup_steps);
  EXPECT_EQ(bare.training.seed, training.seed);
  EXPECT_EQ(bare.training.accumulation_steps, training.accumulation_steps);
  EXPECT_EQ(bare.training.completion_only_loss, training.completion_only_loss);
  EXPECT_EQ(bare.training.schedule, training.schedule);
}

} // namespace
