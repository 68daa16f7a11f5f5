#include "status.h"

#include <string.h>
#include <unistd.h>

namespace neap {

status report(status code, const piece *pieces, int count) {
  char buffer[1024];
  writer out;
  writer_open(&out, STDERR_FILENO, buffer, sizeof buffer);
  // Names come from files: they must not break the line or drive a terminal.
  out.plain = true;
  put(&out, "error: ");
  put_pieces(&out, pieces, count);
  out.plain = false;
  put(&out, "\n");
  writer_flush(&out);
  return code;
}

status printed(int error) {
  return error
             ? fail(io_failed,
                    "standard output: cannot be written: ", system_error(error))
             : ok;
}

const char *system_error(int number) { return strerror(number); }

} // namespace neap
