#include "compiler/Spec/RegexMatcher.h"

namespace neap {

bool RegexMatcher::run(int start, size_t position, bool full,
                       std::vector<size_t> *slots) {
  std::vector<bool> visited(program.instructions.size() * (text.size() + 1));
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

bool RegexMatcher::follow(const Job &job, bool full, std::vector<size_t> *slots,
                          std::vector<bool> &visited, std::vector<Job> &stack) {
  int pc = job.pc;
  size_t position = job.position;
  while (true) {
    size_t state = pc * (text.size() + 1) + position;
    if (visited[state])
      return false;
    visited[state] = true;
    const RegexInstruction &step = program.instructions[pc];
    switch (step.kind) {
    case RegexInstruction::Accept:
      if (full && position != text.size())
        return false;
      if (slots)
        (*slots)[1] = position;
      return true;
    case RegexInstruction::Set:
      if (position == text.size() ||
          !program.sets[step.x][static_cast<unsigned char>(text[position])])
        return false;
      ++position;
      ++pc;
      break;
    case RegexInstruction::Split:
      stack.push_back({step.y, position});
      pc = step.x;
      break;
    case RegexInstruction::Jump:
      pc = step.x;
      break;
    case RegexInstruction::Save:
      if (slots) {
        stack.push_back({0, (*slots)[step.x], step.x});
        (*slots)[step.x] = position;
      }
      ++pc;
      break;
    case RegexInstruction::Look:
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

bool RegexMatcher::look(int pc, size_t position) {
  auto [it, inserted] = looks.try_emplace({pc, position}, false);
  if (inserted) {
    bool found = run(pc + 1, position, false, nullptr);
    looks[{pc, position}] = found;
    return found;
  }
  return it->second;
}

bool RegexMatcher::holds(const RegexInstruction &step, size_t position) const {
  switch (step.kind) {
  case RegexInstruction::Begin:
    return position == 0;
  case RegexInstruction::End:
    return position == text.size();
  case RegexInstruction::EndOrNewline:
    return position == text.size() ||
           (position + 1 == text.size() && text[position] == '\n');
  default: {
    bool before = position > 0 && wordAt(position - 1);
    bool after = position < text.size() && wordAt(position);
    return (before != after) == (step.x == 1);
  }
  }
}

bool RegexMatcher::wordAt(size_t position) const {
  unsigned char c = text[position];
  return c < 128 && isRegexWord(c);
}

} // namespace neap
