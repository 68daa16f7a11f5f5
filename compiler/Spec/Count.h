// Numbers of things as people write them.
#ifndef NEAP_COMPILER_SPEC_COUNT_H
#define NEAP_COMPILER_SPEC_COUNT_H

#include <cstdint>
#include <string>

namespace neap {

/// "1 job", "2 jobs".
inline std::string formatCount(int64_t count, const std::string &noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

} // namespace neap

#endif // NEAP_COMPILER_SPEC_COUNT_H
