// The compiled form of a regular expression: what the compiler emits and the
// matcher runs.
#ifndef NEAP_COMPILER_SPEC_REGEXPROGRAM_H
#define NEAP_COMPILER_SPEC_REGEXPROGRAM_H

#include <bitset>
#include <vector>

namespace neap {

using ByteSet = std::bitset<256>;

struct RegexInstruction {
  enum Kind {
    Set,          // consume a byte of sets[x]
    Split,        // try x, then y
    Jump,         // go to x
    Save,         // remember the position in slot x
    Begin,        // \A and ^
    End,          // \Z
    EndOrNewline, // $
    Boundary,     // \b where x == 1, \B where x == 0
    Look,         // lookahead body at the next instruction, continue at x;
                  // negative where y == 1
    Accept
  };
  Kind kind;
  int x = 0, y = 0;
};

/// Starts at the first instruction. Group g saves its ends in the slots 2g and
/// 2g + 1.
struct RegexProgram {
  std::vector<RegexInstruction> instructions;
  std::vector<ByteSet> sets;
  int groupCount = 0; ///< without group 0, the whole match
};

/// \w for an ASCII character, in the form of isdigit.
int isRegexWord(int c);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_REGEXPROGRAM_H
