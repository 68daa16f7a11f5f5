/// What a person sees while a job runs.
#ifndef NEAP_CORE_PROGRESS_H
#define NEAP_CORE_PROGRESS_H

#include "session.h"

namespace neap {

struct progress {
  int64_t total;  // steps
  int64_t tokens; // so far
  double started, shown;
  bool terminal;
};

void progress_start(progress *line, const session *self, int64_t total);
/// One updating line on a terminal, else plain lines, at most one a second
/// where there are many steps.
void progress_step(progress *line, const step_facts *facts, int64_t anon);
void progress_end(const progress *line);

} // namespace neap

#endif
