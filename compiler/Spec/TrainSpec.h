// The training job in Hugging Face's names (TrainingArguments, SFTConfig).
#ifndef NEAP_COMPILER_SPEC_TRAINSPEC_H
#define NEAP_COMPILER_SPEC_TRAINSPEC_H

#include "compiler/Spec/InputError.h"
#include "passes/Plan/WeightsPlace.h"
#include "runtime/include/neap/abi.h"
#include <string>
#include <string_view>
#include <vector>

namespace neap {

struct TrainSpec {
  std::string file; ///< where it was read from, for messages
  /// What the trainer is told, every field valid: counts are at least 1,
  /// `max_steps` is 0 where epochs decide, `epochs` is 0 where steps decide.
  neap_training training{};
  int64_t maxLength = 0; ///< tokens of the longest row, at least 2
  WeightsPlace weights = WeightsPlace::Mapped;
  int32_t threads = 0; ///< planned maximum; 0: as many as the device has cores
  /// Fields that were set and mean nothing here (logging, hub, data loader),
  /// in the order of the file. Reported once.
  std::vector<std::string> unusedFields;
  /// Accepted combinations in which a field has no effect.
  std::vector<std::string> warnings;
};

/// Parses the text of a train.json. A field of TrainingArguments or SFTConfig
/// that changes the mathematics, is not at its default and is not honoured is
/// an error naming it; so is a field neither knows.
InputOr<TrainSpec> parseTrainSpec(std::string_view text,
                                  const std::string &file);
InputOr<TrainSpec> readTrainSpec(const std::string &file);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_TRAINSPEC_H
