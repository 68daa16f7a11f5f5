// The job as it was understood, defaults included, for `neap compile`'s
// summary.
#ifndef NEAP_COMPILER_SPEC_EFFECTIVESPEC_H
#define NEAP_COMPILER_SPEC_EFFECTIVESPEC_H

#include "compiler/Spec/LoraSpec.h"
#include "compiler/Spec/TrainSpec.h"

namespace neap {

/// One line, e.g. `r=8 alpha=16 dropout=0 init=default targets=q_proj,v_proj`.
std::string describeLora(const LoraSpec &spec);

/// One line: rows, length, duration, optimizer, schedule, clipping, seed.
std::string describeTraining(const TrainSpec &spec);

/// The same without what a run may choose anew: duration and seed.
std::string describeMethod(const TrainSpec &spec);

/// One line: tokenizer, weights, softmax, threads.
std::string describeExecution(const TrainSpec &spec);

/// `optim`, as Hugging Face spells it.
std::string optimizerName(const neap_training &training);
/// `lr_scheduler_type`, as Hugging Face spells it.
std::string scheduleName(const neap_training &training);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_EFFECTIVESPEC_H
