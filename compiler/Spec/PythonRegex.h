// Python's `re`, as far as PEFT's patterns need it.
//
// PEFT hands the user's strings to `re.fullmatch` and `re.match`. std::regex
// speaks ECMAScript (no inline flags, named groups or \A), throws, recurses per
// character and can take exponential time; this engine reads Python's syntax,
// refuses what it does not know by name, and runs in O(pattern x text), because
// it visits each (instruction, position) pair once (as RE2's BitState does).
// That is exact without backreferences, which are refused.
//
// Supported: literals, `.`, classes, \d \w \s (ASCII) and their negations,
// \b \B \A \Z ^ $, groups (capturing, named, `(?:`), lookahead, alternation,
// greedy and lazy quantifiers, `(?i)` `(?s)` and their scoped forms, comments.
// Refused: backreferences, lookbehind, atomic groups, possessive quantifiers,
// conditionals, flags a, L, m, u, x, non-ASCII characters in classes.
#ifndef NEAP_COMPILER_SPEC_PYTHONREGEX_H
#define NEAP_COMPILER_SPEC_PYTHONREGEX_H

#include "compiler/Spec/RegexProgram.h"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neap {

class PythonRegex {
public:
  /// Returns nothing and sets `error` (with the offset) where the pattern is
  /// malformed or uses a refused construct.
  static std::optional<PythonRegex> compile(std::string_view pattern,
                                            std::string &error);

  /// `re.fullmatch(pattern, text) is not None`.
  bool fullMatch(std::string_view text) const;

  /// `re.match(pattern, text)`: the groups, [0] the whole match, or nothing.
  /// A group that took no part is empty; groups inside a lookahead never do.
  std::optional<std::vector<std::string_view>>
  match(std::string_view text) const;

private:
  RegexProgram program;
};

} // namespace neap

#endif // NEAP_COMPILER_SPEC_PYTHONREGEX_H
