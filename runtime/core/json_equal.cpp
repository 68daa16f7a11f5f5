#include "json_equal.h"

#include <string.h>

namespace neap {

namespace {

// A number as 0.d1d2... * 10^point, without zeros at either end.
struct decimal {
  bool exact, negative;
  int count;
  char digits[32];
  int64_t point;
};

int next_byte(reader *in) {
  ++in->position;
  return reader_peek(in);
}

int64_t read_exponent(reader *in) {
  int64_t value = 0;
  int c = next_byte(in);
  bool negative = c == '-';
  if (c == '-' || c == '+')
    c = next_byte(in);
  for (; c >= '0' && c <= '9'; c = next_byte(in))
    value = value < 1000000 ? value * 10 + (c - '0') : value;
  return negative ? -value : value;
}

// The number has been checked before: it is well-formed.
void read_decimal(json *doc, decimal *out) {
  reader *in = doc->in;
  int c = json_peek(doc);
  bool fraction = false;
  *out = {true, c == '-', 0, {}, 0};
  if (c == '-')
    c = next_byte(in);
  for (; (c >= '0' && c <= '9') || c == '.'; c = next_byte(in)) {
    if (c == '.') {
      fraction = true;
      continue;
    }
    bool leading = c == '0' && out->count == 0;
    if (!leading && out->count < static_cast<int>(sizeof out->digits))
      out->digits[out->count++] = static_cast<char>(c);
    else if (!leading && c != '0')
      out->exact = false;
    out->point += fraction ? -leading : !leading;
  }
  if (c == 'e' || c == 'E')
    out->point += read_exponent(in);
  while (out->count > 0 && out->digits[out->count - 1] == '0')
    out->digits[--out->count] = 0;
  if (out->count == 0) {
    out->negative = false;
    out->point = 0;
  }
}

bool same_number(json *a, json *b) {
  decimal x, y;
  read_decimal(a, &x);
  read_decimal(b, &y);
  return x.exact && y.exact && x.negative == y.negative && x.point == y.point &&
         x.count == y.count && memcmp(x.digits, y.digits, x.count) == 0;
}

bool same_text(json *a, json *b) {
  json_text x, y;
  if (!json_text_open(a, &x) || !json_text_open(b, &y))
    return false;
  for (;;) {
    int c = json_text_next(&x);
    if (c != json_text_next(&y))
      return false;
    if (c < 0)
      return c == json_text_end;
  }
}

bool same_scalar(json *a, json *b) {
  int c = json_peek(a), d = json_peek(b);
  auto number = [](int first) {
    return first == '-' || (first >= '0' && first <= '9');
  };
  if (number(c) && number(d))
    return same_number(a, b);
  if (c == '"' && d == '"')
    return same_text(a, b);
  return c == d && (c == 't' || c == 'f' || c == 'n');
}

// Has every entry of the object at `a` its equal in the object at `b`? Leaves
// both where they were.
bool covered(json *a, json *b) {
  char key[1024], other[1024]; // longer keys equal none
  int64_t length, other_length;
  int64_t a_start = a->in->position, b_start = b->in->position;
  bool all = true;
  for (bool first = true;
       all && json_next_key(a, &first, key, sizeof key, &length);) {
    int64_t value = a->in->position;
    bool found = false;
    b->in->position = b_start;
    for (bool begin = true;
         !found &&
         json_next_key(b, &begin, other, sizeof other, &other_length);) {
      int64_t other_value = b->in->position;
      a->in->position = value;
      found = length == other_length &&
              length < static_cast<int64_t>(sizeof key) &&
              memcmp(key, other, length) == 0 && same_scalar(a, b);
      b->in->position = other_value;
      json_skip(b);
    }
    all = found;
    a->in->position = value;
    json_skip(a);
  }
  a->in->position = a_start;
  b->in->position = b_start;
  return all && !a->error && !b->error;
}

} // namespace

bool json_equal(json *a, json *b) {
  if (json_peek(a) == '{' && json_peek(b) == '{')
    return covered(a, b) && covered(b, a);
  return same_scalar(a, b);
}

} // namespace neap
