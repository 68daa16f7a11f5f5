/// Rows to train on or to evaluate, from a tokens file or a JSONL file.
///
/// Opening a dataset reads and checks all of it, so that bad data stops a job
/// before its first step. Memory is bounded: rows are read again when needed.
#ifndef NEAP_CORE_DATASET_H
#define NEAP_CORE_DATASET_H

#include "adapter.h"
#include "json.h"
#include "reader.h"
#include "safetensors.h"

namespace neap {

struct dataset_options {
  const char *path;
  bool jsonl;         // else a tokens file
  bool skip_bad_rows; // JSONL only
};

struct dataset {
  const struct neap_image *image;
  const io_buffers *io;
  bool jsonl, skip_bad_rows;
  int32_t *input_ids, *labels; // of the current row, labels shifted
  reader in;
  int64_t rows;
  int64_t bad_rows;   // skipped
  int64_t empty_rows; // without content
  int64_t cut_rows;   // with tokens beyond the planned length
  // With content, but nothing to train on: all labels ignored, or every target
  // beyond the planned length.
  int64_t untrained_rows;

  // Tokens file.
  neap_tensor_entry ids_tensor, labels_tensor;
  int64_t data_offset, sequence;

  // JSONL: row_index[i] is where row i * stride starts; the most recent rows
  // are remembered too, since each window is read twice.
  int64_t stride;
  struct {
    int64_t row, offset;
  } recent[64];
};

/// What dataset_row leaves in `input_ids` and `labels`.
struct row_facts {
  int64_t targets;     // labels that are trained on
  int64_t token_count; // positions to compute: one less than the row's tokens
  bool cut;            // tokens beyond the planned length were left out
};

status dataset_open(dataset *data, const struct neap_image *image,
                    uint8_t *arena, const io_buffers *io,
                    const dataset_options *options);
/// Says on stderr how many rows contribute nothing, if any.
void dataset_warn(const dataset *data);
status dataset_row(dataset *data, int64_t row, row_facts *facts);

// The two kinds, called by the above.
status tokens_open(dataset *data);
status tokens_row(dataset *data, int64_t row, row_facts *facts);
status jsonl_open(dataset *data);
status jsonl_row(dataset *data, int64_t row, row_facts *facts);

} // namespace neap

#endif
