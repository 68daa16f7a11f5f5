// --tokens: a safetensors file with `input_ids` and `labels` [rows, seq].
#include "dataset.h"

#include <string.h>

namespace neap {

static int64_t tensor_id(const void *, const char *name) {
  if (strcmp(name, "input_ids") == 0)
    return 0;
  return strcmp(name, "labels") == 0 ? 1 : -1;
}

static status check_tensor(const dataset *data, const neap_tensor_entry *entry,
                           const char *name) {
  if (entry->type != type_i32 && entry->type != type_i64)
    return fail(bad_data, data->in.path, ": '", name,
                "': expected dtype I32 or I64, but found ",
                tensor_type_name(entry->type));
  if (entry->rank != 2)
    return fail(bad_data, data->in.path, ": '", name,
                "': expected shape [rows, sequence], but found rank ",
                entry->rank);
  return ok;
}

static status find_tensors(dataset *data) {
  tensor_table table = {data->io->tensors, data->io->tensor_capacity, 0, 0};
  status result =
      safetensors_header(&data->in, bad_data, tensor_id, nullptr, &table);
  if (result != ok)
    return result;
  const neap_tensor_entry *found[2] = {nullptr, nullptr};
  static const char *const names[] = {"input_ids", "labels"};
  for (int64_t i = 0; i < table.count; ++i)
    if (table.entries[i].parameter >= 0)
      found[table.entries[i].parameter] = &table.entries[i];
  for (int i = 0; i < 2; ++i)
    if (!found[i])
      return fail(bad_data, data->in.path, ": tensor '", names[i],
                  "' is missing");
  for (int i = 0; i < 2 && result == ok; ++i)
    result = check_tensor(data, found[i], names[i]);
  if (result != ok)
    return result;
  data->ids_tensor = *found[0];
  data->labels_tensor = *found[1];
  data->data_offset = table.data_offset;
  return ok;
}

static status check_shapes(dataset *data) {
  const int64_t *ids = data->ids_tensor.shape,
                *labels = data->labels_tensor.shape;
  if (ids[0] != labels[0] || ids[1] != labels[1])
    return fail(bad_data, data->in.path, ": 'labels': expected shape [", ids[0],
                ", ", ids[1], "] as of 'input_ids', but found [", labels[0],
                ", ", labels[1], "]");
  if (ids[1] > data->image->max_tokens)
    return fail(bad_data, data->in.path, ": rows have ", ids[1],
                " tokens, but the trainer is planned for at most ",
                data->image->max_tokens);
  data->rows = ids[1] > 0 ? ids[0] : 0;
  data->sequence = ids[1];
  return ok;
}

static bool read_token(reader *in, int type, int64_t *token) {
  int32_t narrow;
  if (type == type_i64)
    return reader_copy(in, token, sizeof *token);
  if (!reader_copy(in, &narrow, sizeof narrow))
    return false;
  *token = narrow;
  return true;
}

// Reads one row of a tensor to `out`, from its `first` element on.
static status read_row(dataset *data, const neap_tensor_entry *tensor,
                       int64_t row, bool labels, int32_t *out) {
  int64_t bytes = tensor_type_bytes(tensor->type);
  data->in.position =
      data->data_offset + tensor->begin + row * data->sequence * bytes;
  for (int64_t column = 0; column < data->sequence; ++column) {
    int64_t token;
    if (!read_token(&data->in, tensor->type, &token))
      return fail(bad_data, data->in.path,
                  ": cannot be read: ", system_error(data->in.error));
    bool inside = token >= 0 && token < data->image->vocabulary;
    if (!inside && !(labels && token == NEAP_IGNORE_LABEL))
      return fail(bad_data, data->in.path, ": row ", row, ", column ", column,
                  " (from 0) of '", labels ? "labels" : "input_ids", "' is ",
                  token, ", outside the vocabulary of ",
                  data->image->vocabulary);
    // labels[t] is the target of position t: the next column's label.
    if (!labels)
      out[column] = static_cast<int32_t>(token);
    else if (column > 0)
      out[column - 1] = static_cast<int32_t>(token);
  }
  if (labels)
    out[data->sequence - 1] = NEAP_IGNORE_LABEL;
  return ok;
}

status tokens_row(dataset *data, int64_t row, row_facts *facts) {
  // Rows are taken as they are, padding included: time and memory depend on
  // the tensors' shape alone. The last token is a label only.
  *facts = {0, data->sequence - 1, false};
  status result =
      read_row(data, &data->ids_tensor, row, false, data->input_ids);
  if (result == ok)
    result = read_row(data, &data->labels_tensor, row, true, data->labels);
  if (result != ok)
    return result;
  for (int64_t t = 0; t < data->sequence; ++t)
    facts->targets += data->labels[t] != NEAP_IGNORE_LABEL;
  return ok;
}

status tokens_open(dataset *data) {
  status result = find_tensors(data);
  if (result == ok)
    result = check_shapes(data);
  row_facts facts;
  for (int64_t row = 0; result == ok && row < data->rows; ++row) {
    result = tokens_row(data, row, &facts);
    data->untrained_rows += facts.targets == 0;
  }
  return result;
}

} // namespace neap
