#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

namespace neap {

namespace {

// One event, written with one call so that readers see whole lines.
struct event {
  char buffer[2048];
  writer out;
};

void begin(event *e, const event_log *log, const char *name) {
  writer_open(&e->out, log->fd, e->buffer, sizeof e->buffer);
  put(&e->out, "{\"v\":1,\"event\":", quoted(name));
}

status finish(event *e, const event_log *log) {
  put(&e->out, "}\n");
  int error = writer_flush(&e->out);
  if (error)
    return fail(io_failed, log->path,
                ": cannot be written: ", system_error(error));
  return ok;
}

void put_bytes_or_null(writer *out, int64_t bytes) {
  if (bytes < 0)
    put(out, "null");
  else
    put(out, bytes);
}

void put_memory(writer *out, int64_t rss, int64_t anon, int64_t cgroup) {
  put(out, "{\"rss\":");
  put_bytes_or_null(out, rss);
  put(out, ",\"anon\":");
  put_bytes_or_null(out, anon);
  put(out, ",\"cgroup\":");
  put_bytes_or_null(out, cgroup);
  put(out, "}");
}

void put_planned(writer *out, const struct neap_image *image) {
  put(out, ",\"planned_peak_bytes\":");
  put_memory(out, image->planned_rss, image->planned_anon,
             image->planned_cgroup);
}

} // namespace

status log_open(event_log *log, const char *path) {
  *log = {path, -1};
  if (!path)
    return ok;
  log->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (log->fd < 0)
    return fail(io_failed, path, ": cannot be created: ", system_error(errno));
  return ok;
}

status log_start(const event_log *log, const struct neap_image *image,
                 const start_facts *facts) {
  if (!log->path)
    return ok;
  event e;
  begin(&e, log, "start");
  put(&e.out, ",\"command\":", quoted(facts->command),
      ",\"job\":", quoted(image->job_name),
      ",\"neap_version\":", quoted(image->neap_version),
      ",\"target\":", quoted(image->target_triple),
      ",\"plan_sha256\":", quoted(image->plan_sha256),
      ",\"weights_sha256\":", quoted(image->weights_sha256),
      ",\"model_sha256\":", quoted(image->model_sha256),
      ",\"threads\":", facts->threads, ",\"seed\":", facts->seed,
      ",\"rows\":", facts->rows, ",\"steps\":", facts->steps,
      ",\"resumed_from\":null");
  put_planned(&e.out, image);
  return finish(&e, log);
}

status log_step(const event_log *log, const step_facts *facts) {
  if (!log->path)
    return ok;
  event e;
  begin(&e, log, "step");
  put(&e.out, ",\"step\":", facts->step, ",\"epoch\":", facts->epoch,
      ",\"loss\":", facts->loss, ",\"grad_norm\":", facts->grad_norm,
      ",\"learning_rate\":", facts->learning_rate,
      ",\"tokens\":", facts->tokens, ",\"seconds\":", facts->seconds);
  return finish(&e, log);
}

status log_eval(const event_log *log, const eval_facts *facts) {
  if (!log->path)
    return ok;
  event e;
  begin(&e, log, "eval");
  put(&e.out, ",\"loss\":", facts->loss, ",\"perplexity\":", facts->perplexity,
      ",\"rows\":", facts->rows, ",\"targets\":", facts->targets,
      ",\"tokens\":", facts->tokens, ",\"seconds\":", facts->seconds);
  return finish(&e, log);
}

status log_end(const event_log *log, const struct neap_image *image,
               const char *reason, int64_t steps, const peaks *measured) {
  if (!log->path)
    return ok;
  event e;
  begin(&e, log, "end");
  put(&e.out, ",\"reason\":", quoted(reason), ",\"steps\":", steps);
  put_planned(&e.out, image);
  put(&e.out, ",\"measured_peak_bytes\":");
  put_memory(&e.out, measured->rss, measured->anon, measured->cgroup);
  return finish(&e, log);
}

} // namespace neap
