#include "compiler/Spec/RegexParser.h"
#include <algorithm>
#include <cctype>

namespace neap {

constexpr int maxNesting = 100;

std::optional<RegexSyntax> parseRegex(std::string_view pattern,
                                      std::string &error) {
  return RegexParser(pattern, error).run();
}

std::optional<RegexSyntax> RegexParser::run() {
  syntax.root = parseAlternation(0);
  if (syntax.root && at < pattern.size())
    fail("unbalanced parenthesis");
  if (!error.empty())
    return std::nullopt;
  return std::move(syntax);
}

RegexParser::NodePtr RegexParser::fail(const std::string &message) {
  if (error.empty())
    error = message + " at offset " + std::to_string(at);
  return nullptr;
}

RegexParser::NodePtr RegexParser::unsupported(const std::string &construct) {
  return fail(construct + " are not supported");
}

bool RegexParser::take(std::string_view text) {
  if (pattern.substr(at, text.size()) != text)
    return false;
  at += text.size();
  return true;
}

RegexParser::NodePtr RegexParser::parseAlternation(int depth) {
  if (depth > maxNesting)
    return fail("groups are nested too deeply");
  NodePtr result = makeNode(RegexNode::Alternation);
  do {
    NodePtr branch = parseSequence(depth);
    if (!branch)
      return nullptr;
    result->children.push_back(std::move(branch));
  } while (take("|"));
  return result;
}

RegexParser::NodePtr RegexParser::parseSequence(int depth) {
  NodePtr result = makeNode(RegexNode::Sequence);
  while (!done() && peek() != '|' && peek() != ')') {
    NodePtr item = parseAtom(depth);
    if (item)
      item = parseQuantifier(std::move(item));
    if (!item)
      return nullptr;
    result->children.push_back(std::move(item));
  }
  return result;
}

RegexParser::NodePtr RegexParser::parseQuantifier(NodePtr item) {
  int min, max;
  if (!takeQuantifier(min, max))
    return error.empty() ? std::move(item) : nullptr;
  if (item->kind == RegexNode::Assert || item->kind == RegexNode::Empty)
    return fail("nothing to repeat");
  if (max != RegexNode::unbounded && max < min)
    return fail("min repeat greater than max repeat");
  NodePtr repeat = makeNode(RegexNode::Repeat);
  repeat->min = min;
  repeat->max = max;
  repeat->lazy = take("?");
  if (!repeat->lazy && !done() && peek() == '+')
    return unsupported("possessive quantifiers");
  repeat->children.push_back(std::move(item));
  int more;
  if (takeQuantifier(more, more))
    return fail("multiple repeat");
  return error.empty() ? std::move(repeat) : nullptr;
}

bool RegexParser::takeQuantifier(int &min, int &max) {
  if (done())
    return false;
  min = 0;
  max = RegexNode::unbounded;
  if (take("*"))
    return true;
  if (take("+")) {
    min = 1;
    return true;
  }
  if (take("?")) {
    max = 1;
    return true;
  }
  return peek() == '{' && takeCounts(min, max);
}

bool RegexParser::takeCounts(int &min, int &max) {
  size_t start = at++;
  std::optional<int> low = takeNumber(), high = low;
  bool comma = take(",");
  if (comma)
    high = takeNumber();
  if ((!comma && !low) || !take("}")) {
    at = start;
    return false;
  }
  min = low.value_or(0);
  max = comma ? high.value_or(RegexNode::unbounded) : min;
  if (min > 1000 || max > 1000) {
    fail("repeat counts above 1000 are not supported");
    return false;
  }
  return true;
}

std::optional<int> RegexParser::takeNumber() {
  if (done() || !isdigit(static_cast<unsigned char>(peek())))
    return std::nullopt;
  int value = 0;
  for (; !done() && isdigit(static_cast<unsigned char>(peek())); ++at)
    value = std::min(value * 10 + (peek() - '0'), 100000);
  return value;
}

RegexParser::NodePtr RegexParser::parseAtom(int depth) {
  char c = peek();
  switch (c) {
  case '(':
    return parseGroup(depth);
  case '[':
    return parseClass();
  case '\\':
    return parseEscape();
  case '.': {
    ++at;
    ByteSet set;
    set.set();
    set['\n'] = dotAll;
    return addSet(set);
  }
  case '^':
    ++at;
    return assertion({RegexInstruction::Begin});
  case '$':
    ++at;
    return assertion({RegexInstruction::EndOrNewline});
  case '*':
  case '+':
  case '?':
    return fail("nothing to repeat");
  default:
    if (c == '{') {
      int min, max;
      size_t start = at;
      if (takeCounts(min, max))
        return fail("nothing to repeat");
      at = start;
    }
    ++at;
    return literal(c);
  }
}

RegexParser::NodePtr RegexParser::makeNode(RegexNode::Kind kind) {
  auto node = std::make_unique<RegexNode>();
  node->kind = kind;
  return node;
}

} // namespace neap
