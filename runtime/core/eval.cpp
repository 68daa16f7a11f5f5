// Mean loss and perplexity of a file, with the forward program alone.
#include "session.h"

#include <math.h>
#include <unistd.h>

namespace neap {

static session the_session;

static status evaluate(session *self, eval_facts *facts) {
  neap_context *context = &self->context;
  double started = seconds_now();
  context->loss_sum = 0;
  for (int64_t row = 0; row < self->data.rows; ++row) {
    row_facts one;
    status result = dataset_row(&self->data, row, &one);
    if (result != ok)
      return result;
    if (!one.targets)
      continue;
    facts->targets += one.targets;
    facts->tokens += one.token_count + 1;
    context->token_count = one.token_count;
    context->row_counter = static_cast<uint64_t>(row);
    self->image->eval_row(context);
    peaks_sample(&self->memory);
  }
  facts->rows = self->data.rows;
  facts->loss = context->loss_sum / static_cast<double>(facts->targets);
  facts->perplexity = exp(facts->loss);
  facts->seconds = seconds_now() - started;
  if (!__builtin_isfinite(facts->loss))
    return fail(not_finite, self->data.in.path, ": the loss is not finite");
  return ok;
}

status run_eval(const struct neap_image *image, const options *opts) {
  session *self = &the_session;
  eval_facts facts = {};
  status result = session_open(self, image, opts);
  if (result == ok)
    result = session_ready(self, 0);
  if (result != ok)
    return result;
  result = evaluate(self, &facts);
  if (result == ok) {
    result = printed(
        print(STDOUT_FILENO, "loss ", fixed(facts.loss, 6), "  perplexity ",
              fixed(facts.perplexity, 4), "  (", facts.targets,
              by_count(facts.targets, " target in ", " targets in "),
              facts.rows, by_count(facts.rows, " row)\n", " rows)\n")));
    status logged = log_eval(&self->log, &facts);
    result = result == ok ? logged : result;
  }
  status logged = session_end(self,
                              result == ok           ? "completed"
                              : result == not_finite ? "non_finite"
                              : result == io_failed  ? "io_error"
                                                     : "bad_data",
                              0);
  return result != ok ? result : logged;
}

} // namespace neap
