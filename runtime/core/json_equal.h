/// Equality of two JSON values where they stand in their documents.
#ifndef NEAP_CORE_JSON_EQUAL_H
#define NEAP_CORE_JSON_EQUAL_H

#include "json.h"

namespace neap {

/// Do both documents, which have been checked before, stand before the same
/// value? Numbers compare by value (16 and 1.6e1; 32 digits at most), strings
/// by their bytes, objects of scalars as sets of entries (keys of 1023 bytes at
/// most). Arrays and objects in objects are equal to nothing.
bool json_equal(json *a, json *b);

} // namespace neap

#endif
