/// Numbers as text, without stdio.
#ifndef NEAP_CORE_NUMBER_H
#define NEAP_CORE_NUMBER_H

#include <stdint.h>

namespace neap {

/// Room every format_* function needs.
constexpr int number_capacity = 32;

/// Each returns the length written; no terminating zero.
int format_integer(int64_t value, char *out);

/// The shortest decimal text that reads back as `value`, the nearest one of
/// those, spelt as Python's repr does ("0.1", "1e-05"). Values that are not
/// finite give "null", JSON's way to say that there is no number.
int format_shortest(double value, char *out);

/// `digits` (0 to 9) digits after the point; the shortest form when `value`
/// is too large for that.
int format_fixed(double value, int digits, char *out);

} // namespace neap

#endif
