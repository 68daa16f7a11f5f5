// Where the reference cases are, if they are.
#ifndef NEAP_TEST_SPEC_ORACLECASES_H
#define NEAP_TEST_SPEC_ORACLECASES_H

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace neap {

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

#endif // NEAP_TEST_SPEC_ORACLECASES_H
