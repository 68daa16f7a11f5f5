/// Everything a run holds, opened in the order in which failures are cheapest.
#ifndef NEAP_CORE_SESSION_H
#define NEAP_CORE_SESSION_H

#include "dataset.h"
#include "log.h"
#include "options.h"

namespace neap {

struct session {
  const struct neap_image *image;
  const options *opts;
  neap_context context;
  adapter tensors;
  dataset data;
  event_log log;
  peaks memory;
  folder out, gradients; // of train
  uint64_t seed;
  bool terminal; // standard output is one
};

/// Processor, arena, weights, adapter, data, threads; then nothing maps memory
/// any more (with --seal, nothing can). `steps` and `rows` go to the log.
status session_open(session *self, const struct neap_image *image,
                    const options *opts);

/// Ends the start: samples memory, seals, logs the start event.
status session_ready(session *self, int64_t steps);

/// Logs the end event and reports rows that were left out.
status session_end(session *self, const char *reason, int64_t steps);

/// Seconds of a clock that never steps back.
double seconds_now();

// The commands.
status run_train(const struct neap_image *image, const options *opts);
status run_eval(const struct neap_image *image, const options *opts);
status run_info(const struct neap_image *image, const options *opts);

} // namespace neap

#endif
