#include "compiler/Spec/TrainFields.h"
#include <algorithm>
#include <iterator>
#include <string_view>

namespace neap {

namespace {

constexpr std::string_view infrastructurePrefixes[] = {
    "logging_",
    "save_",
    "hub_",
    "push_to_hub",
    "eval_",
    "ddp_",
    "dataloader_",
    "fsdp",
    "log_",
    "torch_compile",
    "tpu_",
    "trackio_",
    "tf32",
    "include_",
    "per_device_eval_",
    "per_gpu_",
    "gradient_checkpointing",
    "activation_checkpointing"};

constexpr std::string_view infrastructureFields[] = {
    "_n_gpu",
    "accelerator_config",
    "activation_offloading",
    "average_tokens_across_devices",
    "batch_eval_metrics",
    "bf16_full_eval",
    "dataset_num_proc",
    "debug",
    "deepspeed",
    "disable_tqdm",
    "do_eval",
    "do_predict",
    "do_train",
    "enable_jit_checkpoint",
    "evaluation_strategy",
    "fp16_backend",
    "fp16_full_eval",
    "fp16_opt_level",
    "full_determinism",
    "greater_is_better",
    "half_precision_backend",
    "ignore_data_skip",
    "jit_mode_eval",
    "label_names",
    "length_column_name",
    "liger_kernel_config",
    "local_rank",
    "metric_for_best_model",
    "mp_parameters",
    "no_cuda",
    "output_dir",
    "overwrite_output_dir",
    "packing_strategy",
    "pad_to_multiple_of",
    "pad_token",
    "padding_free",
    "parallelism_config",
    "past_index",
    "prediction_loss_only",
    "project",
    "ray_scope",
    "remove_unused_columns",
    "report_to",
    "restore_callback_states_from_checkpoint",
    "resume_from_checkpoint",
    "run_name",
    "skip_memory_metrics",
    "torch_empty_cache_steps",
    "torchdynamo",
    "trust_remote_code",
    "use_cache",
    "use_cpu",
    "use_ipex",
    "use_legacy_prediction_loop",
    "use_liger",
    "use_liger_kernel",
    "use_mps_device",
};

constexpr FixedField fixedFields[] = {
    {"adafactor", "", "set optim instead"},
    {"assistant_only_loss", "", ""},
    {"auto_find_batch_size", "", "the batch size is fixed at compile time"},
    {"bf16", "", "arithmetic is fp32"},
    {"chat_template_path", "", ""},
    {"data_seed", "", "seed decides the order of rows"},
    {"dataloader_drop_last", "", ""},
    {"dataset_kwargs", "", ""},
    {"dataset_text_field", "\"text\"", "rows use the key \"text\""},
    {"fp16", "", "arithmetic is fp32"},
    {"group_by_length", "", ""},
    {"label_smoothing_factor", "0", ""},
    {"load_best_model_at_end", "", "the last adapter is the one written"},
    {"loss_type", "\"nll\"|\"chunked_nll\"", ""},
    {"lr_scheduler_kwargs", "", ""},
    {"max_seq_length", "", "it is called max_length"},
    {"model_init_kwargs", "", ""},
    {"neftune_noise_alpha", "0", ""},
    {"optim_target_modules", "", ""},
    {"packing", "", ""},
    {"router_aux_loss_coef", "", "no model with routed experts is supported"},
    {"truncation_mode", "\"keep_start\"", ""},
};

bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

} // namespace

bool isInfrastructureField(const std::string &name) {
  if (findFixedField(name))
    return false;
  return std::any_of(std::begin(infrastructurePrefixes),
                     std::end(infrastructurePrefixes),
                     [&](std::string_view p) { return startsWith(name, p); }) ||
         std::find(std::begin(infrastructureFields),
                   std::end(infrastructureFields),
                   name) != std::end(infrastructureFields);
}

const FixedField *findFixedField(const std::string &name) {
  auto it =
      std::find_if(std::begin(fixedFields), std::end(fixedFields),
                   [&](const FixedField &field) { return name == field.name; });
  return it == std::end(fixedFields) ? nullptr : &*it;
}

} // namespace neap
