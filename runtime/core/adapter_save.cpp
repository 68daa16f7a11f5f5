#include "adapter.h"
#include "parameters.h"

#include <string.h>

namespace neap {

// {"key":{...},...}: the same text twice, once to learn its length.
static void put_header(const adapter *self, writer *out) {
  int64_t offset = 0;
  parameter current, *p = &current;
  put(out, "{\"__metadata__\":{\"format\":\"pt\"}");
  for (int64_t i = 0; i < self->image->parameter_count; ++i) {
    parameter_at(self->image, self->io.order[i], p);
    int64_t end = offset + p->rows * p->cols * 4;
    put(out, ",", quoted(p->key), ":{\"dtype\":\"F32\",\"shape\":[", p->rows,
        ",", p->cols, "],\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  put(out, "}");
}

static void put_tensor(writer *out, const parameter *p, const float *array) {
  const float *values = array + p->element_offset;
  if (!p->transposed)
    return put_bytes(out, values, p->rows * p->cols * 4);
  for (int64_t r = 0; r < p->rows; ++r)
    for (int64_t c = 0; c < p->cols; ++c)
      put_bytes(out, &values[c * p->rows + r], sizeof *values);
}

static void put_safetensors(const adapter *self, writer *out,
                            const neap_range *range) {
  writer counter;
  writer_open(&counter, -1, nullptr, 0);
  put_header(self, &counter);
  int64_t padding = (8 - counter.total % 8) % 8;
  int64_t bytes = counter.total + padding;
  put_bytes(out, &bytes, sizeof bytes);
  put_header(self, out);
  put_bytes(out, "       ", padding);
  const float *array =
      reinterpret_cast<const float *>(self->arena + range->offset);
  parameter current;
  for (int64_t i = 0; i < self->image->parameter_count && !out->error; ++i) {
    parameter_at(self->image, self->io.order[i], &current);
    put_tensor(out, &current, array);
  }
}

static status write_tensors(const adapter *self, const folder *dir,
                            const char *name, const neap_range *range) {
  pending_file file;
  pending_open(&file, dir, name, self->io.write, NEAP_IO_WRITE_BYTES);
  if (!file.error)
    put_safetensors(self, &file.out, range);
  return pending_close(&file);
}

static status write_text(const adapter *self, const folder *dir,
                         const char *name, const char *text) {
  pending_file file;
  pending_open(&file, dir, name, self->io.write, NEAP_IO_WRITE_BYTES);
  if (!file.error)
    put(&file.out, text);
  return pending_close(&file);
}

// A diverged adapter must not replace a good one.
static bool values_are_finite(const adapter *self) {
  const float *values =
      reinterpret_cast<const float *>(self->arena + self->image->values.offset);
  for (int64_t i = 0; i < self->image->parameter_elements; ++i)
    if (!__builtin_isfinite(values[i]))
      return false;
  return true;
}

static status write_readme(const adapter *self, const folder *dir,
                           const char *name, const run_facts *run) {
  pending_file file;
  pending_open(&file, dir, name, self->io.write, NEAP_IO_WRITE_BYTES);
  if (!file.error) {
    put(&file.out, self->image->readme, "\n## Run\n\n- steps: ", run->steps,
        " of ", run->total, ", ", run->reason, "\n- seed: ", run->seed,
        "\n- started from: ");
    if (run->init)
      put(&file.out, "the adapter ", quoted(run->init), "\n");
    else
      put(&file.out, "a fresh adapter\n");
  }
  return pending_close(&file);
}

status adapter_save(adapter *self, const folder *dir, const run_facts *run) {
  const struct neap_image *image = self->image;
  if (!values_are_finite(self))
    return fail(not_finite, dir->path,
                ": the adapter is not finite; nothing was saved");
  const char *const *names = adapter_files;
  status result = write_readme(self, dir, names[0], run);
  if (result == ok)
    result = write_text(self, dir, names[1], image->adapter_config);
  if (result == ok)
    result = write_tensors(self, dir, names[2], &image->values);
  if (result == ok)
    return pending_commit(dir, names, 3);
  pending_discard(dir, names, 3);
  return result;
}

status adapter_dump_gradients(adapter *self, const folder *dir, int64_t step) {
  char name[48];
  writer text;
  writer_open(&text, -1, name, sizeof name - 1);
  put(&text, "step", step, ".safetensors");
  name[text.used] = 0;
  const char *names[] = {name};
  status result = write_tensors(self, dir, name, &self->image->gradients);
  return result == ok ? pending_commit(dir, names, 1) : result;
}

} // namespace neap
