#include "adapter.h"
#include "parameters.h"
#include "reader.h"
#include "safetensors.h"

#include <string.h>

namespace neap {

// Binary search in the sorted keys.
static int64_t find_parameter(const void *context, const char *name) {
  const adapter *self = static_cast<const adapter *>(context);
  int64_t low = 0, high = self->image->parameter_count;
  parameter p;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    int32_t candidate = self->io.order[middle];
    parameter_at(self->image, candidate, &p);
    int order = strcmp(p.key, name);
    if (order == 0)
      return candidate;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return -2;
}

static status check_tensor(const adapter *self, const char *path,
                           const neap_tensor_entry *entry) {
  parameter current, *p = &current;
  parameter_at(self->image, entry->parameter, p);
  if (entry->rank != 2)
    return fail(mismatch, path, ": '", p->key, "': expected rank 2, but found ",
                entry->rank);
  if (entry->shape[0] != p->rows || entry->shape[1] != p->cols)
    return fail(mismatch, path, ": '", p->key, "': expected shape [", p->rows,
                ", ", p->cols, "], but found [", entry->shape[0], ", ",
                entry->shape[1], "]");
  if (entry->type != type_f32 && entry->type != type_f16 &&
      entry->type != type_bf16)
    return fail(mismatch, path, ": '", p->key,
                "': expected dtype F32, F16 or BF16, but found ",
                tensor_type_name(entry->type));
  return ok;
}

static status check_complete(const adapter *self, const char *path,
                             const tensor_table *table) {
  for (int64_t i = 0; i < self->image->parameter_count; ++i) {
    bool found = false;
    for (int64_t j = 0; j < table->count && !found; ++j)
      found = table->entries[j].parameter == i;
    if (found)
      continue;
    parameter missing;
    parameter_at(self->image, i, &missing);
    return fail(mismatch, path, ": tensor '", missing.key, "' is missing");
  }
  return ok;
}

static bool read_value(reader *in, int type, float *value) {
  if (type == type_f32)
    return reader_copy(in, value, sizeof *value);
  uint16_t bits;
  if (!reader_copy(in, &bits, sizeof bits))
    return false;
  *value = type == type_f16 ? half_to_float(bits) : bfloat_to_float(bits);
  return true;
}

static status read_tensor(const adapter *self, reader *in,
                          const neap_tensor_entry *entry, int64_t data_offset) {
  parameter current, *p = &current;
  parameter_at(self->image, entry->parameter, p);
  float *values =
      reinterpret_cast<float *>(self->arena + self->image->values.offset) +
      p->element_offset;
  in->position = data_offset + entry->begin;
  for (int64_t r = 0; r < p->rows; ++r)
    for (int64_t c = 0; c < p->cols; ++c) {
      float value;
      if (!read_value(in, entry->type, &value))
        return fail(mismatch, in->path, ": ", system_error(in->error));
      if (!__builtin_isfinite(value))
        return fail(mismatch, in->path, ": '", p->key, "'[", r, "][", c,
                    "] is not finite");
      values[p->transposed ? c * p->rows + r : r * p->cols + c] = value;
    }
  return ok;
}

static status load(adapter *self, reader *in) {
  tensor_table table = {self->io.tensors, self->io.tensor_capacity, 0, 0};
  status result =
      safetensors_header(in, mismatch, find_parameter, self, &table);
  for (int64_t i = 0; result == ok && i < table.count; ++i)
    result = check_tensor(self, in->path, &table.entries[i]);
  if (result == ok)
    result = check_complete(self, in->path, &table);
  for (int64_t i = 0; result == ok && i < table.count; ++i)
    result = read_tensor(self, in, &table.entries[i], table.data_offset);
  return result;
}

bool adapter_path(char path[adapter_path_bytes], const char *dir,
                  const char *name) {
  writer text;
  writer_open(&text, -1, path, adapter_path_bytes - 1);
  put(&text, dir, "/", name);
  path[text.used] = 0;
  return text.used == text.total;
}

static status load_tensors(adapter *self, const char *dir) {
  char path[adapter_path_bytes];
  reader in;
  if (!adapter_path(path, dir, "adapter_model.safetensors"))
    return fail(mismatch, dir, ": the path is too long");
  status result =
      reader_open(&in, path, mismatch, self->io.read, NEAP_IO_READ_BYTES);
  if (result != ok)
    return result;
  result = load(self, &in);
  reader_close(&in);
  return result;
}

status adapter_load(adapter *self, const char *dir) {
  status result = adapter_check_config(self, dir);
  return result == ok ? load_tensors(self, dir) : result;
}

} // namespace neap
