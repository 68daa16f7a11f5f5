// What the tests of the spec readers share.
#ifndef NEAP_TEST_SPEC_SPECTESTING_H
#define NEAP_TEST_SPEC_SPECTESTING_H

#include "compiler/Spec/InputError.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>

namespace neap {

/// The whole diagnostic of a result that must be an error.
template <typename T> std::string errorText(const InputOr<T> &result) {
  return result ? "no error" : result.error().text();
}

/// `base` with `patch` merged in; a null in the patch removes the field.
inline std::string patched(const char *base, const std::string &patch) {
  nlohmann::ordered_json document = nlohmann::ordered_json::parse(base);
  document.merge_patch(nlohmann::ordered_json::parse(patch));
  return document.dump();
}

} // namespace neap

#endif // NEAP_TEST_SPEC_SPECTESTING_H
