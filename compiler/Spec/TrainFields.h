// Which fields of TrainingArguments and SFTConfig Neap may meet without
// honouring them. Sources: training_args.py of transformers 4.57, 5.0 and 5.23,
// sft_config.py of TRL 0.24 and 1.16.
#ifndef NEAP_COMPILER_SPEC_TRAINFIELDS_H
#define NEAP_COMPILER_SPEC_TRAINFIELDS_H

#include <string>

namespace neap {

/// Logging, saving, hub, data loading, hardware: no effect on the adapter.
bool isInfrastructureField(const std::string &name);

/// A field that changes the mathematics and is honoured at its defaults only.
struct FixedField {
  const char *name;
  /// JSON values accepted besides null, false and empty, separated by "|".
  const char *defaults;
  /// What to do instead; may be empty.
  const char *advice;
};

/// The entry of `name`, or null.
const FixedField *findFixedField(const std::string &name);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_TRAINFIELDS_H
