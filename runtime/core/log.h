/// --log: one JSON object per line and event.
#ifndef NEAP_CORE_LOG_H
#define NEAP_CORE_LOG_H

#include "neap/abi.h"
#include "peaks.h"
#include "status.h"

namespace neap {

struct event_log {
  const char *path; // null: no log
  int fd;
  bool regular;  // a file, not a pipe or a device
  bool failed;   // and reported so: nothing more is written
  int64_t bytes; // of whole events
};

/// What a completed optimizer step was.
struct step_facts {
  int64_t step; // from 1
  double epoch, loss, grad_norm, learning_rate, seconds;
  int64_t tokens;
};

struct eval_facts {
  double loss, perplexity, seconds;
  int64_t rows, targets, tokens;
};

struct start_facts {
  const char *command;
  int64_t threads, seed, rows, steps; // steps: 0 for eval
  int64_t untrained_rows, cut_rows;
};

/// Opens the log for writing; an earlier one keeps its content until log_start,
/// so that a job that does not start costs nothing.
status log_open(event_log *log, const char *path);
status log_start(event_log *log, const struct neap_image *image,
                 const start_facts *facts);
/// A file that cannot take a whole event is cut back to the event before.
status log_step(event_log *log, const step_facts *facts);
status log_eval(event_log *log, const eval_facts *facts);
status log_end(event_log *log, const struct neap_image *image,
               const char *reason, int64_t steps, const peaks *measured);

} // namespace neap

#endif
