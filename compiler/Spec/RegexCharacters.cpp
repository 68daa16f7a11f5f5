#include "compiler/Spec/RegexParser.h"
#include <cctype>
#include <map>

namespace neap {

int isRegexWord(int c) { return isalnum(c) || c == '_'; }

namespace {

ByteSet setOf(int (*predicate)(int), bool negate) {
  ByteSet set;
  for (int c = 0; c < 128; ++c)
    set[c] = predicate(c) != 0;
  return negate ? ~set : set;
}

/// The set of \d, \w, \s and their negations; nothing for another letter.
std::optional<ByteSet> classEscape(char c) {
  switch (c) {
  case 'd':
  case 'D':
    return setOf(isdigit, c == 'D');
  case 'w':
  case 'W':
    return setOf(isRegexWord, c == 'W');
  case 's':
  case 'S':
    return setOf(isspace, c == 'S');
  default:
    return std::nullopt;
  }
}

} // namespace

RegexParser::NodePtr RegexParser::assertion(RegexInstruction instruction) {
  NodePtr node = makeNode(RegexNode::Assert);
  node->assertion = instruction;
  return node;
}

RegexParser::NodePtr RegexParser::literal(char c) {
  ByteSet set;
  set[static_cast<unsigned char>(c)] = true;
  return addSet(set);
}

RegexParser::NodePtr RegexParser::addSet(ByteSet set, bool negate) {
  if (ignoreCase) {
    for (int c = 'a'; c <= 'z'; ++c)
      set[c] = set[toupper(c)] = set[c] || set[toupper(c)];
  }
  NodePtr node = makeNode(RegexNode::Set);
  node->set = syntax.sets.size();
  syntax.sets.push_back(negate ? ~set : set);
  return node;
}

RegexParser::NodePtr RegexParser::parseEscape() {
  if (++at == pattern.size())
    return fail("bad escape (end of pattern)");
  char c = pattern[at];
  if (std::optional<ByteSet> set = classEscape(c)) {
    ++at;
    return addSet(*set);
  }
  if (c >= '1' && c <= '9')
    return unsupported("backreferences");
  switch (c) {
  case 'A':
    ++at;
    return assertion({RegexInstruction::Begin});
  case 'Z':
    ++at;
    return assertion({RegexInstruction::End});
  case 'b':
  case 'B':
    ++at;
    return assertion({RegexInstruction::Boundary, c == 'b'});
  default: {
    std::optional<char> byte = parseByteEscape();
    return byte ? literal(*byte) : nullptr;
  }
  }
}

std::optional<char> RegexParser::parseByteEscape() {
  static const std::map<char, char> controls = {{'n', '\n'}, {'t', '\t'},
                                                {'r', '\r'}, {'f', '\f'},
                                                {'v', '\v'}, {'a', '\a'}};
  char c = pattern[at];
  if (auto it = controls.find(c); it != controls.end()) {
    ++at;
    return it->second;
  }
  if (c == 'x') {
    std::string digits(pattern.substr(at + 1, 2));
    if (digits.size() == 2 && isxdigit(digits[0]) && isxdigit(digits[1]) &&
        digits[0] < '8') {
      at += 3;
      return static_cast<char>(std::stoi(digits, nullptr, 16));
    }
  }
  if (isalnum(static_cast<unsigned char>(c))) {
    fail(std::string("bad escape \\") + c);
    return std::nullopt;
  }
  ++at;
  return c;
}

RegexParser::NodePtr RegexParser::parseClass() {
  size_t start = at++;
  bool negate = take("^");
  ByteSet set;
  for (bool first = true; done() || peek() != ']' || first; first = false) {
    if (done()) {
      at = start;
      return fail("unterminated character set");
    }
    if (!parseClassItem(set))
      return nullptr;
  }
  ++at;
  return addSet(set, negate);
}

bool RegexParser::parseClassItem(ByteSet &set) {
  std::optional<ByteSet> named;
  std::optional<char> low = parseClassByte(named);
  if (!error.empty())
    return false;
  bool range =
      at + 1 < pattern.size() && peek() == '-' && pattern[at + 1] != ']';
  if (!range) {
    if (named)
      set |= *named;
    else
      set[static_cast<unsigned char>(*low)] = true;
    return true;
  }
  ++at;
  std::optional<char> high = named ? std::nullopt : parseClassByte(named);
  if (error.empty() && (named || *high < *low))
    fail("bad character range");
  if (!error.empty())
    return false;
  for (int c = *low; c <= *high; ++c)
    set[c] = true;
  return true;
}

std::optional<char> RegexParser::parseClassByte(std::optional<ByteSet> &named) {
  char c = peek();
  if (static_cast<unsigned char>(c) >= 128) {
    unsupported("non-ASCII characters in a class");
    return std::nullopt;
  }
  ++at;
  if (c != '\\')
    return c;
  if (done()) {
    fail("bad escape (end of pattern)");
    return std::nullopt;
  }
  if ((named = classEscape(peek()))) {
    ++at;
    return std::nullopt;
  }
  if (take("b"))
    return '\b';
  if (static_cast<unsigned char>(peek()) >= 128) {
    unsupported("non-ASCII characters in a class");
    return std::nullopt;
  }
  return parseByteEscape();
}

} // namespace neap
