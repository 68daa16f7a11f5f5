/// A strict pull parser for JSON (RFC 8259) over a reader: nothing is stored,
/// strings come out byte by byte, nesting is bounded.
#ifndef NEAP_CORE_JSON_H
#define NEAP_CORE_JSON_H

#include "reader.h"

namespace neap {

struct json {
  reader *in;
  bool one_line;     // a newline ends the document (JSON Lines)
  const char *error; // first thing wrong, null if nothing is
  int64_t error_at;  // its position in the file
};

/// Notes what is wrong at the current position; returns false.
bool json_fail(json *doc, const char *error);

/// Skips white space and returns the next byte, -1 at the end.
int json_peek(json *doc);

/// Consumes `wanted` after white space, or fails with `error`.
bool json_expect(json *doc, char wanted, const char *error);

/// A string being decoded to UTF-8 bytes.
struct json_text {
  json *doc;
  uint8_t pending[4]; // rest of an escape, last byte first
  int pending_count;
  int continuation;  // UTF-8 bytes still to come
  uint8_t low, high; // range of the next of them
};
enum { json_text_end = -1, json_text_bad = -2 };

bool json_text_open(json *doc, json_text *text);
/// The next byte, json_text_end after the closing quote, json_text_bad.
int json_text_next(json_text *text);

/// Reads a string of at most `capacity - 1` bytes and a zero into `out`.
/// Longer ones are consumed and give the length they would have had. A zero
/// byte comes out as 0xff, which UTF-8 does not have, so that no other string
/// compares equal.
bool json_string(json *doc, char *out, int64_t capacity, int64_t *length);

/// A number in [0, 10^18) without sign, point or exponent.
bool json_natural(json *doc, int64_t *value);

/// Any one value, checked and dropped.
bool json_skip(json *doc);

/// Steps through an object: returns the first or next key, false at the end
/// or on an error (then doc->error is set). `*first` starts as true.
bool json_next_key(json *doc, bool *first, char *key, int64_t capacity,
                   int64_t *length);

/// Steps through an array in the same way.
bool json_next_item(json *doc, bool *first);

} // namespace neap

#endif
