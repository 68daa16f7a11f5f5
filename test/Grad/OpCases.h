// The table of op cases that gradients and kernels are checked on.
#ifndef NEAP_TEST_GRAD_OPCASES_H
#define NEAP_TEST_GRAD_OPCASES_H

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace neap::test {

/// An array of a case, named %name in its body. Shape: [rows, columns].
struct CaseArray {
  std::string name;
  int64_t columns = 0;
  int64_t rows = 0; ///< of a matrix; an input with none has a row per token
};

/// A few lines of MLIR in which the gradient of every input is checked.
///
/// The body computes %y, of `columns` features, from the inputs, the frozen
/// weights and %ids (the row's tokens); the harness appends the loss. With no
/// `columns` the body ends in its own loss, over %labels. Type aliases: !tN is
/// the activation of N features, up to kMaxColumns, and !NAME the type of the
/// weight or factor %NAME.
struct OpCase {
  std::string name;
  std::vector<CaseArray> inputs;
  std::vector<CaseArray> weights;
  std::string body;
  int64_t columns = 0;
};

constexpr int64_t kMaxColumns = 24;
constexpr int64_t kVocabulary = 9; ///< of %ids, %labels and the loss

const std::vector<OpCase> &getOpCases();

inline void PrintTo(const OpCase &c, std::ostream *stream) {
  *stream << c.name;
}

} // namespace neap::test

#endif
