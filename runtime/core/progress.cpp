#include "progress.h"

#include <unistd.h>

namespace neap {

static const int64_t few_steps = 50; // every one of so many gets its line

void progress_start(progress *line, const session *self, int64_t total) {
  double now = seconds_now();
  *line = {total, 0, now, now, self->terminal};
  print(STDOUT_FILENO, "training ", self->image->job_name, ": ", total,
        by_count(total, " step", " steps"), " over ", self->data.rows,
        by_count(self->data.rows, " row, ", " rows, "),
        self->context.thread_count,
        by_count(self->context.thread_count, " thread", " threads"),
        ", planned memory ",
        fixed(static_cast<double>(self->image->planned_anon) / 1048576, 1),
        " MiB\n");
}

static void put_duration(writer *out, double seconds) {
  // Beyond that it means nothing, and then it would not fit.
  int64_t left = static_cast<int64_t>(seconds < 1e12 ? seconds : 1e12);
  int64_t minutes = left / 60 % 60, rest = left % 60;
  put(out, left / 3600, minutes < 10 ? ":0" : ":", minutes,
      rest < 10 ? ":0" : ":", rest);
}

void progress_step(progress *line, const step_facts *facts, int64_t anon) {
  double now = seconds_now();
  line->tokens += facts->tokens;
  bool last = facts->step == line->total;
  if (!last && now - line->shown < (line->terminal ? 0.1 : 1) &&
      (line->terminal || line->total > few_steps) && facts->step > 1)
    return;
  line->shown = now;
  double spent = now - line->started;
  char buffer[256];
  writer out;
  writer_open(&out, STDOUT_FILENO, buffer, sizeof buffer);
  put(&out, line->terminal ? "\r" : "", "step ", facts->step, "/", line->total,
      "  loss ", fixed(facts->loss, 4), "  ",
      fixed(spent > 0 ? static_cast<double>(line->tokens) / spent : 0, 1),
      " tokens/s  ETA ");
  put_duration(&out, spent / static_cast<double>(facts->step) *
                         static_cast<double>(line->total - facts->step));
  put(&out, "  memory ", fixed(static_cast<double>(anon) / 1048576, 1), " MiB",
      line->terminal ? "\x1b[K" : "\n");
  writer_flush(&out);
}

void progress_end(const progress *line) {
  if (line->terminal)
    print(STDOUT_FILENO, "\n");
}

} // namespace neap
