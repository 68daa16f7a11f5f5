/// The adapter's tensors: fresh, from a PEFT folder, to a PEFT folder.
#ifndef NEAP_CORE_ADAPTER_H
#define NEAP_CORE_ADAPTER_H

#include "folder.h"
#include "neap/abi.h"
#include "neap/layout.h"

namespace neap {

/// Buffers of the image's `io` range.
struct io_buffers {
  uint8_t *read, *write;
  int64_t *row_index;
  neap_tensor_entry *tensors;
  int32_t *order; // parameters by key
  int64_t tensor_capacity;
};

void io_divide(const struct neap_image *image, uint8_t *arena, io_buffers *io);

struct adapter {
  const struct neap_image *image;
  uint8_t *arena;
  io_buffers io;
};

/// Sorts the parameters by key, the order files have; call once.
void adapter_sort(adapter *self);

/// Initial values from the counter-based generator: stream = XXH64 of the key,
/// index = position in the saved tensor, so that neither the order of
/// parameters nor their place in the arena matters.
void adapter_initialise(adapter *self, uint64_t seed);

/// Values from DIR/adapter_model.safetensors (F32, F16 or BF16), after
/// adapter_check_config. A missing or unknown key, another shape or a value
/// that is not finite: `mismatch`.
status adapter_load(adapter *self, const char *dir);

/// Refuses with `mismatch` a DIR/adapter_config.json by which the tensors mean
/// something else than in this trainer: another scaling (r, lora_alpha,
/// use_rslora and the two patterns against the image's own text), another
/// method than LoRA, a start that changed the base weights, or a field that is
/// set and unknown. Which modules are targeted is left to the tensors. Without
/// that file there is nothing to check.
status adapter_check_config(const adapter *self, const char *dir);

/// The files of a saved adapter.
constexpr const char *adapter_files[] = {"README.md", "adapter_config.json",
                                         "adapter_model.safetensors"};

/// DIR/NAME; false where that is longer than any path may be.
constexpr int64_t adapter_path_bytes = 4096;
bool adapter_path(char path[adapter_path_bytes], const char *dir,
                  const char *name);

/// What README.md says of the run that made the adapter.
struct run_facts {
  int64_t steps, total; // done, and asked for
  int64_t seed;
  const char *init;   // folder of the first adapter; null: a fresh one
  const char *reason; // of the end, as in the log
};

/// Writes adapter_model.safetensors, adapter_config.json and README.md; the
/// files of an earlier save survive any failure. Fails with `io_failed`.
status adapter_save(adapter *self, const folder *dir, const run_facts *run);

/// Writes the gradients as step<step>.safetensors.
status adapter_dump_gradients(adapter *self, const folder *dir, int64_t step);

} // namespace neap

#endif
