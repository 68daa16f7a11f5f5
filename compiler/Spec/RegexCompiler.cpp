#include "compiler/Spec/RegexSyntax.h"

namespace neap {

namespace {

constexpr size_t maxInstructions = 100000;

class RegexCompiler {
public:
  std::optional<RegexProgram> run(RegexSyntax syntax) {
    emitNode(*syntax.root);
    emit({RegexInstruction::Accept});
    if (program.instructions.size() > maxInstructions || work > maxInstructions)
      return std::nullopt;
    program.sets = std::move(syntax.sets);
    program.groupCount = syntax.groupCount;
    return std::move(program);
  }

private:
  int emit(RegexInstruction instruction);
  int here() const { return program.instructions.size(); }
  void emitNode(const RegexNode &node);
  void emitAlternation(const RegexNode &node);
  void emitRepeat(const RegexNode &node);
  void setSplit(int split, int into, int past, bool lazy);

  RegexProgram program;
  size_t work = 0; // nodes visited
};

int RegexCompiler::emit(RegexInstruction instruction) {
  // Repeats multiply; stop expanding as soon as the limit is passed.
  if (program.instructions.size() <= maxInstructions)
    program.instructions.push_back(instruction);
  return program.instructions.size() - 1;
}

void RegexCompiler::emitNode(const RegexNode &node) {
  // Repeats of nothing emit nothing, so the visits are counted as well.
  if (program.instructions.size() > maxInstructions || ++work > maxInstructions)
    return;
  switch (node.kind) {
  case RegexNode::Empty:
    return;
  case RegexNode::Set:
    emit({RegexInstruction::Set, node.set});
    return;
  case RegexNode::Assert:
    emit(node.assertion);
    return;
  case RegexNode::Sequence:
    for (const auto &child : node.children)
      emitNode(*child);
    return;
  case RegexNode::Alternation:
    return emitAlternation(node);
  case RegexNode::Repeat:
    return emitRepeat(node);
  case RegexNode::Group:
    if (node.group)
      emit({RegexInstruction::Save, 2 * node.group});
    emitNode(*node.children[0]);
    if (node.group)
      emit({RegexInstruction::Save, 2 * node.group + 1});
    return;
  case RegexNode::Look: {
    int look = emit({RegexInstruction::Look, 0, node.negative});
    emitNode(*node.children[0]);
    emit({RegexInstruction::Accept});
    program.instructions[look].x = here();
    return;
  }
  }
}

void RegexCompiler::emitAlternation(const RegexNode &node) {
  std::vector<int> jumps;
  for (size_t i = 0; i + 1 < node.children.size(); ++i) {
    int split = emit({RegexInstruction::Split});
    program.instructions[split].x = here();
    emitNode(*node.children[i]);
    jumps.push_back(emit({RegexInstruction::Jump}));
    program.instructions[split].y = here();
  }
  emitNode(*node.children.back());
  for (int jump : jumps)
    program.instructions[jump].x = here();
}

void RegexCompiler::emitRepeat(const RegexNode &node) {
  const RegexNode &body = *node.children[0];
  for (int i = 0; i < node.min; ++i)
    emitNode(body);
  if (node.max == RegexNode::unbounded) {
    int split = emit({RegexInstruction::Split});
    emitNode(body);
    emit({RegexInstruction::Jump, split});
    setSplit(split, split + 1, here(), node.lazy);
    return;
  }
  std::vector<int> splits;
  for (int i = node.min; i < node.max; ++i) {
    splits.push_back(emit({RegexInstruction::Split}));
    emitNode(body);
  }
  for (int split : splits)
    setSplit(split, split + 1, here(), node.lazy);
}

void RegexCompiler::setSplit(int split, int into, int past, bool lazy) {
  program.instructions[split].x = lazy ? past : into;
  program.instructions[split].y = lazy ? into : past;
}

} // namespace

std::optional<RegexProgram> compileRegex(RegexSyntax syntax) {
  return RegexCompiler().run(std::move(syntax));
}

} // namespace neap
