#include "dataset.h"

namespace neap {

// Nothing can be learnt from or measured on rows without targets.
static status expect_targets(dataset *data) {
  for (int64_t row = 0; row < data->rows; ++row) {
    row_facts facts;
    status result = dataset_row(data, row, &facts);
    if (result != ok || facts.targets)
      return result;
  }
  return fail(bad_data, data->in.path, ": no row has a target");
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
  if (result == ok && data->rows == 0)
    return fail(bad_data, options->path, ": has no rows");
  return result == ok ? expect_targets(data) : result;
}

status dataset_row(dataset *data, int64_t row, row_facts *facts) {
  return data->jsonl ? jsonl_row(data, row, facts)
                     : tokens_row(data, row, facts);
}

} // namespace neap
