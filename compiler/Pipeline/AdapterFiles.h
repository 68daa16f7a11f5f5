// What a trainer writes: the adapter's README and how much goes to flash.
#ifndef NEAP_COMPILER_PIPELINE_ADAPTERFILES_H
#define NEAP_COMPILER_PIPELINE_ADAPTERFILES_H

#include "compiler/Pipeline/Job.h"
#include "compiler/Report/PlanJson.h"

namespace neap {

/// README.md of the adapter up to what the run itself adds: job, base model,
/// quantisation, LoRA and the settings that no option of a run changes.
std::string renderReadme(const Job &job, const std::string &weightsSha256);

/// Upper bounds on the files of --out and of --log, the paths of the command
/// line aside. One save is counted: a job saves when it ends.
FlashTraffic estimateFlashTraffic(const Job &job, const ArenaLayout &layout);

} // namespace neap
#endif
