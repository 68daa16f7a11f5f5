#include "parameters.h"

namespace neap {

// Copies `pattern` with '#' replaced by `number`; cuts at the buffer's end.
static void spell_key(char *key, const char *pattern, int64_t number) {
  char *end = key + NEAP_KEY_BYTES - 1;
  for (; *pattern && key < end; ++pattern) {
    if (*pattern != '#') {
      *key++ = *pattern;
      continue;
    }
    char digits[20];
    int count = 0;
    do
      digits[count++] = static_cast<char>('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0 && key < end)
      *key++ = digits[--count];
  }
  *key = 0;
}

void parameter_at(const struct neap_image *image, int64_t index,
                  parameter *result) {
  const neap_parameter_group *group = image->groups;
  while (index >= static_cast<int64_t>(group->count) * group->repeat) {
    index -= static_cast<int64_t>(group->count) * group->repeat;
    ++group;
  }
  const neap_parameter *entry = &group->entries[index % group->count];
  int64_t repetition = index / group->count;
  spell_key(result->key, entry->key, group->first_number + repetition);
  result->rows = entry->rows;
  result->cols = entry->cols;
  result->element_offset =
      entry->element_offset + repetition * group->element_stride;
  result->transposed = entry->transposed != 0;
  result->init = entry->init;
  result->init_scale = entry->init_scale;
}

} // namespace neap
