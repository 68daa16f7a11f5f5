#include "schedule.h"

#include <math.h>

namespace neap {

static int64_t round_up(double value) {
  return static_cast<int64_t>(ceil(value));
}

int64_t schedule_total_steps(const neap_training *training,
                             int64_t steps_per_epoch) {
  if (training->max_steps > 0)
    return training->max_steps;
  return round_up(training->epochs * static_cast<double>(steps_per_epoch));
}

int64_t schedule_warmup_steps(const neap_training *training, int64_t total) {
  double warmup = training->warmup_steps;
  if (warmup >= 1)
    return static_cast<int64_t>(warmup);
  return warmup > 0 ? round_up(warmup * static_cast<double>(total)) : 0;
}

double schedule_learning_rate(const neap_training *training, int64_t index,
                              int64_t total) {
  double rate = training->learning_rate;
  if (training->schedule == NEAP_SCHEDULE_CONSTANT)
    return rate;
  int64_t warmup = schedule_warmup_steps(training, total);
  if (index < warmup)
    return rate * (static_cast<double>(index) / static_cast<double>(warmup));
  if (training->schedule == NEAP_SCHEDULE_CONSTANT_WITH_WARMUP)
    return rate;
  double decay = static_cast<double>(total > warmup ? total - warmup : 1);
  double factor;
  if (training->schedule == NEAP_SCHEDULE_LINEAR)
    factor = static_cast<double>(total - index) / decay;
  else
    factor =
        0.5 * (1 + cos(M_PI * (static_cast<double>(index - warmup) / decay)));
  return rate * (factor > 0 ? factor : 0);
}

double bias_correction(double beta, int64_t step) {
  double power = 1;
  for (; step > 0; step >>= 1) {
    if (step & 1)
      power *= beta;
    beta *= beta;
  }
  return 1 - power;
}

double clip_factor(double norm, double max_norm) {
  if (max_norm <= 0)
    return 1;
  double factor = max_norm / (norm + 1e-6);
  return factor < 1 ? factor : 1;
}

} // namespace neap
