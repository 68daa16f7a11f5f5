// --data: one JSON object per line, tokenised as the bytes of its strings.
//
//   {"text": T}                       trains on all of T
//   {"prompt": P, "completion": C}    trains on C alone, unless the job says
//                                     completion_only_loss = false
// A row is followed by the end-of-sequence token, if there is one, and then
// cut to the planned length (TRL's SFTTrainer). A byte order mark at the start
// of the file is skipped.
#include "dataset.h"

#include <string.h>

namespace neap {

namespace {

// Where the strings of a row start, -1 for none.
struct row_fields {
  int64_t text, prompt, completion;
  bool blank; // nothing but white space: not a row
};

constexpr int64_t recent_rows = 64;

bool read_field(json *doc, int64_t *where, const char *twice) {
  if (*where >= 0)
    return json_fail(doc, twice);
  int c = json_peek(doc);
  if (c == '[' || c == '{')
    return json_fail(doc, "lists of messages are not supported yet: expected "
                          "a string");
  if (c != '"')
    return json_fail(doc, "expected a string");
  *where = doc->in->position;
  return json_skip(doc);
}

bool read_members(json *doc, row_fields *fields) {
  char key[16];
  int64_t length;
  for (bool first = true;
       json_next_key(doc, &first, key, sizeof key, &length);) {
    bool good = true;
    if (strcmp(key, "text") == 0)
      good = read_field(doc, &fields->text, "'text' appears twice");
    else if (strcmp(key, "prompt") == 0)
      good = read_field(doc, &fields->prompt, "'prompt' appears twice");
    else if (strcmp(key, "completion") == 0)
      good = read_field(doc, &fields->completion, "'completion' appears twice");
    else if (strcmp(key, "messages") == 0)
      good = json_fail(doc, "'messages' rows are not supported yet: expected "
                            "'text' or 'prompt' and 'completion'");
    else
      good = json_skip(doc);
    if (!good)
      return false;
  }
  return !doc->error;
}

// Checks the row at the reader's position; leaves the reader at its end.
bool read_fields(json *doc, row_fields *fields) {
  *fields = {-1, -1, -1, false};
  if (json_peek(doc) < 0 && !doc->in->error) {
    fields->blank = true;
    return true;
  }
  if (json_peek(doc) != '{')
    return json_fail(doc, "expected an object");
  if (!read_members(doc, fields))
    return false;
  if (json_peek(doc) >= 0)
    return json_fail(doc, "unexpected text after the row");
  if ((fields->prompt >= 0) != (fields->completion >= 0))
    return json_fail(doc, "expected 'prompt' and 'completion' together");
  if (fields->prompt < 0 && fields->text < 0)
    return json_fail(doc, "expected 'text' or 'prompt' and 'completion'");
  return true;
}

// A row being tokenised.
struct row_tokens {
  dataset *data;
  row_facts *facts;
  int64_t length;
};

// Appends a token; `trained` says whether it is a target.
bool append(row_tokens *row, json *doc, int32_t token, bool trained) {
  const struct neap_image *image = row->data->image;
  if (row->length == image->max_tokens) {
    row->facts->cut = true;
    return true;
  }
  if (token >= image->vocabulary)
    return json_fail(doc, "token outside the vocabulary");
  row->data->input_ids[row->length] = token;
  row->data->labels[row->length] = NEAP_IGNORE_LABEL;
  if (row->length > 0 && trained) {
    row->data->labels[row->length - 1] = token;
    ++row->facts->targets;
    row->facts->token_count = row->length;
  }
  ++row->length;
  return true;
}

bool append_string(row_tokens *row, json *doc, int64_t where, bool trained) {
  json_text text;
  doc->in->position = where;
  if (!json_text_open(doc, &text))
    return false;
  while (!row->facts->cut) {
    int c = json_text_next(&text);
    if (c < 0)
      return c == json_text_end;
    if (!append(row, doc, c, trained))
      return false;
  }
  return true;
}

// Tokenises a checked row into the image's ranges.
bool tokenise(dataset *data, json *doc, const row_fields *fields,
              row_facts *facts) {
  const neap_training *training = &data->image->training;
  row_tokens row = {data, facts, 0};
  *facts = {0, 0, false};
  bool pair = fields->prompt >= 0;
  bool only_completion = pair && training->completion_only_loss != 0;
  bool good =
      pair ? append_string(&row, doc, fields->prompt, !only_completion) &&
                 append_string(&row, doc, fields->completion, true)
           : append_string(&row, doc, fields->text, true);
  return good && (training->eos_token < 0 ||
                  append(&row, doc, training->eos_token, true));
}

void skip_byte_order_mark(reader *in) {
  uint8_t start[3];
  if (!reader_copy(in, start, sizeof start) ||
      memcmp(start, "\xef\xbb\xbf", sizeof start) != 0)
    in->position = 0;
}

bool is_empty(reader *in, int64_t where) {
  if (where < 0)
    return true;
  in->position = where + 1;
  return reader_peek(in) == '"';
}

// Moves behind the next newline.
void skip_line(reader *in) {
  int64_t taken;
  while (const uint8_t *data = reader_take(in, in->capacity, &taken)) {
    const void *end = memchr(data, '\n', taken);
    if (!end)
      continue;
    in->position -= data + taken - (static_cast<const uint8_t *>(end) + 1);
    return;
  }
}

status row_error(const dataset *data, const json *doc, int64_t line,
                 int64_t start) {
  if (data->in.error)
    return fail(bad_data, data->in.path,
                ": cannot be read: ", system_error(data->in.error));
  return fail(bad_data, data->in.path, ": row ", line, ", column ",
              doc->error_at - start + 1, ": ", doc->error);
}

// Keeps the start of row `data->rows`; halves the index when it is full.
void index_row(dataset *data, int64_t offset) {
  int64_t *index = data->io->row_index;
  if (data->rows == NEAP_IO_INDEX_ROWS * data->stride) {
    data->stride *= 2;
    for (int64_t i = 1; i < NEAP_IO_INDEX_ROWS / 2; ++i)
      index[i] = index[2 * i];
  }
  if (data->rows % data->stride == 0)
    index[data->rows / data->stride] = offset;
}

} // namespace

status jsonl_open(dataset *data) {
  reader *in = &data->in;
  data->stride = 1;
  for (auto &entry : data->recent)
    entry = {-1, 0};
  skip_byte_order_mark(in);
  for (int64_t line = 1; in->position < in->limit; ++line) {
    json doc = {in, true, nullptr, 0};
    row_fields fields;
    row_facts facts;
    int64_t start = in->position;
    bool good = read_fields(&doc, &fields);
    bool row = good && !fields.blank;
    if (row)
      good = tokenise(data, &doc, &fields, &facts);
    if (!good && (in->error || !data->skip_bad_rows))
      return row_error(data, &doc, line, start);
    if (!good)
      ++data->bad_rows;
    if (good && row) {
      bool empty = is_empty(in, fields.text) && is_empty(in, fields.prompt) &&
                   is_empty(in, fields.completion);
      data->empty_rows += empty;
      data->untrained_rows += !empty && facts.targets == 0;
      data->cut_rows += facts.cut;
      index_row(data, start);
      ++data->rows;
    }
    in->position = start;
    skip_line(in);
    if (in->error)
      return row_error(data, &doc, line, start);
  }
  return ok;
}

status jsonl_row(dataset *data, int64_t row, row_facts *facts) {
  reader *in = &data->in;
  int64_t at = row / data->stride * data->stride;
  in->position = data->io->row_index[row / data->stride];
  auto &hint = data->recent[row % recent_rows];
  const auto &before = data->recent[(row + recent_rows - 1) % recent_rows];
  if (hint.row == row || (row > 0 && before.row == row - 1)) {
    const auto &known = hint.row == row ? hint : before;
    at = known.row;
    in->position = known.offset;
  }
  while (in->position < in->limit && !in->error) {
    json doc = {in, true, nullptr, 0};
    row_fields fields;
    int64_t start = in->position;
    bool good = read_fields(&doc, &fields) && !fields.blank &&
                tokenise(data, &doc, &fields, facts);
    if (good && at == row) {
      hint = {row, start};
      return ok;
    }
    at += good;
    in->position = start;
    skip_line(in);
  }
  if (in->error)
    return fail(bad_data, in->path,
                ": cannot be read: ", system_error(in->error));
  return fail(bad_data, in->path, ": changed while it was in use");
}

} // namespace neap
