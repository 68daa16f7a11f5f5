// The training loop. One optimizer step is one window of rows; its targets are
// counted first, because every token of the window has the same weight.
#include "progress.h"
#include "random.h"
#include "schedule.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

namespace neap {

namespace {

session the_session;
volatile sig_atomic_t stop_requested;

void request_stop(int) { stop_requested = 1; }

void catch_signals() {
  struct sigaction action = {};
  action.sa_handler = request_stop;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // nohup has the job outlive its terminal.
  struct sigaction before;
  if (sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
    sigaction(SIGHUP, &action, nullptr);
}

// Counters of a job; the window of step `step` follows from them alone.
struct job_state {
  neap_training training;
  int64_t total, steps_per_epoch, window_rows;
  int64_t updates; // steps applied
};

struct window {
  int64_t epoch, first, end; // positions within the epoch
  int64_t targets, tokens;
};

void plan_job(const session *self, job_state *job) {
  job->training = self->image->training;
  if (self->opts->steps)
    job->training.max_steps = self->opts->steps;
  job->window_rows =
      job->training.batch_rows * job->training.accumulation_steps;
  job->steps_per_epoch =
      (self->data.rows + job->window_rows - 1) / job->window_rows;
  job->total = schedule_total_steps(&job->training, job->steps_per_epoch);
  job->updates = 0;
}

int64_t row_at(const session *self, const window *w, int64_t position) {
  if (!self->data.jsonl || !self->image->training.shuffle)
    return position;
  return random_permuted(self->seed, w->epoch, self->data.rows, position);
}

// Epochs done after the window, counted in batches as Trainer does.
double epoch_after(const session *self, const job_state *job, const window *w) {
  int64_t batch = job->training.batch_rows;
  int64_t batches = (self->data.rows + batch - 1) / batch;
  int64_t done = (w->end + batch - 1) / batch;
  return static_cast<double>(w->epoch) +
         static_cast<double>(done) / static_cast<double>(batches);
}

status count_window(session *self, const job_state *job, int64_t step,
                    window *w) {
  int64_t index = (step - 1) % job->steps_per_epoch;
  w->epoch = (step - 1) / job->steps_per_epoch;
  w->first = index * job->window_rows;
  w->end = w->first + job->window_rows;
  w->end = w->end < self->data.rows ? w->end : self->data.rows;
  w->targets = w->tokens = 0;
  for (int64_t position = w->first; position < w->end; ++position) {
    row_facts facts;
    status result = dataset_row(&self->data, row_at(self, w, position), &facts);
    if (result != ok)
      return result;
    w->targets += facts.targets;
    // The last token of a row is a label only.
    w->tokens += facts.targets ? facts.token_count + 1 : 0;
  }
  return ok;
}

status run_window(session *self, const window *w) {
  neap_context *context = &self->context;
  context->loss_sum = 0;
  context->loss_scale =
      w->targets ? static_cast<float>(1 / static_cast<double>(w->targets)) : 0;
  for (int64_t position = w->first; position < w->end; ++position) {
    row_facts facts;
    status result = dataset_row(&self->data, row_at(self, w, position), &facts);
    if (result != ok)
      return result;
    context->row_counter =
        static_cast<uint64_t>(w->epoch * self->data.rows + position);
    context->token_count = facts.token_count;
    if (facts.targets)
      self->image->train_row(context);
  }
  return ok;
}

void apply_update(session *self, job_state *job, const step_facts *facts) {
  neap_context *context = &self->context;
  const neap_training *training = &job->training;
  ++job->updates;
  context->learning_rate = static_cast<float>(facts->learning_rate);
  context->grad_scale = static_cast<float>(
      clip_factor(facts->grad_norm, training->max_grad_norm));
  context->bias_correction1 =
      static_cast<float>(bias_correction(training->beta1, job->updates));
  context->bias_correction2 =
      static_cast<float>(bias_correction(training->beta2, job->updates));
  context->first_step = job->updates == 1 ? 1 : 0;
  self->image->update(context);
}

status finite_or_stop(const step_facts *facts) {
  if (__builtin_isfinite(facts->loss) && __builtin_isfinite(facts->grad_norm))
    return ok;
  return fail(not_finite, "step ", facts->step, ": the ",
              __builtin_isfinite(facts->loss) ? "gradient norm" : "loss",
              " is not finite; the step was not applied");
}

// A window without targets has no loss and leaves everything as it is.
status train_step(session *self, job_state *job, step_facts *facts) {
  double started = seconds_now();
  window w;
  status result = count_window(self, job, facts->step, &w);
  if (result == ok)
    result = run_window(self, &w);
  if (result == ok && self->opts->dump_grads)
    result =
        adapter_dump_gradients(&self->tensors, &self->gradients, facts->step);
  if (result != ok)
    return result;
  facts->epoch = epoch_after(self, job, &w);
  facts->tokens = w.tokens;
  facts->learning_rate =
      schedule_learning_rate(&job->training, facts->step - 1, job->total);
  facts->loss = NAN;
  facts->grad_norm = 0;
  if (w.targets) {
    self->image->grad_norm(&self->context);
    facts->loss = self->context.loss_sum / static_cast<double>(w.targets);
    facts->grad_norm = sqrt(self->context.norm_squared);
    result = finite_or_stop(facts);
    if (result != ok)
      return result;
    apply_update(self, job, facts);
  }
  facts->seconds = seconds_now() - started;
  return ok;
}

// Returns `interrupted` where a signal ended the loop; `*done` counts steps.
status train_steps(session *self, job_state *job, int64_t *done) {
  progress line;
  progress_start(&line, self, job->total);
  status result = ok;
  for (*done = 0; result == ok && *done < job->total;) {
    if (stop_requested) {
      result = interrupted;
      break;
    }
    step_facts facts = {};
    facts.step = *done + 1;
    result = train_step(self, job, &facts);
    if (result != ok)
      break;
    ++*done;
    progress_step(&line, &facts, peaks_sample(&self->memory));
    result = log_step(&self->log, &facts);
  }
  progress_end(&line);
  return result;
}

const char *reason_of(status result) {
  switch (result) {
  case ok:
    return "completed";
  case interrupted:
    return "interrupted";
  case not_finite:
    return "non_finite";
  case bad_data:
    return "bad_data";
  default:
    return "io_error";
  }
}

void print_summary(const session *self, int64_t steps) {
  print(STDOUT_FILENO, "saved ", self->out.path, " after ", steps,
        by_count(steps, " step; memory ", " steps; memory "),
        fixed(static_cast<double>(self->memory.anon) / 1048576, 1), " of ",
        fixed(static_cast<double>(self->image->planned_anon) / 1048576, 1),
        " MiB planned\n");
}

status run_job(session *self, const struct neap_image *image,
               const options *opts) {
  job_state job;
  status result = session_open(self, image, opts);
  if (result != ok)
    return result;
  plan_job(self, &job);
  result = session_ready(self, job.total);
  if (result != ok)
    return result;
  int64_t steps;
  result = train_steps(self, &job, &steps);
  if (result == interrupted)
    print(STDERR_FILENO, "interrupted after step ", steps, "\n");
  // Whatever ended the job, the adapter of the last applied step is kept. One
  // that never was applied must not replace what an earlier job left.
  bool keep = result == ok || job.updates > 0;
  const run_facts facts = {steps, job.total, static_cast<int64_t>(self->seed),
                           opts->init, reason_of(result)};
  status saved = keep ? adapter_save(&self->tensors, &self->out, &facts) : ok;
  if (saved != ok)
    result = saved;
  status logged = session_end(self, reason_of(result), steps);
  if (!keep)
    print(STDERR_FILENO, "note: nothing was trained, so nothing was saved\n");
  else if (saved == ok)
    print_summary(self, steps);
  return result != ok ? result : logged;
}

} // namespace

status run_train(const struct neap_image *image, const options *opts) {
  session *self = &the_session;
  catch_signals();
  status result = run_job(self, image, opts);
  if (result != ok) {
    folder_abandon(&self->gradients);
    folder_abandon(&self->out);
  }
  return result;
}

} // namespace neap
