/// Learning rate, bias correction and step counts, as Hugging Face has them.
#ifndef NEAP_CORE_SCHEDULE_H
#define NEAP_CORE_SCHEDULE_H

#include "neap/abi.h"

namespace neap {

/// Optimizer steps of a job: max_steps, or else ceil(epochs * steps per epoch)
/// (Trainer.set_initial_training_values).
int64_t schedule_total_steps(const neap_training *training,
                             int64_t steps_per_epoch);

/// Warm-up steps of `total`: a share in (0, 1) is rounded up.
int64_t schedule_warmup_steps(const neap_training *training, int64_t total);

/// Learning rate of optimizer step `index`, counted from 0
/// (transformers.optimization.get_scheduler).
double schedule_learning_rate(const neap_training *training, int64_t index,
                              int64_t total);

/// 1 - beta^step.
double bias_correction(double beta, int64_t step);

/// torch.nn.utils.clip_grad_norm_'s factor.
double clip_factor(double norm, double max_norm);

} // namespace neap

#endif
