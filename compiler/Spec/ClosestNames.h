// Names for error messages: what the user may have meant.
#ifndef NEAP_COMPILER_SPEC_CLOSESTNAMES_H
#define NEAP_COMPILER_SPEC_CLOSESTNAMES_H

#include <string>
#include <string_view>
#include <vector>

namespace neap {

/// Insertions, deletions and exchanges of bytes between the two (Levenshtein).
size_t editDistance(std::string_view a, std::string_view b);

/// The first of `names` with the smallest distance to `request`, empty where
/// even that is further than a third of the request's length, at least 2.
std::string closestName(const std::string &request,
                        const std::vector<std::string> &names);

/// `paths` in one line, closest to any of the requests first; paths that differ
/// in their numbers only are one entry with a count. At most 20 entries.
std::string listClosestPaths(const std::vector<std::string> &requests,
                             const std::vector<std::string> &paths);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_CLOSESTNAMES_H
