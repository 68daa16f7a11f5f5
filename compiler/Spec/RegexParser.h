// The parser of regular expressions: recursive descent over the pattern.
#ifndef NEAP_COMPILER_SPEC_REGEXPARSER_H
#define NEAP_COMPILER_SPEC_REGEXPARSER_H

#include "compiler/Spec/RegexSyntax.h"
#include <set>

namespace neap {

/// Behind parseRegex. Every method that yields a node returns null once `error`
/// is set; the others return false or nothing.
class RegexParser {
public:
  RegexParser(std::string_view pattern, std::string &error)
      : pattern(pattern), error(error) {
    error.clear();
  }

  std::optional<RegexSyntax> run();

private:
  using NodePtr = std::unique_ptr<RegexNode>;

  // Structure and quantifiers: RegexParser.cpp.
  NodePtr fail(const std::string &message);
  NodePtr unsupported(const std::string &construct);
  bool done() const { return at >= pattern.size(); }
  char peek() const { return pattern[at]; }
  bool take(std::string_view text);
  NodePtr parseAlternation(int depth);
  NodePtr parseSequence(int depth);
  NodePtr parseQuantifier(NodePtr item);
  bool takeQuantifier(int &min, int &max);
  /// `{m}`, `{m,}`, `{,n}`, `{m,n}`; anything else is a literal brace.
  bool takeCounts(int &min, int &max);
  std::optional<int> takeNumber();
  NodePtr parseAtom(int depth);
  static NodePtr makeNode(RegexNode::Kind kind);

  // What stands for one byte, and assertions: RegexCharacters.cpp.
  NodePtr assertion(RegexInstruction instruction);
  NodePtr literal(char c);
  NodePtr addSet(ByteSet set, bool negate = false);
  NodePtr parseEscape();
  /// The escapes that stand for one byte, inside and outside classes.
  std::optional<char> parseByteEscape();
  NodePtr parseClass();
  bool parseClassItem(ByteSet &set);
  std::optional<char> parseClassByte(std::optional<ByteSet> &named);

  // What begins with a parenthesis: RegexGroups.cpp.
  NodePtr parseGroup(int depth);
  NodePtr parseComment(size_t start);
  bool takeGroupName();
  /// `(?i)` at the start of the pattern, or `(?i-s:` around a group.
  bool parseFlags(size_t start, bool &scoped);

  std::string_view pattern;
  std::string &error;
  size_t at = 0;
  bool ignoreCase = false;
  bool dotAll = false;
  size_t leading = 0; // end of the flags and comments the pattern starts with
  std::set<std::string> groupNames;
  RegexSyntax syntax;
};

} // namespace neap

#endif // NEAP_COMPILER_SPEC_REGEXPARSER_H
