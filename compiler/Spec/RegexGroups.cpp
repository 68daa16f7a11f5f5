#include "compiler/Spec/RegexParser.h"
#include <cctype>
#include <map>

namespace neap {

RegexParser::NodePtr RegexParser::parseGroup(int depth) {
  size_t start = at++;
  bool outerIgnoreCase = ignoreCase, outerDotAll = dotAll;
  NodePtr group = makeNode(RegexNode::Group);
  if (!take("?")) {
    group->group = ++syntax.groupCount;
  } else if (take("#")) {
    return parseComment(start);
  } else if (take("=") || take("!")) {
    group->kind = RegexNode::Look;
    group->negative = pattern[at - 1] == '!';
  } else if (take("P<")) {
    group->group = ++syntax.groupCount;
    if (!takeGroupName())
      return nullptr;
  } else if (!take(":")) {
    bool scoped = false;
    if (!parseFlags(start, scoped))
      return nullptr;
    if (!scoped)
      return makeNode(RegexNode::Empty);
  }
  NodePtr body = parseAlternation(depth + 1);
  if (!body)
    return nullptr;
  if (!take(")")) {
    at = start;
    return fail("missing ), unterminated subpattern");
  }
  ignoreCase = outerIgnoreCase;
  dotAll = outerDotAll;
  group->children.push_back(std::move(body));
  return group;
}

RegexParser::NodePtr RegexParser::parseComment(size_t start) {
  size_t end = pattern.find(')', at);
  if (end == std::string_view::npos) {
    at = start;
    return fail("missing ), unterminated comment");
  }
  at = end + 1;
  if (start == leading)
    leading = at;
  // A comment is nothing at all: what follows may not repeat it.
  return makeNode(RegexNode::Empty);
}

bool RegexParser::takeGroupName() {
  size_t end = pattern.find('>', at);
  std::string name(pattern.substr(at, end - at));
  bool valid = end != std::string_view::npos && !name.empty() &&
               !isdigit(static_cast<unsigned char>(name[0]));
  for (unsigned char c : name)
    valid &= isRegexWord(c) != 0;
  if (!valid || !groupNames.insert(name).second) {
    fail(valid ? "redefinition of a group name" : "bad group name");
    return false;
  }
  at = end + 1;
  return true;
}

bool RegexParser::parseFlags(size_t start, bool &scoped) {
  static const std::map<char, const char *> refused = {
      {'<', "lookbehind assertions"},   {'>', "atomic groups"},
      {'(', "conditional groups"},      {'P', "named backreferences"},
      {'a', "the flags a, L, m, u, x"}, {'L', "the flags a, L, m, u, x"},
      {'m', "the flags a, L, m, u, x"}, {'u', "the flags a, L, m, u, x"},
      {'x', "the flags a, L, m, u, x"}};
  bool value = true;
  size_t first = at;
  for (; !done(); ++at) {
    char c = peek();
    if (c == 'i') {
      ignoreCase = value;
    } else if (c == 's') {
      dotAll = value;
    } else if (c == '-' && value) {
      value = false;
    } else if (c == ':') {
      scoped = true;
      ++at;
      return true;
    } else if (c == ')' && value && at > first) {
      ++at;
      if (start != leading)
        fail("global flags not at the start of the expression");
      leading = at;
      return error.empty();
    } else {
      auto it = refused.find(c);
      it == refused.end() ? fail("unknown extension") : unsupported(it->second);
      return false;
    }
  }
  fail("missing )");
  return false;
}

} // namespace neap
