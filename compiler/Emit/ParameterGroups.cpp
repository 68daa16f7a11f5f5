#include "compiler/Emit/ParameterGroups.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>

using namespace neap;

namespace {

/// A key with its first numbered segment cut out: `layers.#.q` and 3.
struct NumberedKey {
  std::string pattern;
  int64_t number = -1; ///< -1: the key has none
};

NumberedKey parseKey(const std::string &key) {
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(key).split(parts, '.');
  NumberedKey result;
  for (llvm::StringRef &part : parts)
    if (!part.empty() && llvm::all_of(part, llvm::isDigit) &&
        !(part.size() > 1 && part.starts_with("0")) &&
        !part.getAsInteger(10, result.number)) {
      part = "#";
      break;
    }
  result.pattern = llvm::join(parts, ".");
  return result;
}

class Grouper {
public:
  explicit Grouper(const std::vector<ImageParameter> &parameters)
      : parameters(parameters) {
    for (const ImageParameter &parameter : parameters)
      keys.push_back(parseKey(parameter.key));
  }

  std::vector<ParameterGroup> run() {
    std::vector<ParameterGroup> groups;
    size_t straight = 0;
    auto flush = [&](size_t end) {
      if (end > straight)
        groups.push_back({{parameters.begin() + long(straight),
                           parameters.begin() + long(end)}});
    };
    for (size_t position = 0; position < parameters.size();) {
      auto [period, repeat] = findRepetition(position);
      if (repeat < 2) {
        ++position;
        continue;
      }
      flush(position);
      groups.push_back(makeGroup(position, period, repeat));
      position += period * repeat;
      straight = position;
    }
    flush(parameters.size());
    return groups;
  }

private:
  /// Is parameter i + period parameter i of the next layer?
  bool follows(size_t i, size_t period, int64_t stride) const {
    const ImageParameter &a = parameters[i], &b = parameters[i + period];
    return keys[i].number >= 0 && keys[i].pattern == keys[i + period].pattern &&
           keys[i + period].number == keys[i].number + 1 && a.rows == b.rows &&
           a.cols == b.cols && a.transposed == b.transposed &&
           a.init == b.init && a.initScale == b.initScale &&
           b.elementOffset - a.elementOffset == stride;
  }

  /// Period and count of the repetition from `begin` that covers most.
  std::pair<size_t, size_t> findRepetition(size_t begin) const {
    std::pair<size_t, size_t> best{0, 1};
    for (size_t period = 1; begin + 2 * period <= parameters.size(); ++period) {
      // Within a repetition every key carries the same number.
      if (keys[begin + period - 1].number != keys[begin].number)
        break;
      int64_t stride = parameters[begin + period].elementOffset -
                       parameters[begin].elementOffset;
      size_t run = 0;
      while (begin + period + run < parameters.size() &&
             follows(begin + run, period, stride))
        ++run;
      size_t repeat = run / period + 1;
      if (period * repeat > best.first * best.second)
        best = {period, repeat};
    }
    return best;
  }

  ParameterGroup makeGroup(size_t begin, size_t period, size_t repeat) const {
    ParameterGroup group;
    group.repeat = int64_t(repeat);
    group.firstNumber = keys[begin].number;
    group.elementStride = parameters[begin + period].elementOffset -
                          parameters[begin].elementOffset;
    for (size_t i = begin; i < begin + period; ++i) {
      group.entries.push_back(parameters[i]);
      group.entries.back().key = keys[i].pattern;
    }
    return group;
  }

  const std::vector<ImageParameter> &parameters;
  std::vector<NumberedKey> keys;
};

} // namespace

std::vector<ParameterGroup>
neap::groupParameters(const std::vector<ImageParameter> &parameters) {
  return Grouper(parameters).run();
}
