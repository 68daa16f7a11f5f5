#include "adapter.h"

#include "parameters.h"
#include "random.h"
#include "xxh64.h"

#include <string.h>

namespace neap {

void io_divide(const struct neap_image *image, uint8_t *arena, io_buffers *io) {
  io->read = arena + image->io.offset;
  io->write = io->read + NEAP_IO_READ_BYTES;
  uint8_t *index = io->write + NEAP_IO_WRITE_BYTES;
  io->row_index = reinterpret_cast<int64_t *>(index);
  index += NEAP_IO_INDEX_ROWS * sizeof(int64_t);
  io->tensors = reinterpret_cast<neap_tensor_entry *>(index);
  io->tensor_capacity = neap_io_tensors(image->parameter_count);
  io->order = reinterpret_cast<int32_t *>(io->tensors + io->tensor_capacity);
}

// Insertion sort: the compiler emits parameters nearly in order, and a model
// has hundreds of them.
void adapter_sort(adapter *self) {
  int32_t *order = self->io.order;
  parameter inserted, other;
  for (int32_t i = 0; i < self->image->parameter_count; ++i) {
    parameter_at(self->image, i, &inserted);
    int32_t j = i;
    for (; j > 0; --j) {
      parameter_at(self->image, order[j - 1], &other);
      if (strcmp(other.key, inserted.key) <= 0)
        break;
      order[j] = order[j - 1];
    }
    order[j] = i;
  }
}

static float *values_of(const adapter *self, const parameter *p) {
  return reinterpret_cast<float *>(self->arena + self->image->values.offset) +
         p->element_offset;
}

void adapter_initialise(adapter *self, uint64_t seed) {
  parameter current, *p = &current;
  for (int64_t i = 0; i < self->image->parameter_count; ++i) {
    parameter_at(self->image, i, p);
    float *values = values_of(self, p);
    uint64_t stream = xxh64_of(p->key, static_cast<int64_t>(strlen(p->key)));
    if (p->init == NEAP_INIT_ZERO)
      continue; // the arena starts as zeros
    for (int64_t r = 0; r < p->rows; ++r)
      for (int64_t c = 0; c < p->cols; ++c) {
        uint64_t index = static_cast<uint64_t>(r * p->cols + c);
        float *value =
            values + (p->transposed ? c * p->rows + r : r * p->cols + c);
        *value = p->init == NEAP_INIT_UNIFORM
                     ? random_uniform(seed, stream, index, p->init_scale)
                     : random_normal(seed, stream, index, p->init_scale);
      }
  }
}

} // namespace neap
