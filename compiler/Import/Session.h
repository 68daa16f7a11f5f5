// Evaluation of a graph for one binding of its inputs.
#ifndef NEAP_COMPILER_IMPORT_SESSION_H
#define NEAP_COMPILER_IMPORT_SESSION_H

#include "compiler/Import/GraphIndex.h"
#include "compiler/Import/Operators.h"

namespace neap::onnx {

/// Which values depend on the contents, not only the shape, of `tokens`.
std::vector<bool> findTokenDependent(const GraphIndex &index, ValueId tokens);

/// Computes shapes of any value and elements of values that do not depend on
/// the tokens, lazily and once each.
class Session {
public:
  /// `inputs` holds every graph input; elements of the token ids are unknown.
  Session(const GraphIndex &index, std::map<ValueId, Array> inputs)
      : index(index), inputs(std::move(inputs)), slots(index.values().size()) {}

  /// Type and shape of a value; null with getError() set.
  const Array *shape(ValueId id) { return get(id, false); }
  /// A known array; null with getError() set, as for token-dependent values.
  const Array *elements(ValueId id) { return get(id, true); }

  const InputError &getError() const { return error; }

private:
  const Array *get(ValueId id, bool elements);
  bool load(ValueId id, bool elements);
  bool run(int node, bool elements);
  bool satisfied(ValueId id, bool elements) const {
    return slots[id] && (slots[id]->known || !elements);
  }
  bool fail(const std::string &place, const std::string &message) {
    error = InputError{index.model().path, place, message};
    return false;
  }

  const GraphIndex &index;
  std::map<ValueId, Array> inputs;
  std::vector<std::optional<Array>> slots;
  InputError error;
};

/// A part of the graph between one value and another: `output` is a function
/// of `source` and of `constants`, values that do not depend on the tokens.
struct Region {
  ValueId source = kNoValue, output = kNoValue;
  std::vector<int> nodes; ///< in topological order
  std::vector<ValueId> constants;
};

/// Evaluates the region in double precision with `given` in place of its
/// source and, where named, of constants; other constants come from `session`.
/// Nothing if an operator or a constant cannot be evaluated.
std::optional<Array> evaluate(const GraphIndex &index, Session &session,
                              const Region &region,
                              const std::map<ValueId, Array> &given);

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_SESSION_H
