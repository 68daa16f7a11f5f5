#include "dataset.h"

#include <unistd.h>

namespace neap {

// Nothing can be learnt from or measured on rows without targets.
static status expect_targets(const dataset *data) {
  const char *path = data->in.path;
  if (data->rows == 0 && data->bad_rows > 0)
    return fail(bad_data, path, ": has no rows besides ", data->bad_rows,
                by_count(data->bad_rows, " malformed one", " malformed ones"));
  if (data->rows == 0)
    return fail(bad_data, path, ": has no rows");
  if (data->empty_rows + data->untrained_rows < data->rows)
    return ok;
  if (data->jsonl)
    return fail(bad_data, path, ": no row has a target within max_length ",
                data->image->max_tokens);
  return fail(bad_data, path, ": no row has a target");
}

status dataset_open(dataset *data, const struct neap_image *image,
                    uint8_t *arena, const io_buffers *io,
                    const dataset_options *options) {
  data->image = image;
  data->io = io;
  data->jsonl = options->jsonl;
  data->skip_bad_rows = options->skip_bad_rows;
  data->input_ids =
      reinterpret_cast<int32_t *>(arena + image->input_ids.offset);
  data->labels = reinterpret_cast<int32_t *>(arena + image->labels.offset);
  status result = reader_open(&data->in, options->path, bad_data, io->read,
                              NEAP_IO_READ_BYTES);
  if (result == ok)
    result = data->jsonl ? jsonl_open(data) : tokens_open(data);
  return result == ok ? expect_targets(data) : result;
}

void dataset_warn(const dataset *data) {
  if (data->untrained_rows == 0)
    return;
  int64_t rows = data->untrained_rows;
  print(STDERR_FILENO, "warning: ", data->in.path, ": ", rows, " of ",
        data->rows, " rows ", by_count(rows, "has", "have"),
        " no trained token within max_length ", data->image->max_tokens,
        by_count(rows, " and contributes", " and contribute"), " nothing\n");
}

status dataset_row(dataset *data, int64_t row, row_facts *facts) {
  return data->jsonl ? jsonl_row(data, row, facts)
                     : tokens_row(data, row, facts);
}

} // namespace neap
