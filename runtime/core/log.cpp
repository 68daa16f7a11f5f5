#include "log.h"

#include "fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
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

status cannot_write(event_log *log, int error) {
  log->failed = true;
  return fail(io_failed, log->path,
              ": cannot be written: ", system_error(error));
}

status finish(event *e, event_log *log) {
  put(&e->out, "}\n");
  int error = writer_flush(&e->out);
  if (!error) {
    log->bytes += e->out.total;
    return ok;
  }
  // Best effort: without it the file ends in half a line.
  if (log->regular && ftruncate(log->fd, log->bytes) != 0)
    log->regular = false;
  return cannot_write(log, error);
}

bool is_off(const event_log *log) { return !log->path || log->failed; }

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
  *log = {path, -1, false, false, 0};
  if (!path)
    return ok;
  log->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (log->fd < 0)
    return fail(io_failed, path, ": cannot be created: ", system_error(errno));
  struct stat facts;
  log->regular = fstat(log->fd, &facts) == 0 && S_ISREG(facts.st_mode);
  return ok;
}

status log_start(event_log *log, const struct neap_image *image,
                 const start_facts *facts) {
  if (is_off(log))
    return ok;
  if (log->regular && ftruncate(log->fd, 0) != 0)
    return cannot_write(log, errno);
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
      ",\"rows\":", facts->rows, ",\"untrained_rows\":", facts->untrained_rows,
      ",\"cut_rows\":", facts->cut_rows, ",\"steps\":", facts->steps,
      ",\"resumed_from\":null");
  put_planned(&e.out, image);
  return finish(&e, log);
}

status log_step(event_log *log, const step_facts *facts) {
  if (is_off(log))
    return ok;
  event e;
  begin(&e, log, "step");
  put(&e.out, ",\"step\":", facts->step, ",\"epoch\":", facts->epoch,
      ",\"loss\":", facts->loss, ",\"grad_norm\":", facts->grad_norm,
      ",\"learning_rate\":", facts->learning_rate,
      ",\"tokens\":", facts->tokens, ",\"seconds\":", facts->seconds);
  return finish(&e, log);
}

status log_eval(event_log *log, const eval_facts *facts) {
  if (is_off(log))
    return ok;
  event e;
  begin(&e, log, "eval");
  put(&e.out, ",\"loss\":", facts->loss, ",\"perplexity\":", facts->perplexity,
      ",\"rows\":", facts->rows, ",\"targets\":", facts->targets,
      ",\"tokens\":", facts->tokens, ",\"seconds\":", facts->seconds);
  return finish(&e, log);
}

status log_end(event_log *log, const struct neap_image *image,
               const char *reason, int64_t steps, const peaks *measured) {
  if (is_off(log))
    return ok;
  event e;
  begin(&e, log, "end");
  put(&e.out, ",\"reason\":", quoted(reason), ",\"steps\":", steps);
  put_planned(&e.out, image);
  put(&e.out, ",\"measured_peak_bytes\":");
  put_memory(&e.out, measured->rss, measured->anon, measured->cgroup);
  fetch_counts fetched = fetcher_counts();
  if (image->weights_place == NEAP_WEIGHTS_STREAMED)
    put(&e.out, ",\"streamed\":{\"read_bytes\":", fetched.bytes,
        ",\"wait_seconds\":", fetched.wait_seconds, "}");
  return finish(&e, log);
}

} // namespace neap
