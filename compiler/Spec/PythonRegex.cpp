#include "compiler/Spec/PythonRegex.h"
#include <cctype>
#include <map>
#include <memory>
#include <set>

namespace neap {

using Instruction = PythonRegex::Instruction;
using ByteSet = PythonRegex::ByteSet;

namespace {

constexpr int maxNesting = 100;
constexpr size_t maxInstructions = 100000;
constexpr int unbounded = -1;

ByteSet setOf(int (*predicate)(int), bool negate) {
  ByteSet set;
  for (int c = 0; c < 128; ++c)
    set[c] = predicate(c) != 0;
  return negate ? ~set : set;
}

int isWord(int c) { return isalnum(c) || c == '_'; }

/// The set of \d, \w, \s and their negations; nothing for another letter.
std::optional<ByteSet> classEscape(char c) {
  switch (c) {
  case 'd':
  case 'D':
    return setOf(isdigit, c == 'D');
  case 'w':
  case 'W':
    return setOf(isWord, c == 'W');
  case 's':
  case 'S':
    return setOf(isspace, c == 'S');
  default:
    return std::nullopt;
  }
}

struct Node {
  enum Kind { Empty, Set, Sequence, Alternation, Repeat, Group, Look, Assert };
  Kind kind = Empty;
  std::vector<std::unique_ptr<Node>> children;
  int set = 0;             // Set: index into the sets
  int min = 0, max = 0;    // Repeat; max is `unbounded` for none
  bool lazy = false;       // Repeat
  int group = 0;           // Group: 0 does not capture
  bool negative = false;   // Look
  Instruction assertion{}; // Assert
};
using NodePtr = std::unique_ptr<Node>;

NodePtr makeNode(Node::Kind kind) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  return node;
}

} // namespace

/// Recursive descent over the pattern, then code generation. Every method
/// returns null once `error` is set.
class RegexParser {
public:
  RegexParser(std::string_view pattern, std::string &error)
      : pattern(pattern), error(error) {
    error.clear();
  }

  std::optional<PythonRegex> run() {
    NodePtr root = parseAlternation(0);
    if (root && at < pattern.size())
      fail("unbalanced parenthesis");
    if (!error.empty())
      return std::nullopt;
    emitNode(*root);
    emit({Instruction::Accept});
    if (regex.program.size() > maxInstructions || work > maxInstructions)
      fail("the pattern is too large");
    if (!error.empty())
      return std::nullopt;
    return std::move(regex);
  }

private:
  NodePtr fail(const std::string &message) {
    if (error.empty())
      error = message + " at offset " + std::to_string(at);
    return nullptr;
  }
  NodePtr unsupported(const std::string &construct) {
    return fail(construct + " are not supported");
  }

  bool done() const { return at >= pattern.size(); }
  char peek() const { return pattern[at]; }
  bool take(std::string_view text) {
    if (pattern.substr(at, text.size()) != text)
      return false;
    at += text.size();
    return true;
  }

  NodePtr parseAlternation(int depth) {
    if (depth > maxNesting)
      return fail("groups are nested too deeply");
    NodePtr result = makeNode(Node::Alternation);
    do {
      NodePtr branch = parseSequence(depth);
      if (!branch)
        return nullptr;
      result->children.push_back(std::move(branch));
    } while (take("|"));
    return result;
  }

  NodePtr parseSequence(int depth) {
    NodePtr result = makeNode(Node::Sequence);
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

  NodePtr parseQuantifier(NodePtr item) {
    int min, max;
    if (!takeQuantifier(min, max))
      return error.empty() ? std::move(item) : nullptr;
    if (item->kind == Node::Assert || item->kind == Node::Empty)
      return fail("nothing to repeat");
    if (max != unbounded && max < min)
      return fail("min repeat greater than max repeat");
    NodePtr repeat = makeNode(Node::Repeat);
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

  bool takeQuantifier(int &min, int &max) {
    if (done())
      return false;
    min = 0;
    max = unbounded;
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

  /// `{m}`, `{m,}`, `{,n}`, `{m,n}`; anything else is a literal brace.
  bool takeCounts(int &min, int &max) {
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
    max = comma ? high.value_or(unbounded) : min;
    if (min > 1000 || max > 1000) {
      fail("repeat counts above 1000 are not supported");
      return false;
    }
    return true;
  }

  std::optional<int> takeNumber() {
    if (done() || !isdigit(static_cast<unsigned char>(peek())))
      return std::nullopt;
    int value = 0;
    for (; !done() && isdigit(static_cast<unsigned char>(peek())); ++at)
      value = std::min(value * 10 + (peek() - '0'), 100000);
    return value;
  }

  NodePtr parseAtom(int depth) {
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
      return assertion({Instruction::Begin});
    case '$':
      ++at;
      return assertion({Instruction::EndOrNewline});
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

  NodePtr assertion(Instruction instruction) {
    NodePtr node = makeNode(Node::Assert);
    node->assertion = instruction;
    return node;
  }

  NodePtr literal(char c) {
    ByteSet set;
    set[static_cast<unsigned char>(c)] = true;
    return addSet(set);
  }

  NodePtr addSet(ByteSet set, bool negate = false) {
    if (ignoreCase) {
      for (int c = 'a'; c <= 'z'; ++c)
        set[c] = set[toupper(c)] = set[c] || set[toupper(c)];
    }
    NodePtr node = makeNode(Node::Set);
    node->set = regex.sets.size();
    regex.sets.push_back(negate ? ~set : set);
    return node;
  }

  NodePtr parseEscape() {
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
      return assertion({Instruction::Begin});
    case 'Z':
      ++at;
      return assertion({Instruction::End});
    case 'b':
    case 'B':
      ++at;
      return assertion({Instruction::Boundary, c == 'b'});
    default: {
      std::optional<char> byte = parseByteEscape();
      return byte ? literal(*byte) : nullptr;
    }
    }
  }

  /// The escapes that stand for one byte, inside and outside classes.
  std::optional<char> parseByteEscape() {
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

  NodePtr parseClass() {
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

  bool parseClassItem(ByteSet &set) {
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

  std::optional<char> parseClassByte(std::optional<ByteSet> &named) {
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

  NodePtr parseGroup(int depth) {
    size_t start = at++;
    bool outerIgnoreCase = ignoreCase, outerDotAll = dotAll;
    NodePtr group = makeNode(Node::Group);
    if (!take("?")) {
      group->group = ++regex.groupCount;
    } else if (take("#")) {
      return parseComment(start);
    } else if (take("=") || take("!")) {
      group->kind = Node::Look;
      group->negative = pattern[at - 1] == '!';
    } else if (take("P<")) {
      group->group = ++regex.groupCount;
      if (!takeGroupName())
        return nullptr;
    } else if (!take(":")) {
      bool scoped = false;
      if (!parseFlags(start, scoped))
        return nullptr;
      if (!scoped)
        return makeNode(Node::Empty);
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

  NodePtr parseComment(size_t start) {
    size_t end = pattern.find(')', at);
    if (end == std::string_view::npos) {
      at = start;
      return fail("missing ), unterminated comment");
    }
    at = end + 1;
    if (start == leading)
      leading = at;
    // A comment is nothing at all: what follows may not repeat it.
    return makeNode(Node::Empty);
  }

  bool takeGroupName() {
    size_t end = pattern.find('>', at);
    std::string name(pattern.substr(at, end - at));
    bool valid = end != std::string_view::npos && !name.empty() &&
                 !isdigit(static_cast<unsigned char>(name[0]));
    for (unsigned char c : name)
      valid &= isWord(c) != 0;
    if (!valid || !groupNames.insert(name).second) {
      fail(valid ? "redefinition of a group name" : "bad group name");
      return false;
    }
    at = end + 1;
    return true;
  }

  /// `(?i)` at the start of the pattern, or `(?i-s:` around a group.
  bool parseFlags(size_t start, bool &scoped) {
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
        it == refused.end() ? fail("unknown extension")
                            : unsupported(it->second);
        return false;
      }
    }
    fail("missing )");
    return false;
  }

  int emit(Instruction instruction) {
    // Repeats multiply; stop expanding as soon as the limit is passed.
    if (regex.program.size() <= maxInstructions)
      regex.program.push_back(instruction);
    return regex.program.size() - 1;
  }
  int here() const { return regex.program.size(); }

  void emitNode(const Node &node) {
    // Repeats of nothing emit nothing, so the visits are counted as well.
    if (regex.program.size() > maxInstructions || ++work > maxInstructions)
      return;
    switch (node.kind) {
    case Node::Empty:
      return;
    case Node::Set:
      emit({Instruction::Set, node.set});
      return;
    case Node::Assert:
      emit(node.assertion);
      return;
    case Node::Sequence:
      for (const NodePtr &child : node.children)
        emitNode(*child);
      return;
    case Node::Alternation:
      return emitAlternation(node);
    case Node::Repeat:
      return emitRepeat(node);
    case Node::Group:
      if (node.group)
        emit({Instruction::Save, 2 * node.group});
      emitNode(*node.children[0]);
      if (node.group)
        emit({Instruction::Save, 2 * node.group + 1});
      return;
    case Node::Look: {
      int look = emit({Instruction::Look, 0, node.negative});
      emitNode(*node.children[0]);
      emit({Instruction::Accept});
      regex.program[look].x = here();
      return;
    }
    }
  }

  void emitAlternation(const Node &node) {
    std::vector<int> jumps;
    for (size_t i = 0; i + 1 < node.children.size(); ++i) {
      int split = emit({Instruction::Split});
      regex.program[split].x = here();
      emitNode(*node.children[i]);
      jumps.push_back(emit({Instruction::Jump}));
      regex.program[split].y = here();
    }
    emitNode(*node.children.back());
    for (int jump : jumps)
      regex.program[jump].x = here();
  }

  void emitRepeat(const Node &node) {
    const Node &body = *node.children[0];
    for (int i = 0; i < node.min; ++i)
      emitNode(body);
    if (node.max == unbounded) {
      int split = emit({Instruction::Split});
      emitNode(body);
      emit({Instruction::Jump, split});
      setSplit(split, split + 1, here(), node.lazy);
      return;
    }
    std::vector<int> splits;
    for (int i = node.min; i < node.max; ++i) {
      splits.push_back(emit({Instruction::Split}));
      emitNode(body);
    }
    for (int split : splits)
      setSplit(split, split + 1, here(), node.lazy);
  }

  void setSplit(int split, int into, int past, bool lazy) {
    regex.program[split].x = lazy ? past : into;
    regex.program[split].y = lazy ? into : past;
  }

  std::string_view pattern;
  std::string &error;
  size_t at = 0;
  bool ignoreCase = false;
  bool dotAll = false;
  size_t work = 0;
  size_t leading = 0; // end of the flags and comments the pattern starts with
  std::set<std::string> groupNames;
  PythonRegex regex;
};

/// Backtracking with an explicit stack; a (pc, position) pair that was visited
/// failed before, so it is never entered again.
class RegexMatcher {
public:
  RegexMatcher(const PythonRegex &regex, std::string_view text)
      : regex(regex), text(text) {}

  bool run(int start, size_t position, bool full, std::vector<size_t> *slots) {
    std::vector<bool> visited(regex.program.size() * (text.size() + 1));
    std::vector<Job> stack = {{start, position}};
    while (!stack.empty()) {
      Job job = stack.back();
      stack.pop_back();
      if (job.slot >= 0) {
        (*slots)[job.slot] = job.position;
        continue;
      }
      if (follow(job, full, slots, visited, stack))
        return true;
    }
    return false;
  }

private:
  /// Continue at `pc`, or restore a slot where `slot` is not negative.
  struct Job {
    int pc;
    size_t position;
    int slot = -1;
  };

  bool follow(const Job &job, bool full, std::vector<size_t> *slots,
              std::vector<bool> &visited, std::vector<Job> &stack) {
    int pc = job.pc;
    size_t position = job.position;
    while (true) {
      size_t state = pc * (text.size() + 1) + position;
      if (visited[state])
        return false;
      visited[state] = true;
      const Instruction &step = regex.program[pc];
      switch (step.kind) {
      case Instruction::Accept:
        if (full && position != text.size())
          return false;
        if (slots)
          (*slots)[1] = position;
        return true;
      case Instruction::Set:
        if (position == text.size() ||
            !regex.sets[step.x][static_cast<unsigned char>(text[position])])
          return false;
        ++position;
        ++pc;
        break;
      case Instruction::Split:
        stack.push_back({step.y, position});
        pc = step.x;
        break;
      case Instruction::Jump:
        pc = step.x;
        break;
      case Instruction::Save:
        if (slots) {
          stack.push_back({0, (*slots)[step.x], step.x});
          (*slots)[step.x] = position;
        }
        ++pc;
        break;
      case Instruction::Look:
        if (look(pc, position) == (step.y == 1))
          return false;
        pc = step.x;
        break;
      default:
        if (!holds(step, position))
          return false;
        ++pc;
      }
    }
  }

  /// Whether the lookahead body after `pc` matches here; computed once.
  bool look(int pc, size_t position) {
    auto [it, inserted] = looks.try_emplace({pc, position}, false);
    if (inserted) {
      bool found = run(pc + 1, position, false, nullptr);
      looks[{pc, position}] = found;
      return found;
    }
    return it->second;
  }

  bool holds(const Instruction &step, size_t position) const {
    switch (step.kind) {
    case Instruction::Begin:
      return position == 0;
    case Instruction::End:
      return position == text.size();
    case Instruction::EndOrNewline:
      return position == text.size() ||
             (position + 1 == text.size() && text[position] == '\n');
    default: {
      bool before = position > 0 && wordAt(position - 1);
      bool after = position < text.size() && wordAt(position);
      return (before != after) == (step.x == 1);
    }
    }
  }
  bool wordAt(size_t position) const {
    unsigned char c = text[position];
    return c < 128 && isWord(c);
  }

  const PythonRegex &regex;
  std::string_view text;
  std::map<std::pair<int, size_t>, bool> looks;
};

std::optional<PythonRegex> PythonRegex::compile(std::string_view pattern,
                                                std::string &error) {
  return RegexParser(pattern, error).run();
}

bool PythonRegex::fullMatch(std::string_view text) const {
  return RegexMatcher(*this, text).run(0, 0, true, nullptr);
}

std::optional<std::vector<std::string_view>>
PythonRegex::match(std::string_view text) const {
  constexpr size_t unset = std::string_view::npos;
  std::vector<size_t> slots(2 * (groupCount + 1), unset);
  slots[0] = 0;
  if (!RegexMatcher(*this, text).run(0, 0, false, &slots))
    return std::nullopt;
  std::vector<std::string_view> groups;
  for (size_t i = 0; i < slots.size(); i += 2)
    groups.push_back(slots[i] == unset || slots[i + 1] == unset
                         ? std::string_view()
                         : text.substr(slots[i], slots[i + 1] - slots[i]));
  return groups;
}

} // namespace neap
