// What the tests of the spec readers share.
#ifndef NEAP_TEST_SPEC_SPECTESTING_H
#define NEAP_TEST_SPEC_SPECTESTING_H

#include "compiler/Spec/InputError.h"
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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

inline std::filesystem::path testDataDirectory() {
  const char *path = std::getenv("NEAP_TEST_DATA");
  return path ? path : NEAP_DEFAULT_TEST_DATA;
}

/// The folders of the reference cases, empty where they are absent.
inline std::vector<std::filesystem::path> oracleCases() {
  std::vector<std::filesystem::path> cases;
  std::error_code ignored;
  for (const auto &entry : std::filesystem::directory_iterator(
           testDataDirectory() / "oracle", ignored))
    if (entry.is_directory())
      cases.push_back(entry.path());
  return cases;
}

} // namespace neap

#endif // NEAP_TEST_SPEC_SPECTESTING_H
