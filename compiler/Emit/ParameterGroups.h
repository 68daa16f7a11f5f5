// Parameters of equal layers described once (neap_parameter_group in abi.h).
#ifndef NEAP_COMPILER_EMIT_PARAMETERGROUPS_H
#define NEAP_COMPILER_EMIT_PARAMETERGROUPS_H

#include "runtime/include/neap/abi.h"

#include <string>
#include <vector>

namespace neap {

/// A parameter as the image stores it.
struct ImageParameter {
  std::string key;
  int64_t rows = 0, cols = 0, elementOffset = 0;
  bool transposed = false;
  int32_t init = NEAP_INIT_ZERO;
  float initScale = 0;
};

/// `entries`, `repeat` times: repetition r has '#' of the keys replaced by
/// firstNumber + r and offsets moved by r * elementStride. Keys of a group that
/// does not repeat are complete.
struct ParameterGroup {
  std::vector<ImageParameter> entries;
  int64_t repeat = 1, firstNumber = 0, elementStride = 0;
};

/// Groups the parameters in their order: at each place the repetition that
/// covers most. Expanding the groups gives the parameters back.
std::vector<ParameterGroup>
groupParameters(const std::vector<ImageParameter> &parameters);

} // namespace neap
#endif
