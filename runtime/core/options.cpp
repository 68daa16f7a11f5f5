#include "options.h"

#include "neap/abi.h"

#include <string.h>
#include <unistd.h>

namespace neap {

static const char usage[] =
    "usage: trainer train --data FILE.jsonl | --tokens FILE.safetensors\n"
    "                     --out DIR [options]\n"
    "       trainer eval  --data FILE.jsonl | --tokens FILE.safetensors\n"
    "                     [--adapter DIR] [options]\n"
    "       trainer info  [--json]\n"
    "       trainer --help | --version\n"
    "\n"
    "  rows of --data: {\"text\": T} or {\"prompt\": P, \"completion\": C}, "
    "one per\n"
    "  line (docs/trainer.md)\n"
    "\n"
    "  --weights FILE     packed weights (default: model.weights beside the\n"
    "                     trainer)\n"
    "  --threads N        threads (default: as many as planned and allowed)\n"
    "  --cpus LIST        processors to pin the threads to, as in 0,2-3\n"
    "  --log FILE.jsonl   machine-readable log\n"
    "  --skip-bad-rows    leave malformed JSONL rows out, and count them\n"
    "  --seal             test aid: die if memory is mapped after the start\n"
    "train:\n"
    "  --init DIR         start from this PEFT adapter\n"
    "  --steps N          optimizer steps, instead of the compiled number\n"
    "  --seed N           instead of the compiled seed\n"
    "  --dump-grads DIR   write the gradients of each step\n"
    "eval:\n"
    "  --adapter DIR      evaluate with this adapter (default: none)\n"
    "\n"
    "exit: 0 done, 1 a bug, 2 usage, 3 bad data, 4 memory refused, 6 "
    "processor\n"
    "lacks a feature, 7 disk full or I/O error, 8 non-finite loss, 9 weights "
    "or\n"
    "adapter do not match, 10 interrupted, the adapter saved if a step was "
    "applied\n";

namespace {

enum kind { flag, path, natural, list };

struct option {
  const char *name;
  int commands;
  kind form;
  void *value;
};

status set_path(const option *one, const char *value) {
  const char **slot = static_cast<const char **>(one->value);
  if (*slot)
    return fail(bad_usage, one->name, " is given twice");
  if (!*value)
    return fail(bad_usage, one->name, ": expected a path");
  *slot = value;
  return ok;
}

status set_natural(const option *one, const char *value) {
  int64_t *slot = static_cast<int64_t *>(one->value);
  bool zero_allowed = strcmp(one->name, "--seed") == 0;
  if (!parse_integer(value, slot) || (*slot == 0 && !zero_allowed))
    return fail(bad_usage, one->name, ": expected a ",
                zero_allowed ? "whole" : "positive whole",
                " number, but found '", value, "'");
  return ok;
}

// "0,2-3" to the set; false where it is malformed.
bool parse_list(const char *text, cpu_set_t *set) {
  CPU_ZERO(set);
  while (*text >= '0' && *text <= '9') {
    int64_t bound[2];
    for (int i = 0; i < 2; ++i) {
      if (*text < '0' || *text > '9')
        return false;
      for (bound[i] = 0; *text >= '0' && *text <= '9'; ++text) {
        bound[i] = bound[i] * 10 + (*text - '0');
        if (bound[i] >= CPU_SETSIZE)
          return false;
      }
      if (i == 0 && *text == '-')
        ++text;
      else if (i == 0)
        bound[++i] = bound[0];
    }
    if (bound[0] > bound[1])
      return false;
    for (size_t i = bound[0]; i <= static_cast<size_t>(bound[1]); ++i)
      CPU_SET(i, set);
    if (!*text)
      return true;
    if (*text++ != ',')
      return false;
  }
  return false;
}

status set_list(const option *one, const char *value) {
  pinning *pins = static_cast<pinning *>(one->value);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (!parse_list(value, &pins->processors))
    return fail(bad_usage, one->name,
                ": expected processors as in 0,2-3, but found '", value, "'");
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &pins->processors) && !CPU_ISSET(i, &allowed))
      return fail(bad_usage, one->name, ": processor ", i,
                  " is not available to this process");
  pins->active = true;
  return ok;
}

status set_value(const option *one, const char *value) {
  switch (one->form) {
  case path:
    return set_path(one, value);
  case natural:
    return set_natural(one, value);
  case list:
    return set_list(one, value);
  case flag:
    break;
  }
  *static_cast<bool *>(one->value) = true;
  return ok;
}

// Is `text` the option, alone or before '='?
bool names(const option *one, const char *text) {
  size_t length = strcspn(text, "=");
  return strlen(one->name) == length && memcmp(one->name, text, length) == 0;
}

status parse_one(const option *table, int size, int command, char **arguments,
                 int count, int *at) {
  const char *text = arguments[(*at)++];
  const char *equals = strchr(text, '=');
  if (strcmp(text, "--resume") == 0)
    return fail(bad_usage, "--resume is not part of this release");
  for (int i = 0; i < size; ++i) {
    const option *one = &table[i];
    if (!names(one, text) || !(one->commands & command))
      continue;
    if (one->form == flag)
      return equals ? fail(bad_usage, one->name, " takes no value")
                    : set_value(one, "");
    if (equals)
      return set_value(one, equals + 1);
    if (*at == count)
      return fail(bad_usage, one->name, ": expected a value");
    return set_value(one, arguments[(*at)++]);
  }
  return fail(bad_usage, "unknown option '", text, "' (see trainer --help)");
}

bool is_help(const char *text) {
  return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

status print_usage() {
  writer text;
  char buffer[256];
  writer_open(&text, STDOUT_FILENO, buffer, sizeof buffer);
  put(&text, usage);
  return printed(writer_flush(&text));
}

status check(const options *out) {
  if (out->command == command_info)
    return ok;
  const char *name = out->command == command_train ? "train" : "eval";
  if (!out->data == !out->tokens)
    return fail(bad_usage, name, ": expected one of --data and --tokens");
  if (out->command == command_train && !out->out)
    return fail(bad_usage, "train: expected --out DIR");
  if (out->skip_bad_rows && !out->data)
    return fail(bad_usage, "--skip-bad-rows needs --data");
  return ok;
}

} // namespace

status options_parse(int count, char **arguments, options *out, bool *done) {
  const char *name = count > 1 ? arguments[1] : "";
  *out = {};
  out->seed = -1;
  *done = true;
  if (is_help(name) || strcmp(name, "help") == 0)
    return print_usage();
  if (strcmp(name, "--version") == 0) {
    print(STDOUT_FILENO, "neap ", neap_image.neap_version, "\n");
    return ok;
  }
  *done = false;
  out->command = strcmp(name, "train") == 0  ? command_train
                 : strcmp(name, "eval") == 0 ? command_eval
                 : strcmp(name, "info") == 0 ? command_info
                                             : 0;
  if (!out->command)
    return fail(bad_usage, "expected train, eval or info",
                *name ? ", but found '" : "", name, *name ? "'" : "",
                " (see trainer --help)");
  const int run = command_train | command_eval;
  const option table[] = {
      {"--data", run, path, &out->data},
      {"--tokens", run, path, &out->tokens},
      {"--out", command_train, path, &out->out},
      {"--weights", run, path, &out->weights},
      {"--init", command_train, path, &out->init},
      {"--adapter", command_eval, path, &out->adapter},
      {"--log", run, path, &out->log},
      {"--dump-grads", command_train, path, &out->dump_grads},
      {"--steps", command_train, natural, &out->steps},
      {"--threads", run, natural, &out->threads},
      {"--seed", command_train, natural, &out->seed},
      {"--cpus", run, list, &out->pins},
      {"--skip-bad-rows", run, flag, &out->skip_bad_rows},
      {"--seal", run, flag, &out->seal},
      {"--json", command_info, flag, &out->json},
  };
  for (int at = 2; at < count;) {
    if (is_help(arguments[at])) {
      *done = true;
      return print_usage();
    }
    status result = parse_one(table, sizeof table / sizeof *table, out->command,
                              arguments, count, &at);
    if (result != ok)
      return result;
  }
  return check(out);
}

} // namespace neap
