/// Exit statuses of the trainer and the one way to report a failure.
///
/// Runtime functions return `ok` or the status the process will exit with;
/// whoever detects the failure has already written its one line to stderr.
#ifndef NEAP_CORE_STATUS_H
#define NEAP_CORE_STATUS_H

#include "text.h"

namespace neap {

enum status {
  ok = 0,
  bug = 1,
  bad_usage = 2,
  bad_data = 3,
  out_of_memory = 4,
  bad_processor = 6,
  io_failed = 7,
  not_finite = 8,
  mismatch = 9,
  interrupted = 10,
};

status report(status code, const piece *pieces, int count);

/// Writes `error: ` and the parts as one line to stderr; returns `code`.
template <class... parts> status fail(status code, parts... values) {
  const piece pieces[] = {piece(values)...};
  return report(code, pieces, sizeof...(values));
}

/// `io_failed` where writing a result to standard output gave an errno.
status printed(int error);

/// The system's text for an errno value.
const char *system_error(int number);

} // namespace neap

#endif
