// The contract between the code the compiler emits and the trainer runtime.
//
// The emitted object defines exactly one external symbol, `neap_image`: a
// constant description of the job plus the entry points of its programs. The
// runtime owns everything else: arguments, files, threads, the arena mapping.
// Emitted code never allocates, never calls the system, has no globals that
// change, and reaches the runtime only through `neap_context`.
//
// Included by the compiler too (C++17), so that both sides share one layout;
// every struct here has the same layout on every 64-bit target.
#ifndef NEAP_ABI_H
#define NEAP_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NEAP_ABI_VERSION 3
#define NEAP_KEY_BYTES 512       // longest PEFT key, terminator included
#define NEAP_PAGE_BYTES 16384    // alignment of ELF segments and weight chunks
#define NEAP_MAX_THREADS 256     // that a plan may reserve for
#define NEAP_IGNORE_LABEL (-100) // label of a token that is not trained on

typedef struct neap_context neap_context;

// One task of a parallel loop. `thread` is in [0, thread_count) and selects the
// per-thread scratch; which thread runs a task never changes its result.
typedef void (*neap_task)(neap_context *ctx, void *args, int64_t task,
                          int64_t thread);

// What emitted code sees at run time. Field offsets are fixed by this struct;
// the compiler reads them with offsetof.
struct neap_context {
  uint8_t *arena;         // base of the one anonymous mapping
  const uint8_t *weights; // base of the packed weights file
  int64_t token_count;    // tokens of the current row, 1..max_tokens
  int64_t thread_count;   // 1..max_threads
  // Runs task 0..task_count-1, returns when all are done.
  void (*parallel_for)(neap_context *ctx, neap_task task, void *args,
                       int64_t task_count);
  double loss_sum;       // train_row/eval_row add the row's summed token losses
  double norm_squared;   // grad_norm stores the squared global gradient norm
  uint64_t dropout_seed; // job seed
  uint64_t row_counter;  // rows trained on since the start of the job
  float loss_scale;      // 1 / (trained targets of the accumulation window)
  float grad_scale;    // clipping factor applied by update, 1 without clipping
  float learning_rate; // of this optimizer step
  float bias_correction1; // 1 - beta1^step (AdamW)
  float bias_correction2; // 1 - beta2^step (AdamW)
  float first_step;       // 1 in optimizer step 1, else 0 (SGD momentum)
  void *runtime; // the runtime's own state; emitted code never reads it
  // Streamed weights: begins to read `bytes` bytes of the weights file into
  // `to`; `from` is where they would lie if the file began at `weights`. Served
  // in order. All three are multiples of 4 KiB.
  void (*fetch)(neap_context *ctx, const void *from, int64_t bytes, void *to);
  // Returns when the last fetch into `to` is done.
  void (*await)(neap_context *ctx, const void *to);
};

typedef void (*neap_program)(neap_context *ctx);

// One adapter tensor. Values, gradients and optimizer moments are four arrays
// of the same layout; `element_offset` counts floats from each array's start.
struct neap_parameter {
  // PEFT key, e.g. base_model.model.(...).lora_A.weight; in a group that
  // repeats, '#' stands for the number of the repetition.
  const char *key;
  int64_t rows, cols; // shape in the saved file
  int64_t element_offset;
  int32_t transposed; // stored [cols, rows] in the arena (lora_B)
  int32_t init;       // enum neap_init
  float init_scale;   // bound of the uniform or standard deviation
  int32_t reserved;
};

// The same tensors in `repeat` layers: entry e of repetition r has the key with
// '#' replaced by first_number + r and lies at element_offset + r * stride.
// Descriptions do not grow with the number of layers.
struct neap_parameter_group {
  const struct neap_parameter *entries;
  int32_t count, repeat; // repeat is 1 for keys without a number
  int32_t first_number, reserved;
  int64_t element_stride;
};

enum neap_init { NEAP_INIT_ZERO, NEAP_INIT_UNIFORM, NEAP_INIT_NORMAL };
enum neap_optimizer { NEAP_OPTIMIZER_ADAMW, NEAP_OPTIMIZER_SGD };
enum neap_schedule {
  NEAP_SCHEDULE_CONSTANT,
  NEAP_SCHEDULE_CONSTANT_WITH_WARMUP,
  NEAP_SCHEDULE_LINEAR,
  NEAP_SCHEDULE_COSINE
};
enum neap_weights_place {
  NEAP_WEIGHTS_MAPPED,
  NEAP_WEIGHTS_RESIDENT, // the whole file in `resident`
  // The small weights of each chunk, one chunk's after the other's, in
  // `resident`; the others are fetched.
  NEAP_WEIGHTS_STREAMED
};
enum neap_tokenizer { NEAP_TOKENIZER_NONE, NEAP_TOKENIZER_BYTES };

// Hyperparameters, by their Hugging Face names (docs/specs.md).
struct neap_training {
  int64_t batch_rows;         // per_device_train_batch_size
  int64_t accumulation_steps; // gradient_accumulation_steps
  int64_t max_steps;          // <= 0: num_train_epochs decides
  double epochs;              // num_train_epochs
  double learning_rate;
  int32_t schedule;    // enum neap_schedule
  int32_t optimizer;   // enum neap_optimizer
  double warmup_steps; // >= 1: steps; in (0,1): a share of all steps; 0: none
  double beta1, beta2, epsilon, weight_decay, momentum;
  double max_grad_norm; // <= 0: no clipping
  uint64_t seed;
  int32_t shuffle;              // shuffle_dataset
  int32_t completion_only_loss; // -1 default (rows decide), 0 no, 1 yes
  int32_t tokenizer;            // enum neap_tokenizer
  int32_t eos_token;            // id appended to each row, -1 for none
};

// One byte range of the arena, relative to its base.
struct neap_range {
  int64_t offset, bytes;
};

struct neap_image {
  int32_t abi_version;
  int32_t max_threads;
  const char *job_name;
  const char *neap_version;
  const char *plan_sha256;    // hex, of plan.json
  const char *weights_sha256; // hex, of the header of model.weights
  const char *model_sha256;   // hex, of the ONNX file
  const char *target_triple;
  const char *features;        // comma separated ISA features the code needs
  const char *adapter_config;  // complete adapter_config.json text to write
  const char *readme;          // README.md up to what the run itself adds
  const char *lora;            // the LoRA spec on one line
  int64_t max_tokens;          // longest row
  int64_t vocabulary;          // token ids and labels are below this
  int64_t arena_bytes;         // the one mapping, a multiple of the page size
  struct neap_range input_ids; // int32[max_tokens], filled by the runtime
  struct neap_range labels; // int32[max_tokens], already shifted: labels[t] is
                            // the target of position t, -100 where none
  struct neap_range values, gradients, moment1, moment2; // float arrays
  struct neap_range stacks; // max_threads - 1 worker stacks
  struct neap_range io;     // runtime buffers, neap_io_bytes() of layout.h
  int64_t parameter_count;  // over all groups, repetitions included
  int64_t group_count;
  const struct neap_parameter_group *groups;
  int64_t parameter_elements; // floats in each of the four arrays
  int64_t planned_anon, planned_rss, planned_cgroup; // bytes
  int64_t weights_bytes;                             // size of model.weights
  int32_t weights_place;                             // enum neap_weights_place
  int32_t poisoned;              // 1: built to fill dead bytes with NaN (tests)
  struct neap_range resident;    // where resident weights live
  struct neap_range fetch_stack; // of the thread behind `fetch`
  struct neap_training training;
  neap_program train_row; // forward + backward, accumulates into gradients
  neap_program eval_row;  // forward only, adds to loss_sum
  neap_program grad_norm; // reads gradients, stores norm_squared
  neap_program update;    // one optimizer step, then zeroes the gradients
};

extern const struct neap_image neap_image;

// ---- model.weights -------------------------------------------------------
// Header page(s), then chunks, each 16 KiB-aligned and padded with zeros:
//   neap_weights_header | neap_weights_chunk[chunk_count] | padding | chunks
// The file's identity is the SHA-256 of everything before the first chunk;
// each chunk is checked against its own checksum when first read.
#define NEAP_WEIGHTS_MAGIC "NEAPWTS1"
#define NEAP_WEIGHTS_LAYOUT 2

struct neap_weights_header {
  char magic[8];
  uint32_t layout_version; // NEAP_WEIGHTS_LAYOUT
  uint32_t chunk_count;
  uint64_t header_bytes; // offset of the first chunk
  uint64_t file_bytes;
  uint8_t model_sha256[32];
};

struct neap_weights_chunk {
  uint64_t offset;      // from the start of the file
  uint64_t bytes;       // without padding
  uint64_t checksum;    // XXH64 with seed 0 of those bytes
  uint64_t small_bytes; // of the small weights, which come first; a multiple of
                        // 64
};

#ifdef __cplusplus
}
#endif
#endif
