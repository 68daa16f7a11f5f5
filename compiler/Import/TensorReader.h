// Reads TensorProto messages: where an array's bytes lie, not what they are.
#ifndef NEAP_COMPILER_IMPORT_TENSORREADER_H
#define NEAP_COMPILER_IMPORT_TENSORREADER_H

#include "compiler/Import/OnnxModel.h"
#include "compiler/Import/WireReader.h"

namespace neap::onnx {

class TensorReader {
public:
  TensorReader(const Model &model, std::shared_ptr<const MappedFile> modelFile,
               bool allowAbsentData)
      : model(model), modelFile(std::move(modelFile)),
        allowAbsentData(allowAbsentData) {}

  /// Fills `tensor` from a message that lies within the model file. On false,
  /// getError() says why.
  bool read(std::string_view message, Tensor &tensor);
  const std::optional<InputError> &getError() const { return error; }

private:
  /// The parts of the message that only together say where the bytes are.
  struct Source;

  bool fail(const Tensor &tensor, const std::string &message);
  bool readValues(const WireReader &reader, Tensor &tensor, Source &source);
  bool place(Tensor &tensor, const Source &source);
  bool placeInModel(Tensor &tensor, std::string_view bytes);
  bool placeExternal(Tensor &tensor, const Source &source);

  const Model &model;
  std::shared_ptr<const MappedFile> modelFile;
  bool allowAbsentData;
  /// One mapping per external file; null for a file that is absent.
  std::map<std::string, std::shared_ptr<const MappedFile>> externalFiles;
  std::optional<InputError> error;
};

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_TENSORREADER_H
