// A hand-written trainer image: a model whose gradient is known in closed form.
//
// A target y after token x pulls every adapter element j (counted in the order
// of the saved file, over all parameters sorted by key) towards
//   c(x, y, j) = w * (((7 x + 13 y + 3 j) mod 17) / 16), w from model.weights,
// with loss sum_j (v_j - c)^2 / 2. test_runtime.py computes the same.
#include "neap/abi.h"
#include "neap/layout.h"
#include "toy_weights.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TOY_FEATURES
#define TOY_FEATURES "sse2,+cx8,-avx512f"
#endif
#ifndef TOY_TOKENIZER
#define TOY_TOKENIZER NEAP_TOKENIZER_NONE
#endif
#ifndef TOY_VOCABULARY
#define TOY_VOCABULARY 100
#endif
#ifndef TOY_EOS
#define TOY_EOS -1
#endif
#ifndef TOY_MAX_STEPS
#define TOY_MAX_STEPS 4
#endif
#ifndef TOY_EPOCHS
#define TOY_EPOCHS 0
#endif
#ifndef TOY_ACCUMULATION
#define TOY_ACCUMULATION 1
#endif
#ifndef TOY_SCHEDULE
#define TOY_SCHEDULE NEAP_SCHEDULE_CONSTANT
#endif
#ifndef TOY_WARMUP
#define TOY_WARMUP 0
#endif
#ifndef TOY_CLIP
#define TOY_CLIP 0
#endif
#ifndef TOY_SHUFFLE
#define TOY_SHUFFLE 0
#endif
#ifndef TOY_ARENA
#define TOY_ARENA arena_end
#endif
#ifndef TOY_RESIDENT
#define TOY_RESIDENT 0
#endif
#ifndef TOY_POISONED
#define TOY_POISONED 0
#endif
#ifndef TOY_NAN_ROW // row counter at which the loss becomes NaN
#define TOY_NAN_ROW -1
#endif
#ifdef TOY_SCALED // a configuration of which every scaling field is set
#define TOY_CONFIG                                                             \
  R"({"alpha_pattern": {"m.up": 12, "^m\\.big$": 0.1}, "bias": "none",
      "exclude_modules": ["head"], "init_lora_weights": false,
      "lora_alpha": 16, "megatron_core": "megatron.core",
      "modules_to_save": null, "peft_type": "LORA", "r": 4,
      "rank_pattern": {"m.big": 64}, "target_modules": ["up", "big"],
      "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": true}
)"
#else
#define TOY_CONFIG "{\n  \"peft_type\": \"LORA\"\n}\n"
#endif
#ifndef TOY_COMPLETION_ONLY
#define TOY_COMPLETION_ONLY -1
#endif

namespace {

constexpr int64_t max_tokens = 16, max_threads = 4;

// In the arena: unsorted, with lora_B stored transposed.
const neap_parameter parameters[] = {
    {"base_model.model.m.up.lora_B.weight", 5, 4, 0, 1, NEAP_INIT_ZERO, 0, 0},
    {"base_model.model.m.big.lora_A.weight", 64, 160, 20, 0, NEAP_INIT_NORMAL,
     0.125f, 0},
    {"base_model.model.m.up.lora_A.weight", 4, 3, 10260, 0, NEAP_INIT_UNIFORM,
     0.5f, 0},
};
const neap_parameter_group groups[] = {{parameters, 3, 1, 0, 0, 0}};
// First file-order element of each parameter.
constexpr int64_t first_element[] = {10252, 0, 10240};
constexpr int64_t elements = 10272, array_bytes = elements * 4 + 32;

constexpr int64_t up(int64_t bytes) { return (bytes + 63) / 64 * 64; }
constexpr int64_t values_at = 0, gradients_at = up(array_bytes),
                  moment1_at = 2 * up(array_bytes),
                  moment2_at = 3 * up(array_bytes),
                  partials_at = 4 * up(array_bytes),
                  ids_at = partials_at + up(elements * 8),
                  labels_at = ids_at + max_tokens * 4,
                  stacks_at =
                      (labels_at + max_tokens * 4 + 16383) / 16384 * 16384,
                  stacks_bytes = (max_threads - 1) * NEAP_STACK_BYTES,
                  io_at = stacks_at + stacks_bytes,
                  resident_at =
                      (io_at + neap_io_bytes(3) + 16383) / 16384 * 16384,
                  arena_end =
                      (resident_at + TOY_WEIGHTS_BYTES + 16383) / 16384 * 16384;

float *array(neap_context *ctx, int64_t offset) {
  return reinterpret_cast<float *>(ctx->arena + offset);
}

// File-order number of arena element `at`.
int64_t file_element(int64_t at) {
  int which = at < 20 ? 0 : at < 10260 ? 1 : 2;
  const neap_parameter *p = &parameters[which];
  int64_t local = at - p->element_offset;
  if (p->transposed)
    local = local % p->rows * p->cols + local / p->rows;
  return first_element[which] + local;
}

struct row_args {
  bool backward;
};

constexpr int64_t block = 640;

void row_task(neap_context *ctx, void *args, int64_t task, int64_t thread) {
  bool backward = static_cast<row_args *>(args)->backward;
  const int32_t *ids = reinterpret_cast<int32_t *>(ctx->arena + ids_at);
  const int32_t *labels = reinterpret_cast<int32_t *>(ctx->arena + labels_at);
  double *partials = reinterpret_cast<double *>(ctx->arena + partials_at);
  float weight =
      *reinterpret_cast<const float *>(ctx->weights + TOY_WEIGHTS_CHUNK);
  int64_t end = (task + 1) * block < elements ? (task + 1) * block : elements;
  partials[task] = thread < ctx->thread_count ? 0 : __builtin_nan("");
  for (int64_t at = task * block; at < end; ++at) {
    float value = array(ctx, values_at)[at], gradient = 0;
    for (int64_t t = 0; t < ctx->token_count; ++t) {
      if (labels[t] == NEAP_IGNORE_LABEL)
        continue;
      int64_t code = 7 * ids[t] + 13 * labels[t] + 3 * file_element(at);
      float pull = weight * (static_cast<float>(code % 17) / 16);
      gradient += value - pull;
      partials[task] += 0.5 * static_cast<double>(value - pull) *
                        static_cast<double>(value - pull);
    }
    if (backward)
      array(ctx, gradients_at)[at] += gradient * ctx->loss_scale;
  }
}

void run_row(neap_context *ctx, bool backward) {
  row_args args = {backward};
  int64_t tasks = (elements + block - 1) / block;
  ctx->parallel_for(ctx, row_task, &args, tasks);
  const double *partials = reinterpret_cast<double *>(ctx->arena + partials_at);
  for (int64_t i = 0; i < tasks; ++i)
    ctx->loss_sum += partials[i];
  if (static_cast<int64_t>(ctx->row_counter) == TOY_NAN_ROW)
    ctx->loss_sum = __builtin_nan("");
}

void train_row(neap_context *ctx) { run_row(ctx, true); }
void eval_row(neap_context *ctx) { run_row(ctx, false); }

void grad_norm(neap_context *ctx) {
  ctx->norm_squared = 0;
  for (int64_t i = 0; i < elements; ++i) {
    double gradient = static_cast<double>(array(ctx, gradients_at)[i]);
    ctx->norm_squared += gradient * gradient;
  }
}

void update(neap_context *ctx) {
#ifdef TOY_MAPS
  // What the emitted code never does: --seal must not survive it.
  syscall(SYS_mmap, nullptr, 4096, 3, 0x22, -1, 0);
#endif
  float *values = array(ctx, values_at), *gradients = array(ctx, gradients_at);
  float *moment1 = array(ctx, moment1_at), *moment2 = array(ctx, moment2_at);
  for (int64_t i = 0; i < elements; ++i) {
    float gradient = gradients[i] * ctx->grad_scale;
    moment1[i] = 0.9f * moment1[i] + 0.1f * gradient;
    moment2[i] = 0.999f * moment2[i] + 0.001f * gradient * gradient;
    float root = __builtin_sqrtf(moment2[i] / ctx->bias_correction2) + 1e-8f;
    values[i] -= ctx->learning_rate * 0.01f * values[i];
    values[i] -=
        ctx->learning_rate * (moment1[i] / ctx->bias_correction1) / root;
    gradients[i] = 0;
  }
}

} // namespace

extern "C" const struct neap_image neap_image = {
    NEAP_ABI_VERSION,
    max_threads,
    "toy \"job\"",
    "0.1.0",
    "1111111111111111111111111111111111111111111111111111111111111111",
    TOY_WEIGHTS_SHA256,
    "2222222222222222222222222222222222222222222222222222222222222222",
    "x86_64-linux-musl",
    TOY_FEATURES,
    TOY_CONFIG,
    "# A toy adapter\n",
    "r=4 targets=up,big",
    max_tokens,
    TOY_VOCABULARY,
    TOY_ARENA,
    {ids_at, max_tokens * 4},
    {labels_at, max_tokens * 4},
    {values_at, array_bytes},
    {gradients_at, array_bytes},
    {moment1_at, array_bytes},
    {moment2_at, array_bytes},
    {stacks_at, stacks_bytes},
    {io_at, neap_io_bytes(3)},
    3,
    1,
    groups,
    elements,
    arena_end + 262144,
    arena_end + 1048576,
    arena_end + 2097152,
    TOY_WEIGHTS_BYTES,
    TOY_RESIDENT,
    TOY_POISONED,
    {resident_at, TOY_WEIGHTS_BYTES},
    {},
    {2, TOY_ACCUMULATION, TOY_MAX_STEPS, TOY_EPOCHS, 0.01, TOY_SCHEDULE,
     NEAP_OPTIMIZER_ADAMW, TOY_WARMUP, 0.9, 0.999, 1e-8, 0.01, 0, TOY_CLIP, 42,
     TOY_SHUFFLE, TOY_COMPLETION_ONLY, TOY_TOKENIZER, TOY_EOS},
    train_row,
    eval_row,
    grad_norm,
    update,
};
