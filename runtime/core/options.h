/// The trainer's command line.
#ifndef NEAP_CORE_OPTIONS_H
#define NEAP_CORE_OPTIONS_H

#include "pool.h"

namespace neap {

enum command { command_train = 1, command_eval = 2, command_info = 4 };

struct options {
  int command;
  const char *data, *tokens;
  const char *out, *weights, *init, *adapter, *log, *dump_grads;
  int64_t steps; // 0: as compiled
  int64_t threads;
  int64_t seed; // -1: as compiled
  pinning pins;
  bool skip_bad_rows, seal, json;
};

/// Fills `out` or fails with `bad_usage`. `*done` is set where the command
/// line only asked for help or the version, which then has been printed.
status options_parse(int count, char **arguments, options *out, bool *done);

} // namespace neap

#endif
