// What the trainer was compiled from and what it will take.
#include "session.h"

#include <unistd.h>

namespace neap {

namespace {

const char *schedule_name(int schedule) {
  static const char *const names[] = {"constant", "constant_with_warmup",
                                      "linear", "cosine"};
  return names[schedule];
}

const char *place_name(int place) {
  static const char *const names[] = {"mapped", "resident", "streamed"};
  return names[place];
}

struct fact {
  const char *name, *label, *unit;
  piece value;
  bool text; // a JSON string
};

fact text_fact(const char *name, const char *label, const char *value) {
  return {name, label, "", piece(value), true};
}

fact number_fact(const char *name, const char *label, piece value,
                 const char *unit = "") {
  return {name, label, unit, value, false};
}

status put_all(const fact *facts, int count, bool json) {
  char buffer[1024];
  writer out;
  writer_open(&out, STDOUT_FILENO, buffer, sizeof buffer);
  for (int i = 0; i < count; ++i) {
    const fact *one = &facts[i];
    if (json)
      put(&out, i ? "," : "{", quoted(one->name), ":",
          one->text ? quoted(one->value.text) : one->value);
    else
      put(&out, one->label, ": ", one->value, one->unit, "\n");
  }
  put(&out, json ? "}\n" : "");
  return printed(writer_flush(&out));
}

} // namespace

status run_info(const struct neap_image *image, const options *opts) {
  const neap_training *t = &image->training;
  const fact facts[] = {
      text_fact("job", "job", image->job_name),
      text_fact("neap_version", "compiled by neap", image->neap_version),
      text_fact("target", "target", image->target_triple),
      text_fact("features", "processor features", image->features),
      text_fact("lora", "lora", image->lora),
      text_fact("model_sha256", "model sha256", image->model_sha256),
      text_fact("weights_sha256", "weights sha256", image->weights_sha256),
      text_fact("plan_sha256", "plan sha256", image->plan_sha256),
      number_fact("weights_bytes", "weights", image->weights_bytes, " bytes"),
      text_fact("weights", "weights are", place_name(image->weights_place)),
      number_fact("planned_anon_bytes", "planned anonymous memory",
                  image->planned_anon, " bytes"),
      number_fact("planned_rss_bytes", "planned resident memory",
                  image->planned_rss, " bytes"),
      number_fact("planned_cgroup_bytes", "planned cgroup charge",
                  image->planned_cgroup, " bytes"),
      number_fact("arena_bytes", "arena", image->arena_bytes, " bytes"),
      number_fact("max_threads", "threads, at most", image->max_threads),
      number_fact("max_tokens", "tokens per row, at most", image->max_tokens),
      number_fact("vocabulary", "vocabulary", image->vocabulary),
      number_fact("adapter_tensors", "adapter tensors", image->parameter_count),
      number_fact("adapter_elements", "adapter parameters",
                  image->parameter_elements),
      text_fact("tokenizer", "tokenizer",
                t->tokenizer == NEAP_TOKENIZER_BYTES ? "bytes" : "none"),
      number_fact("per_device_train_batch_size", "batch", t->batch_rows,
                  " rows"),
      number_fact("gradient_accumulation_steps", "accumulation",
                  t->accumulation_steps, " batches"),
      number_fact("max_steps", "steps (0: by epochs)",
                  t->max_steps > 0 ? t->max_steps : int64_t{0}),
      number_fact("num_train_epochs", "epochs", t->epochs),
      text_fact("optim", "optimizer",
                t->optimizer == NEAP_OPTIMIZER_SGD ? "sgd" : "adamw_torch"),
      number_fact("learning_rate", "learning rate", t->learning_rate),
      text_fact("lr_scheduler_type", "schedule", schedule_name(t->schedule)),
      number_fact("warmup_steps", "warm-up", t->warmup_steps),
      number_fact("weight_decay", "weight decay", t->weight_decay),
      number_fact("max_grad_norm", "gradient norm limit", t->max_grad_norm),
      number_fact("seed", "seed", static_cast<int64_t>(t->seed)),
  };
  return put_all(facts, sizeof facts / sizeof *facts, opts->json);
}

} // namespace neap
