#include "text.h"

#include "number.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

namespace neap {

void writer_open(writer *out, int fd, void *buffer, int64_t capacity) {
  *out = {fd, 0, static_cast<char *>(buffer), capacity, 0, 0, false};
}

int writer_flush(writer *out) {
  int64_t done = 0;
  while (out->fd >= 0 && out->error == 0 && done < out->used) {
    ssize_t written = write(out->fd, out->buffer + done, out->used - done);
    if (written > 0)
      done += written;
    else if (written == 0 || errno != EINTR)
      out->error = written ? errno : EIO;
  }
  if (out->fd >= 0)
    out->used = 0;
  return out->error;
}

static void hide_controls(char *text, int64_t size) {
  for (int64_t i = 0; i < size; ++i)
    if (static_cast<unsigned char>(text[i]) < ' ' || text[i] == 0x7f)
      text[i] = '?';
}

void put_bytes(writer *out, const void *data, int64_t size) {
  const char *from = static_cast<const char *>(data);
  out->total += size;
  while (size > 0) {
    if (out->used == out->capacity) {
      if (out->fd < 0)
        return;
      writer_flush(out);
    }
    int64_t room = out->capacity - out->used;
    int64_t part = size < room ? size : room;
    memcpy(out->buffer + out->used, from, part);
    if (out->plain)
      hide_controls(out->buffer + out->used, part);
    out->used += part;
    from += part;
    size -= part;
  }
}

static void put_quoted(writer *out, const char *text) {
  const char *hex = "0123456789abcdef";
  put_bytes(out, "\"", 1);
  for (; *text; ++text) {
    unsigned char c = *text;
    char escape[6] = {'\\', static_cast<char>(c), '0', '0', '0', '0'};
    if (c >= 0x20 && c != '"' && c != '\\') {
      put_bytes(out, text, 1);
    } else if (c >= 0x20) {
      put_bytes(out, escape, 2);
    } else {
      escape[1] = 'u';
      escape[4] = hex[c >> 4];
      escape[5] = hex[c & 15];
      put_bytes(out, escape, 6);
    }
  }
  put_bytes(out, "\"", 1);
}

static void put_piece(writer *out, const piece *value) {
  char digits[number_capacity];
  switch (value->kind) {
  case piece::string:
    return put_bytes(out, value->text, strlen(value->text));
  case piece::bytes:
    return put_bytes(out, value->text, value->size);
  case piece::quoted:
    return put_quoted(out, value->text);
  case piece::integer:
    return put_bytes(out, digits, format_integer(value->whole, digits));
  case piece::shortest:
    return put_bytes(out, digits, format_shortest(value->real, digits));
  case piece::fixed:
    return put_bytes(out, digits,
                     format_fixed(value->real, value->digits, digits));
  }
}

void put_pieces(writer *out, const piece *pieces, int count) {
  for (int i = 0; i < count; ++i)
    put_piece(out, &pieces[i]);
}

int print_pieces(int fd, const piece *pieces, int count) {
  char buffer[1024];
  writer out;
  writer_open(&out, fd, buffer, sizeof buffer);
  put_pieces(&out, pieces, count);
  return writer_flush(&out);
}

bool parse_integer(const char *text, int64_t *value) {
  *value = 0;
  const char *digit = text;
  for (; *digit; ++digit)
    if (*digit < '0' || *digit > '9' ||
        __builtin_mul_overflow(*value, 10, value) ||
        __builtin_add_overflow(*value, *digit - '0', value))
      return false;
  return digit > text;
}

} // namespace neap
