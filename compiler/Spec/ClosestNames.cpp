#include "compiler/Spec/ClosestNames.h"
#include <algorithm>
#include <cstdint>
#include <map>

namespace neap {

size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min(
          {above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string closestName(const std::string &request,
                        const std::vector<std::string> &names) {
  std::string best;
  size_t distance = std::max<size_t>(2, request.size() / 3) + 1;
  for (const std::string &name : names)
    if (size_t here = editDistance(request, name); here < distance) {
      best = name;
      distance = here;
    }
  return best;
}

namespace {

constexpr size_t maxListed = 20;

/// The path with every numeric segment as `*`, so that layers share one line.
std::string collapseLayers(const std::string &path) {
  std::string result;
  for (size_t start = 0; start <= path.size();) {
    size_t end = std::min(path.find('.', start), path.size());
    std::string segment = path.substr(start, end - start);
    bool number = !segment.empty() &&
                  segment.find_first_not_of("0123456789") == std::string::npos;
    result += (result.empty() ? "" : ".") + (number ? "*" : segment);
    start = end + 1;
  }
  return result;
}

/// Distance of a request to the closest dotted suffix of a path. Only the start
/// of an overlong request counts, because the distance takes quadratic time.
size_t distanceToPath(const std::string &wholeRequest,
                      const std::string &path) {
  std::string request = wholeRequest.substr(0, 256);
  size_t best = editDistance(request, path);
  for (size_t dot = path.find('.'); dot != std::string::npos;
       dot = path.find('.', dot + 1))
    best = std::min(best, editDistance(request, path.substr(dot + 1)));
  return best;
}

} // namespace

std::string listClosestPaths(const std::vector<std::string> &requests,
                             const std::vector<std::string> &paths) {
  struct Line {
    size_t distance, order, count;
    std::string example;
  };
  std::map<std::string, Line> lines;
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string &path = paths[i];
    auto [it, isNew] =
        lines.try_emplace(collapseLayers(path), Line{SIZE_MAX, i, 0, path});
    ++it->second.count;
    if (isNew)
      for (const std::string &request : requests)
        it->second.distance =
            std::min(it->second.distance, distanceToPath(request, path));
  }
  std::vector<std::pair<std::string, Line>> sorted(lines.begin(), lines.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) {
    return std::pair(a.second.distance, a.second.order) <
           std::pair(b.second.distance, b.second.order);
  });
  std::string text;
  for (size_t i = 0; i < std::min(sorted.size(), maxListed); ++i) {
    const auto &[name, line] = sorted[i];
    text += (i ? ", " : "") +
            (line.count == 1
                 ? line.example
                 : name + " (" + std::to_string(line.count) + " modules)");
  }
  if (sorted.size() > maxListed)
    text += ", and " + std::to_string(sorted.size() - maxListed) + " more";
  return text;
}

} // namespace neap
