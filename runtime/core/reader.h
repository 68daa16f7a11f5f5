/// Reads a file through one fixed buffer, at any position.
#ifndef NEAP_CORE_READER_H
#define NEAP_CORE_READER_H

#include "status.h"

namespace neap {

struct reader {
  int fd;
  int error; // errno of a failed read
  const char *path;
  uint8_t *buffer;
  int64_t capacity;
  int64_t start, filled; // buffer holds file bytes [start, start + filled)
  int64_t position;      // of the next byte
  int64_t limit;         // where reading ends
  int64_t file_bytes;
};

/// Opens a regular file; a file that cannot be opened fails with `code`.
status reader_open(reader *in, const char *path, status code, void *buffer,
                   int64_t capacity);
void reader_close(reader *in);

/// Reads a text in memory as if it were a file.
void reader_text(reader *in, const char *path, const char *text);

/// The next byte, or -1 at the limit or after a failed read.
int reader_refill(reader *in);
inline int reader_peek(reader *in) {
  int64_t at = in->position - in->start;
  if (at < 0 || at >= in->filled || in->position >= in->limit)
    return reader_refill(in);
  return in->buffer[at];
}

/// The buffered bytes at the position, at least one and at most `wanted`;
/// moves past them. Null at the limit or after a failed read.
const uint8_t *reader_take(reader *in, int64_t wanted, int64_t *taken);

/// Copies `size` bytes; false when the limit or a failed read came first.
bool reader_copy(reader *in, void *to, int64_t size);

} // namespace neap

#endif
