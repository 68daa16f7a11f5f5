// What DIR/adapter_config.json says about the tensors beside it. The trainer
// multiplies them by the scaling it was compiled with, so a file that asks for
// another one, or for something that is no plain LoRA, must be refused.
//
// Nothing is stored: a document is read once to find its fields, and values are
// compared where they stand. Pattern maps are compared as sets, because PEFT
// writes them sorted; among overlapping patterns the order of the file wins in
// PEFT, and that order is not seen here.
#include "adapter.h"
#include "json_equal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

namespace neap {

namespace {

constexpr int64_t maximum_bytes = 16 << 20; // as the compiler reads

enum rule {
  as_compiled, // equal to the trainer's own
  fixed_value, // equal to the fallback
  start,       // how the tensors began
  free_value   // of no consequence here
};

struct field {
  const char *name;
  rule kind;
  const char *fallback; // PEFT's default
};

// Any other field must not be set. fan_in_fan_out is free because PEFT corrects
// it to what the module is, and the tensors' shapes do not depend on it.
const field fields[] = {
    {"peft_type", fixed_value, "\"LORA\""},
    {"r", as_compiled, "8"},
    {"lora_alpha", as_compiled, "8"},
    {"use_rslora", as_compiled, "false"},
    {"rank_pattern", as_compiled, "{}"},
    {"alpha_pattern", as_compiled, "{}"},
    {"bias", fixed_value, "\"none\""},
    {"init_lora_weights", start, "true"},
    {"auto_mapping", free_value, ""},
    {"base_model_name_or_path", free_value, ""},
    {"corda_config", free_value, ""},
    {"eva_config", free_value, ""},
    {"exclude_modules", free_value, ""},
    {"fan_in_fan_out", free_value, ""},
    {"inference_mode", free_value, ""},
    {"layers_pattern", free_value, ""},
    {"layers_to_transform", free_value, ""},
    {"loftq_config", free_value, ""},
    {"lora_dropout", free_value, ""},
    {"lora_ga_config", free_value, ""},
    {"megatron_core", free_value, ""},
    {"peft_version", free_value, ""},
    {"qalora_group_size", free_value, ""},
    {"revision", free_value, ""},
    {"runtime_config", free_value, ""},
    {"target_modules", free_value, ""},
    {"task_type", free_value, ""},
};
constexpr int field_count = sizeof fields / sizeof *fields;

// Starts that leave the base weights alone. The others (PiSSA, OLoRA, CorDA,
// LoftQ, LoRA-GA) take theirs out of the base weights, which are not this
// trainer's weights then.
const char *const starts[] = {"true", "false", "\"gaussian\"", "\"eva\"",
                              "\"orthogonal\""};

struct document {
  reader in;
  json doc;
  int64_t at[field_count]; // where values are, -1: absent
  char odd[64];            // the first field set that is none of them
  int64_t odd_at;
};

void open_text(document *text, const char *value) {
  reader_text(&text->in, "", value);
  text->doc = {&text->in, false, nullptr, 0};
}

// Null, false, "", {} or []: what PEFT writes for a field that is not used.
// Leaves the document behind the value.
bool skip_unset(json *doc, bool *unset) {
  int c = json_peek(doc);
  *unset = c == 'n' || c == 'f';
  int64_t at = doc->in->position;
  if (c == '"' || c == '{' || c == '[') {
    ++doc->in->position;
    // A space inside quotes is content.
    int next = c == '"' ? reader_peek(doc->in) : json_peek(doc);
    *unset = next == (c == '"' ? '"' : c == '{' ? '}' : ']');
  }
  doc->in->position = at;
  return json_skip(doc);
}

int field_of(const char *name) {
  int i = 0;
  while (i < field_count && strcmp(fields[i].name, name) != 0)
    ++i;
  return i;
}

bool find_fields(document *from) {
  json *doc = &from->doc;
  char key[sizeof from->odd];
  int64_t length;
  bool unset;
  for (int64_t &at : from->at)
    at = -1;
  from->odd_at = -1;
  for (bool first = true;
       json_next_key(doc, &first, key, sizeof key, &length);) {
    int i = field_of(key);
    json_peek(doc);
    int64_t at = doc->in->position;
    if (i < field_count && from->at[i] >= 0)
      return json_fail(doc, "the field appears twice");
    if (!skip_unset(doc, &unset))
      return false;
    if (i < field_count) {
      from->at[i] = at;
    } else if (!unset && from->odd_at < 0) {
      memcpy(from->odd, key, sizeof key);
      from->odd_at = at;
    }
  }
  if (!doc->error && json_peek(doc) >= 0)
    json_fail(doc, "unexpected text after the object");
  return !doc->error;
}

// Moves to the value of field `i`; the fallback where it is absent or null.
json *value_of(document *from, int i, document *fallback) {
  from->in.position = from->at[i];
  if (from->at[i] >= 0 && json_peek(&from->doc) != 'n')
    return &from->doc;
  open_text(fallback, fields[i].fallback);
  return &fallback->doc;
}

// The value's text on one line, cut where it is long.
struct shown {
  char text[80];
};

shown show(json *doc) {
  shown out;
  json_peek(doc);
  int64_t at = doc->in->position, used = 0;
  json_skip(doc);
  int64_t end = doc->in->position, room = sizeof out.text - 7;
  doc->in->position = at;
  for (int c; doc->in->position < end && (c = reader_peek(doc->in)) >= 0;
       ++doc->in->position) {
    if (used == room) {
      memcpy(out.text + used, " (...)", 6);
      used += 6;
      break;
    }
    if (c >= ' ')
      out.text[used++] = static_cast<char>(c < 0x7f ? c : '?');
  }
  out.text[used] = 0;
  return out;
}

status cannot_read(const reader *in) {
  return fail(mismatch, in->path,
              ": cannot be read: ", system_error(in->error));
}

status malformed(document *from) {
  reader *in = &from->in;
  if (in->error)
    return cannot_read(in);
  int64_t line = 1, column = 1;
  for (in->position = 0; in->position < from->doc.error_at; ++in->position) {
    bool ends = reader_peek(in) == '\n';
    line += ends;
    column = ends ? 1 : column + 1;
  }
  return fail(mismatch, in->path, ": line ", line, ", column ", column, ": ",
              from->doc.error);
}

status refuse(document *found, int i, const char *wanted, const char *why) {
  document fallback;
  json *value = value_of(found, i, &fallback);
  shown text = show(value);
  if (found->in.error)
    return cannot_read(&found->in);
  return fail(mismatch, found->in.path, ": '", fields[i].name, "': expected ",
              wanted, why, ", but found ", text.text,
              value == &fallback.doc ? " (the default)" : "");
}

status check_field(document *found, document *own, int i) {
  document mine, theirs, literal;
  switch (fields[i].kind) {
  case as_compiled: {
    json *wanted = value_of(own, i, &mine);
    if (json_equal(value_of(found, i, &theirs), wanted))
      return ok;
    shown text = show(value_of(own, i, &mine));
    return refuse(found, i, text.text, ", as the trainer was compiled");
  }
  case fixed_value:
    open_text(&literal, fields[i].fallback);
    if (json_equal(value_of(found, i, &theirs), &literal.doc))
      return ok;
    return refuse(found, i, fields[i].fallback, "");
  case start:
    for (const char *known : starts) {
      open_text(&literal, known);
      if (json_equal(value_of(found, i, &theirs), &literal.doc))
        return ok;
    }
    return refuse(found, i, "true",
                  " or another start that leaves the base weights alone");
  case free_value:
    break;
  }
  return ok;
}

status check(const adapter *self, document *found) {
  document own;
  open_text(&own, self->image->adapter_config);
  if (!find_fields(&own))
    return fail(bug, "the trainer's own adapter_config.json: ", own.doc.error);
  if (!find_fields(found))
    return malformed(found);
  for (int i = 0; i < field_count; ++i) {
    status result = check_field(found, &own, i);
    if (result != ok)
      return result;
  }
  if (found->odd_at < 0)
    return ok;
  found->in.position = found->odd_at;
  shown text = show(&found->doc);
  return fail(mismatch, found->in.path, ": '", found->odd,
              "': expected it not to be set, but found ", text.text,
              ": the trainer does not support it");
}

} // namespace

status adapter_check_config(const adapter *self, const char *dir) {
  char path[adapter_path_bytes];
  if (!adapter_path(path, dir, "adapter_config.json"))
    return fail(mismatch, dir, ": the path is too long");
  struct stat facts;
  if (lstat(path, &facts) != 0 && errno == ENOENT)
    return ok;
  document found;
  status result =
      reader_open(&found.in, path, mismatch, self->io.read, NEAP_IO_READ_BYTES);
  if (result != ok)
    return result;
  found.doc = {&found.in, false, nullptr, 0};
  if (found.in.file_bytes > maximum_bytes)
    result = fail(mismatch, path, ": expected at most ", maximum_bytes,
                  " bytes, but found ", found.in.file_bytes);
  else
    result = check(self, &found);
  reader_close(&found.in);
  return result;
}

} // namespace neap
