// What each graph input means and which array stands for it at import.
#ifndef NEAP_COMPILER_IMPORT_INPUTBINDING_H
#define NEAP_COMPILER_IMPORT_INPUTBINDING_H

#include "compiler/Import/Array.h"
#include "compiler/Import/GraphIndex.h"

namespace neap::onnx {

enum class InputRole {
  Tokens,    ///< the ids: the only input whose contents stay unknown
  Mask,      ///< attention mask: ones, every token is real
  Positions, ///< 0, 1, 2, ..
  Past,      ///< cached keys and values: of length 0
  Weight     ///< a weight passed as an input: shape only
};

/// Rows of a batch are independent in a language model, so one row is bound:
/// a symbolic batch becomes 1, a fixed one stays and all rows are alike.
class InputBinding {
public:
  /// Error: no token ids, an input that Neap cannot give a value to.
  static InputOr<InputBinding> analyse(const GraphIndex &index);

  ValueId tokens() const { return tokenIds; }
  int64_t batch() const { return batchSize; }
  /// Row length of an export that fixes it.
  std::optional<int64_t> fixedTokens() const { return fixedSize; }
  const std::map<ValueId, InputRole> &roles() const { return inputRoles; }

  /// Arrays of all inputs for rows of `count` tokens.
  std::map<ValueId, Array> bind(const GraphIndex &index, int64_t count) const;

private:
  std::optional<InputError> findTokens(const GraphIndex &index);
  std::optional<InputError> assign(const GraphIndex &index, ValueId id);

  ValueId tokenIds = kNoValue;
  int64_t batchSize = 1;
  std::optional<int64_t> fixedSize;
  std::string batchSymbol, tokenSymbol;
  std::map<ValueId, InputRole> inputRoles;
};

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_INPUTBINDING_H
