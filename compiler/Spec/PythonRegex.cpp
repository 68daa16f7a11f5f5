#include "compiler/Spec/PythonRegex.h"
#include "compiler/Spec/RegexMatcher.h"
#include "compiler/Spec/RegexSyntax.h"

namespace neap {

std::optional<PythonRegex> PythonRegex::compile(std::string_view pattern,
                                                std::string &error) {
  std::optional<RegexSyntax> syntax = parseRegex(pattern, error);
  if (!syntax)
    return std::nullopt;
  std::optional<RegexProgram> program = compileRegex(std::move(*syntax));
  if (!program) {
    error =
        "the pattern is too large at offset " + std::to_string(pattern.size());
    return std::nullopt;
  }
  PythonRegex regex;
  regex.program = std::move(*program);
  return regex;
}

bool PythonRegex::fullMatch(std::string_view text) const {
  return RegexMatcher(program, text).run(0, 0, true, nullptr);
}

std::optional<std::vector<std::string_view>>
PythonRegex::match(std::string_view text) const {
  constexpr size_t unset = std::string_view::npos;
  std::vector<size_t> slots(2 * (program.groupCount + 1), unset);
  slots[0] = 0;
  if (!RegexMatcher(program, text).run(0, 0, false, &slots))
    return std::nullopt;
  std::vector<std::string_view> groups;
  for (size_t i = 0; i < slots.size(); i += 2)
    groups.push_back(slots[i] == unset || slots[i + 1] == unset
                         ? std::string_view()
                         : text.substr(slots[i], slots[i + 1] - slots[i]));
  return groups;
}

} // namespace neap
