// The syntax tree of a regular expression: what the parser builds and the
// compiler reads.
#ifndef NEAP_COMPILER_SPEC_REGEXSYNTAX_H
#define NEAP_COMPILER_SPEC_REGEXSYNTAX_H

#include "compiler/Spec/RegexProgram.h"
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace neap {

struct RegexNode {
  enum Kind { Empty, Set, Sequence, Alternation, Repeat, Group, Look, Assert };
  static constexpr int unbounded = -1;

  Kind kind = Empty;
  std::vector<std::unique_ptr<RegexNode>> children;
  int set = 0;                  // Set: index into the sets
  int min = 0, max = 0;         // Repeat; max is `unbounded` for none
  bool lazy = false;            // Repeat
  int group = 0;                // Group: 0 does not capture
  bool negative = false;        // Look
  RegexInstruction assertion{}; // Assert
};

struct RegexSyntax {
  std::unique_ptr<RegexNode> root;
  std::vector<ByteSet> sets; ///< what RegexNode::set refers to
  int groupCount = 0;
};

/// Reads Python's syntax. Returns nothing and sets `error` (with the offset)
/// where the pattern is malformed or uses a refused construct (PythonRegex.h).
std::optional<RegexSyntax> parseRegex(std::string_view pattern,
                                      std::string &error);

/// Nothing where the program would pass 100000 instructions: repeats multiply.
std::optional<RegexProgram> compileRegex(RegexSyntax syntax);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_REGEXSYNTAX_H
