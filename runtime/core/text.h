/// Formatted output without stdio: typed pieces into a buffered writer.
#ifndef NEAP_CORE_TEXT_H
#define NEAP_CORE_TEXT_H

#include <stdint.h>

namespace neap {

/// One value to print.
struct piece {
  enum form { string, bytes, quoted, integer, shortest, fixed };
  form kind;
  int digits = 0; // after the point, for `fixed`
  int64_t size = 0;
  union {
    const char *text;
    int64_t whole;
    double real;
  };
  piece(const char *value) : kind(string), text(value) {}
  piece(char *value) : kind(string), text(value) {}
  piece(int value) : kind(integer), whole(value) {}
  piece(long value) : kind(integer), whole(value) {}
  piece(double value) : kind(shortest), real(value) {}
};

/// `value` with `digits` (0 to 9) digits after the point.
inline piece fixed(double value, int digits) {
  piece result(value);
  result.kind = piece::fixed;
  result.digits = digits;
  return result;
}

/// `text` as a JSON string, quotes included.
inline piece quoted(const char *text) {
  piece result(text);
  result.kind = piece::quoted;
  return result;
}

/// `size` bytes that need not end in a zero.
inline piece span(const char *text, int64_t size) {
  piece result(text);
  result.kind = piece::bytes;
  result.size = size;
  return result;
}

/// A buffered sink. With `fd` -1 it counts bytes and keeps what fits in the
/// buffer. After a failed write `error` holds errno and the rest is dropped.
struct writer {
  int fd;
  int error;
  char *buffer;
  int64_t capacity, used;
  int64_t total; // bytes put so far
  bool plain;    // control characters are put as '?'
};

void writer_open(writer *out, int fd, void *buffer, int64_t capacity);
void put_bytes(writer *out, const void *data, int64_t size);
void put_pieces(writer *out, const piece *pieces, int count);
/// Writes what is buffered; returns 0 or the errno of the first failed write.
int writer_flush(writer *out);

template <class... parts> void put(writer *out, parts... values) {
  const piece pieces[] = {piece(values)...};
  put_pieces(out, pieces, sizeof...(values));
}

int print_pieces(int fd, const piece *pieces, int count);

/// Writes the parts to `fd` in one go; returns 0 or an errno, which messages
/// ignore.
template <class... parts> int print(int fd, parts... values) {
  const piece pieces[] = {piece(values)...};
  return print_pieces(fd, pieces, sizeof...(values));
}

/// The form of a word that goes with `count`.
inline const char *by_count(int64_t count, const char *one, const char *many) {
  return count == 1 ? one : many;
}

/// Decimal text in [0-9]+ of at most 18 digits; false otherwise.
bool parse_integer(const char *text, int64_t *value);

} // namespace neap

#endif
