#include "json.h"

namespace neap {

static const int maximum_depth = 64;

bool json_fail(json *doc, const char *error) {
  if (!doc->error) {
    doc->error = doc->in->error ? "cannot be read" : error;
    doc->error_at = doc->in->position;
  }
  return false;
}

static int raw_peek(json *doc) {
  int c = reader_peek(doc->in);
  return c == '\n' && doc->one_line ? -1 : c;
}

int json_peek(json *doc) {
  int c = raw_peek(doc);
  while (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
    ++doc->in->position;
    c = raw_peek(doc);
  }
  return c;
}

bool json_expect(json *doc, char wanted, const char *error) {
  if (json_peek(doc) != wanted)
    return json_fail(doc, error);
  ++doc->in->position;
  return true;
}

bool json_text_open(json *doc, json_text *text) {
  *text = {doc, {}, 0, 0, 0, 0};
  return json_expect(doc, '"', "expected a string");
}

static int bad(json_text *text, const char *error) {
  json_fail(text->doc, error);
  return json_text_bad;
}

// The four digits after \u, or -1.
static int hex4(json *doc) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    int c = raw_peek(doc);
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) {
      json_fail(doc, "expected four hex digits after \\u");
      return -1;
    }
    value = value * 16 + digit;
    ++doc->in->position;
  }
  return value;
}

// Emits `code` as UTF-8: returns its first byte and queues the rest.
static int encode(json_text *text, int code) {
  if (code < 0x80)
    return code;
  int extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  for (int i = 0; i < extra; ++i)
    text->pending[text->pending_count++] =
        static_cast<uint8_t>(0x80 | (code >> (6 * i) & 0x3f));
  static const int lead[] = {0xc0, 0xe0, 0xf0};
  return lead[extra - 1] | code >> (6 * extra);
}

static int unicode_escape(json_text *text) {
  json *doc = text->doc;
  int64_t start = doc->in->position;
  int code = hex4(doc);
  if (code < 0)
    return json_text_bad;
  if (code < 0xd800 || code > 0xdfff)
    return encode(text, code);
  int low = 0;
  if (code <= 0xdbff && raw_peek(doc) == '\\') {
    ++doc->in->position;
    if (raw_peek(doc) == 'u') {
      ++doc->in->position;
      low = hex4(doc);
      if (low < 0)
        return json_text_bad;
    }
  }
  if (low < 0xdc00 || low > 0xdfff) {
    doc->in->position = start;
    return bad(text, "unpaired surrogate");
  }
  return encode(text, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
}

static int escape(json_text *text) {
  json *doc = text->doc;
  int c = raw_peek(doc);
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  for (int i = 0; from[i]; ++i)
    if (c == from[i]) {
      ++doc->in->position;
      return to[i];
    }
  if (c != 'u')
    return bad(text, "unknown escape in a string");
  ++doc->in->position;
  return unicode_escape(text);
}

// Accepts the first byte of a UTF-8 sequence (Unicode, table 3-7).
static bool start_sequence(json_text *text, int c) {
  text->low = 0x80;
  text->high = 0xbf;
  if (c >= 0xc2 && c <= 0xdf) {
    text->continuation = 1;
  } else if (c >= 0xe0 && c <= 0xef) {
    text->continuation = 2;
    if (c == 0xe0)
      text->low = 0xa0;
    if (c == 0xed)
      text->high = 0x9f;
  } else if (c >= 0xf0 && c <= 0xf4) {
    text->continuation = 3;
    if (c == 0xf0)
      text->low = 0x90;
    if (c == 0xf4)
      text->high = 0x8f;
  } else {
    return false;
  }
  return true;
}

int json_text_next(json_text *text) {
  if (text->pending_count)
    return text->pending[--text->pending_count];
  json *doc = text->doc;
  int c = raw_peek(doc);
  if (text->continuation) {
    if (c < text->low || c > text->high)
      return bad(text, "invalid UTF-8");
    text->low = 0x80;
    text->high = 0xbf;
    --text->continuation;
    ++doc->in->position;
    return c;
  }
  if (c < 0)
    return bad(text, "string without end");
  if (c < 0x20)
    return bad(text, "control character in a string");
  if (c >= 0x80 && !start_sequence(text, c))
    return bad(text, "invalid UTF-8");
  ++doc->in->position;
  if (c == '"')
    return json_text_end;
  return c == '\\' ? escape(text) : c;
}

bool json_string(json *doc, char *out, int64_t capacity, int64_t *length) {
  json_text text;
  *length = 0;
  out[0] = 0;
  if (!json_text_open(doc, &text))
    return false;
  for (;;) {
    int c = json_text_next(&text);
    if (c < 0)
      return c == json_text_end;
    if (*length < capacity - 1) {
      out[*length] = static_cast<char>(c ? c : 0xff);
      out[*length + 1] = 0;
    }
    ++*length;
  }
}

static bool is_digit(int c) { return c >= '0' && c <= '9'; }

bool json_natural(json *doc, int64_t *value) {
  int c = json_peek(doc);
  *value = 0;
  if (!is_digit(c))
    return json_fail(doc, "expected a whole number");
  bool zero = c == '0';
  for (int count = 0; is_digit(c); ++count) {
    if (count == 18 || (zero && count > 0))
      return json_fail(doc, "expected a smaller whole number");
    *value = *value * 10 + (c - '0');
    ++doc->in->position;
    c = raw_peek(doc);
  }
  if (c == '.' || c == 'e' || c == 'E')
    return json_fail(doc, "expected a whole number");
  return true;
}

static bool skip_digits(json *doc) {
  if (!is_digit(raw_peek(doc)))
    return json_fail(doc, "malformed number");
  while (is_digit(raw_peek(doc)))
    ++doc->in->position;
  return true;
}

static bool skip_number(json *doc) {
  if (raw_peek(doc) == '-')
    ++doc->in->position;
  if (raw_peek(doc) == '0')
    ++doc->in->position;
  else if (!skip_digits(doc))
    return false;
  if (raw_peek(doc) == '.') {
    ++doc->in->position;
    if (!skip_digits(doc))
      return false;
  }
  int c = raw_peek(doc);
  if (c != 'e' && c != 'E')
    return true;
  ++doc->in->position;
  c = raw_peek(doc);
  if (c == '+' || c == '-')
    ++doc->in->position;
  return skip_digits(doc);
}

static bool skip_word(json *doc, const char *word) {
  for (; *word; ++word) {
    if (raw_peek(doc) != *word)
      return json_fail(doc, "expected a value");
    ++doc->in->position;
  }
  return true;
}

static bool skip_value(json *doc, int depth) {
  int c = json_peek(doc);
  if ((c == '{' || c == '[') && depth == maximum_depth)
    return json_fail(doc, "nested too deeply");
  char drop[1];
  int64_t length;
  bool first = true;
  switch (c) {
  case '"':
    return json_string(doc, drop, 1, &length);
  case '{':
    while (json_next_key(doc, &first, drop, 1, &length))
      if (!skip_value(doc, depth + 1))
        return false;
    return !doc->error;
  case '[':
    while (json_next_item(doc, &first))
      if (!skip_value(doc, depth + 1))
        return false;
    return !doc->error;
  case 't':
    return skip_word(doc, "true");
  case 'f':
    return skip_word(doc, "false");
  case 'n':
    return skip_word(doc, "null");
  default:
    if (c != '-' && !is_digit(c))
      return json_fail(doc, "expected a value");
    return skip_number(doc);
  }
}

bool json_skip(json *doc) { return skip_value(doc, 0); }

// Moves into or along a list; true when an element follows.
static bool next_element(json *doc, bool *first, char open, char close,
                         const char *error) {
  if (*first && !json_expect(doc, open, error))
    return false;
  if (json_peek(doc) == close) {
    ++doc->in->position;
    return false;
  }
  bool separated = *first || json_expect(doc, ',', error);
  *first = false;
  return separated;
}

bool json_next_key(json *doc, bool *first, char *key, int64_t capacity,
                   int64_t *length) {
  return next_element(doc, first, '{', '}', "expected '{', ',' or '}'") &&
         json_string(doc, key, capacity, length) &&
         json_expect(doc, ':', "expected ':'");
}

bool json_next_item(json *doc, bool *first) {
  return next_element(doc, first, '[', ']', "expected '[', ',' or ']'");
}

} // namespace neap
