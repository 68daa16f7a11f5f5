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

// One line. `json` is the value in JSON, `text` the value for people.
struct fact {
  const char *name, *label;
  piece json, text;
  const char *unit;
};

struct fact_list {
  writer out;
  bool json, first;
};

void put_fact(fact_list *list, const fact &one) {
  writer *out = &list->out;
  if (list->json)
    put(out, list->first ? "{" : ",", quoted(one.name), ":", one.json);
  else
    put(out, one.label, ": ", one.text, one.unit, "\n");
  list->first = false;
}

void put_text(fact_list *list, const char *name, const char *label,
              const char *value) {
  put_fact(list, {name, label, quoted(value), value, ""});
}

void put_number(fact_list *list, const char *name, const char *label,
                piece value, const char *unit = "") {
  put_fact(list, {name, label, value, value, unit});
}

void put_identity(fact_list *list, const struct neap_image *image) {
  put_text(list, "job", "job", image->job_name);
  put_text(list, "neap_version", "compiled by neap", image->neap_version);
  put_text(list, "target", "target", image->target_triple);
  put_text(list, "features", "processor features", image->features);
  put_text(list, "lora", "lora", image->lora);
  put_text(list, "model_sha256", "model sha256", image->model_sha256);
  put_text(list, "weights_sha256", "weights sha256", image->weights_sha256);
  put_text(list, "plan_sha256", "plan sha256", image->plan_sha256);
}

void put_memory(fact_list *list, const struct neap_image *image) {
  put_number(list, "weights_bytes", "weights", image->weights_bytes, " bytes");
  put_text(list, "weights", "weights are", place_name(image->weights_place));
  put_number(list, "planned_anon_bytes", "planned anonymous memory",
             image->planned_anon, " bytes");
  put_number(list, "planned_rss_bytes", "planned resident memory",
             image->planned_rss, " bytes");
  put_number(list, "planned_cgroup_bytes", "planned cgroup charge",
             image->planned_cgroup, " bytes");
  put_number(list, "arena_bytes", "arena", image->arena_bytes, " bytes");
}

void put_limits(fact_list *list, const struct neap_image *image) {
  put_number(list, "max_threads", "threads, at most", image->max_threads);
  put_number(list, "max_tokens", "tokens per row, at most", image->max_tokens);
  put_number(list, "vocabulary", "vocabulary", image->vocabulary);
  put_number(list, "adapter_tensors", "adapter tensors",
             image->parameter_count);
  put_number(list, "adapter_elements", "adapter parameters",
             image->parameter_elements);
}

void put_rows(fact_list *list, const neap_training *t) {
  put_text(list, "tokenizer", "tokenizer",
           t->tokenizer == NEAP_TOKENIZER_BYTES ? "bytes" : "none");
  if (t->eos_token >= 0)
    put_number(list, "eos_token", "token that ends a row", t->eos_token);
  else
    put_fact(list, {"eos_token", "token that ends a row", "null", "none", ""});
  static const char *const values[] = {"null", "false", "true"};
  static const char *const meanings[] = {"the completion, or all of a text",
                                         "all of the row",
                                         "the completion, or all of a text"};
  put_fact(list, {"completion_only_loss", "trained on",
                  values[t->completion_only_loss + 1],
                  meanings[t->completion_only_loss + 1], ""});
  put_fact(list,
           {"shuffle_dataset", "order of rows", t->shuffle ? "true" : "false",
            t->shuffle ? "random in each epoch (--data)" : "as in the file",
            ""});
  put_number(list, "per_device_train_batch_size", "batch", t->batch_rows,
             by_count(t->batch_rows, " row", " rows"));
  put_number(list, "gradient_accumulation_steps", "accumulation",
             t->accumulation_steps,
             by_count(t->accumulation_steps, " batch", " batches"));
}

// max_steps decides over num_train_epochs where both are given.
void put_length(fact_list *list, const neap_training *t) {
  if (t->max_steps > 0)
    put_number(list, "max_steps", "length", t->max_steps,
               by_count(t->max_steps, " step", " steps"));
  else
    put_number(list, "num_train_epochs", "length", t->epochs,
               t->epochs == 1 ? " epoch" : " epochs");
}

void put_warmup(fact_list *list, const neap_training *t) {
  bool none = t->warmup_steps == 0 || t->schedule == NEAP_SCHEDULE_CONSTANT;
  if (none)
    put_fact(list, {"warmup_steps", "warm-up", 0, "none", ""});
  else if (t->warmup_steps < 1)
    put_fact(list, {"warmup_ratio", "warm-up", t->warmup_steps, t->warmup_steps,
                    " of all steps"});
  else
    put_number(list, "warmup_steps", "warm-up",
               static_cast<int64_t>(t->warmup_steps),
               t->warmup_steps < 2 ? " step" : " steps");
}

void put_optimizer(fact_list *list, const neap_training *t) {
  bool sgd = t->optimizer == NEAP_OPTIMIZER_SGD;
  put_text(list, "optim", "optimizer", sgd ? "sgd" : "adamw_torch");
  if (sgd) {
    put_number(list, "momentum", "momentum", t->momentum);
  } else {
    put_number(list, "adam_beta1", "beta 1", t->beta1);
    put_number(list, "adam_beta2", "beta 2", t->beta2);
    put_number(list, "adam_epsilon", "epsilon", t->epsilon);
  }
  put_number(list, "learning_rate", "learning rate", t->learning_rate);
  put_text(list, "lr_scheduler_type", "schedule", schedule_name(t->schedule));
  put_warmup(list, t);
  put_number(list, "weight_decay", "weight decay", t->weight_decay);
  if (t->max_grad_norm > 0)
    put_number(list, "max_grad_norm", "gradient norm limit", t->max_grad_norm);
  else
    put_fact(list, {"max_grad_norm", "gradient norm limit", 0, "none", ""});
  put_number(list, "seed", "seed", static_cast<int64_t>(t->seed));
}

} // namespace

status run_info(const struct neap_image *image, const options *opts) {
  char buffer[1024];
  fact_list list;
  list.json = opts->json;
  list.first = true;
  writer_open(&list.out, STDOUT_FILENO, buffer, sizeof buffer);
  put_identity(&list, image);
  put_memory(&list, image);
  put_limits(&list, image);
  put_rows(&list, &image->training);
  put_length(&list, &image->training);
  put_optimizer(&list, &image->training);
  put(&list.out, list.json ? "}\n" : "");
  return printed(writer_flush(&list.out));
}

} // namespace neap
