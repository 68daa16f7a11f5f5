// Runs a compiled regular expression.
#ifndef NEAP_COMPILER_SPEC_REGEXMATCHER_H
#define NEAP_COMPILER_SPEC_REGEXMATCHER_H

#include "compiler/Spec/RegexProgram.h"
#include <map>
#include <string_view>
#include <utility>

namespace neap {

/// Backtracking with an explicit stack; a (pc, position) pair that was visited
/// failed before, so it is never entered again: O(program x text).
class RegexMatcher {
public:
  /// Both must outlive the matcher.
  RegexMatcher(const RegexProgram &program, std::string_view text)
      : program(program), text(text) {}

  /// Whether the program matches from instruction `start` at `position`; with
  /// `full` only a match that ends with the text counts. `slots`, where not
  /// null, has two entries per group (and the whole match) and receives their
  /// ends; the caller presets it and slot 0.
  bool run(int start, size_t position, bool full, std::vector<size_t> *slots);

private:
  /// Continue at `pc`, or restore a slot where `slot` is not negative.
  struct Job {
    int pc;
    size_t position;
    int slot = -1;
  };

  bool follow(const Job &job, bool full, std::vector<size_t> *slots,
              std::vector<bool> &visited, std::vector<Job> &stack);
  /// Whether the lookahead body after `pc` matches here; computed once.
  bool look(int pc, size_t position);
  bool holds(const RegexInstruction &step, size_t position) const;
  bool wordAt(size_t position) const;

  const RegexProgram &program;
  std::string_view text;
  std::map<std::pair<int, size_t>, bool> looks;
};

} // namespace neap

#endif // NEAP_COMPILER_SPEC_REGEXMATCHER_H
