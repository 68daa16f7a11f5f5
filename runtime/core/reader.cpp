#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace neap {

status reader_open(reader *in, const char *path, status code, void *buffer,
                   int64_t capacity) {
  // Nonblocking, so that a pipe is refused instead of waited for.
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return fail(code, path, ": cannot be opened: ", system_error(errno));
  struct stat facts;
  if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    close(fd);
    return fail(code, path, ": expected a regular file");
  }
  *in = {fd,
         0,
         path,
         static_cast<uint8_t *>(buffer),
         capacity,
         0,
         0,
         0,
         facts.st_size,
         facts.st_size};
  return ok;
}

void reader_close(reader *in) { close(in->fd); }

void reader_text(reader *in, const char *path, const char *text) {
  int64_t bytes = static_cast<int64_t>(strlen(text));
  // The whole text counts as buffered: it is never read into.
  uint8_t *buffer = reinterpret_cast<uint8_t *>(const_cast<char *>(text));
  *in = {-1, 0, path, buffer, bytes, 0, bytes, 0, bytes, bytes};
}

int reader_refill(reader *in) {
  if (in->position >= in->limit || in->error)
    return -1;
  int64_t at = in->position - in->start;
  if (at >= 0 && at < in->filled)
    return in->buffer[at];
  int64_t left = in->file_bytes - in->position;
  int64_t wanted = left < in->capacity ? left : in->capacity;
  in->start = in->position;
  // Network file systems read in pieces.
  for (in->filled = 0; in->filled < wanted;) {
    ssize_t got = pread(in->fd, in->buffer + in->filled, wanted - in->filled,
                        in->start + in->filled);
    if (got > 0) {
      in->filled += got;
    } else if (got == 0 || errno != EINTR) {
      // A file that became shorter while it is in use reads as an I/O error.
      in->error = got < 0 ? errno : EIO;
      return -1;
    }
  }
  return in->buffer[0];
}

const uint8_t *reader_take(reader *in, int64_t wanted, int64_t *taken) {
  if (wanted <= 0 || reader_peek(in) < 0)
    return nullptr;
  int64_t at = in->position - in->start;
  int64_t ready = in->filled - at;
  int64_t left = in->limit - in->position;
  ready = ready < left ? ready : left;
  *taken = wanted < ready ? wanted : ready;
  in->position += *taken;
  return in->buffer + at;
}

bool reader_copy(reader *in, void *to, int64_t size) {
  uint8_t *out = static_cast<uint8_t *>(to);
  while (size > 0) {
    int64_t taken;
    const uint8_t *from = reader_take(in, size, &taken);
    if (!from)
      return false;
    memcpy(out, from, taken);
    out += taken;
    size -= taken;
  }
  return true;
}

} // namespace neap
