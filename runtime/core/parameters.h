// The adapter tensors of the image, one by one.
#ifndef NEAP_RT_PARAMETERS_H
#define NEAP_RT_PARAMETERS_H

#include "neap/abi.h"

namespace neap {

/// A tensor with its key spelled out; see neap_parameter for the fields.
struct parameter {
  char key[NEAP_KEY_BYTES];
  int64_t rows, cols, element_offset;
  bool transposed;
  int32_t init;
  float init_scale;
};

/// Tensor `index` of [0, parameter_count): groups in order, repetition by
/// repetition.
void parameter_at(const struct neap_image *image, int64_t index,
                  parameter *result);

} // namespace neap

#endif
