#include "safetensors.h"

#include "json.h"
#include "xxh64.h"

#include <string.h>

namespace neap {

static const int64_t maximum_header = 100000000;

static const struct {
  const char *name;
  int bytes;
} types[type_count] = {{"BOOL", 1},    {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1},
                       {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
                       {"BF16", 2},    {"I32", 4}, {"U32", 4}, {"F32", 4},
                       {"F64", 8},     {"I64", 8}, {"U64", 8}};

int64_t tensor_type_bytes(int type) { return types[type].bytes; }
const char *tensor_type_name(int type) { return types[type].name; }

static bool read_type(json *doc, neap_tensor_entry *entry) {
  char name[16];
  int64_t length;
  if (!json_string(doc, name, sizeof name, &length))
    return false;
  for (entry->type = 0; entry->type < type_count; ++entry->type)
    if (strcmp(types[entry->type].name, name) == 0)
      return true;
  return json_fail(doc, "unknown dtype");
}

// Sets rank, trailing dimensions and the element count.
static bool read_shape(json *doc, neap_tensor_entry *entry, int64_t *elements) {
  *elements = 1;
  entry->rank = 0;
  entry->shape[0] = entry->shape[1] = 1;
  for (bool first = true; json_next_item(doc, &first); ++entry->rank) {
    int64_t size;
    if (!json_natural(doc, &size))
      return false;
    if (__builtin_mul_overflow(*elements, size, elements))
      return json_fail(doc, "shape is too large");
    entry->shape[0] = entry->shape[1];
    entry->shape[1] = size;
  }
  return !doc->error;
}

static bool read_offsets(json *doc, neap_tensor_entry *entry) {
  bool first = true;
  if (!json_next_item(doc, &first) || !json_natural(doc, &entry->begin) ||
      !json_next_item(doc, &first) || !json_natural(doc, &entry->end))
    return json_fail(doc, "expected two data_offsets");
  if (json_next_item(doc, &first))
    return json_fail(doc, "expected two data_offsets");
  if (entry->begin > entry->end)
    return json_fail(doc, "data_offsets run backwards");
  return !doc->error;
}

static bool read_tensor(json *doc, neap_tensor_entry *entry) {
  char key[16];
  int64_t length, elements = 0, bytes;
  int seen = 0;
  for (bool first = true;
       json_next_key(doc, &first, key, sizeof key, &length);) {
    int field = strcmp(key, "dtype") == 0          ? 1
                : strcmp(key, "shape") == 0        ? 2
                : strcmp(key, "data_offsets") == 0 ? 4
                                                   : 0;
    if (field == 0 || (seen & field))
      return json_fail(doc, "expected dtype, shape and data_offsets once each");
    seen |= field;
    bool good = field == 1   ? read_type(doc, entry)
                : field == 2 ? read_shape(doc, entry, &elements)
                             : read_offsets(doc, entry);
    if (!good)
      return false;
  }
  if (doc->error)
    return false;
  if (seen != 7)
    return json_fail(doc, "expected dtype, shape and data_offsets");
  if (__builtin_mul_overflow(elements, tensor_type_bytes(entry->type),
                             &bytes) ||
      bytes != entry->end - entry->begin)
    return json_fail(doc, "data_offsets do not match the shape");
  return true;
}

static bool read_metadata(json *doc) {
  char drop[1];
  int64_t length;
  for (bool first = true; json_next_key(doc, &first, drop, 1, &length);)
    if (!json_string(doc, drop, 1, &length))
      return false;
  return !doc->error;
}

static bool is_known(const tensor_table *table, uint64_t hash) {
  for (int64_t i = 0; i < table->count; ++i)
    if (table->entries[i].name_hash == hash)
      return true;
  return false;
}

static status read_entry(json *doc, status code, const char *name,
                         tensor_names names, const void *context,
                         tensor_table *table) {
  const char *path = doc->in->path;
  int64_t id = names(context, name);
  if (id == -2)
    return fail(code, path, ": unknown tensor '", name, "'");
  if (table->count == table->capacity)
    return fail(code, path, ": expected at most ", table->capacity, " tensors");
  neap_tensor_entry *entry = &table->entries[table->count];
  *entry = {};
  entry->name_hash = xxh64_of(name, strlen(name));
  entry->parameter = id;
  if (is_known(table, entry->name_hash))
    return fail(code, path, ": tensor '", name, "' appears twice");
  if (!read_tensor(doc, entry))
    return fail(code, path, ": tensor '", name, "': ", doc->error);
  ++table->count;
  return ok;
}

static status check_coverage(const reader *in, status code,
                             tensor_table *table) {
  neap_tensor_entry *entries = table->entries;
  for (int64_t i = 1; i < table->count; ++i) {
    neap_tensor_entry moved = entries[i];
    int64_t j = i;
    for (; j > 0 && (entries[j - 1].begin > moved.begin ||
                     (entries[j - 1].begin == moved.begin &&
                      entries[j - 1].end > moved.end));
         --j)
      entries[j] = entries[j - 1];
    entries[j] = moved;
  }
  int64_t covered = 0;
  for (int64_t i = 0; i < table->count; ++i) {
    if (entries[i].begin != covered)
      return fail(code, in->path, ": tensor data ",
                  entries[i].begin < covered ? "overlaps" : "has a hole",
                  " at byte ", entries[i].begin);
    covered = entries[i].end;
  }
  int64_t found = in->file_bytes - table->data_offset;
  if (covered != found)
    return fail(code, in->path, ": expected ", covered,
                " bytes of tensor data, but found ", found);
  return ok;
}

static status read_entries(json *doc, status code, tensor_names names,
                           const void *context, tensor_table *table) {
  char name[1024];
  int64_t length;
  bool metadata = false;
  for (bool first = true;
       json_next_key(doc, &first, name, sizeof name, &length);) {
    if (length >= static_cast<int64_t>(sizeof name))
      return fail(code, doc->in->path, ": tensor name is longer than 1023");
    if (strcmp(name, "__metadata__") != 0) {
      status result = read_entry(doc, code, name, names, context, table);
      if (result != ok)
        return result;
    } else if (metadata || !read_metadata(doc)) {
      return fail(code, doc->in->path, ": malformed __metadata__");
    } else {
      metadata = true;
    }
  }
  if (!doc->error && json_peek(doc) >= 0)
    json_fail(doc, "unexpected text after the header");
  if (doc->error)
    return fail(code, doc->in->path, ": header byte ", doc->error_at - 8, ": ",
                doc->error);
  return ok;
}

status safetensors_header(reader *in, status code, tensor_names names,
                          const void *context, tensor_table *table) {
  uint64_t bytes;
  table->count = 0;
  if (in->file_bytes < 8 || !reader_copy(in, &bytes, sizeof bytes))
    return fail(code, in->path, ": expected a safetensors header, but found ",
                in->file_bytes, " bytes");
  if (bytes > maximum_header ||
      static_cast<int64_t>(bytes) > in->file_bytes - 8)
    return fail(code, in->path, ": the header's length does not fit a file of ",
                in->file_bytes, " bytes");
  table->data_offset = 8 + static_cast<int64_t>(bytes);
  in->limit = table->data_offset;
  if (reader_peek(in) != '{')
    return fail(code, in->path, ": expected a header that starts with '{'");
  json doc = {in, false, nullptr, 0};
  status result = read_entries(&doc, code, names, context, table);
  in->limit = in->file_bytes;
  return result != ok ? result : check_coverage(in, code, table);
}

float bfloat_to_float(uint16_t bits) {
  uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

float half_to_float(uint16_t bits) {
  uint32_t exponent = bits >> 10 & 31, mantissa = bits & 1023, wide;
  float value;
  if (exponent == 0) {
    value = static_cast<float>(mantissa) * 0x1p-24f;
    return bits >> 15 ? -value : value;
  }
  wide = (exponent == 31 ? 255u : exponent + 112) << 23 | mantissa << 13 |
         static_cast<uint32_t>(bits >> 15) << 31;
  memcpy(&value, &wide, sizeof value);
  return value;
}

} // namespace neap
