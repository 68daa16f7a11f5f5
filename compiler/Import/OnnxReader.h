// Reads .onnx files without loading their weights.
#ifndef NEAP_COMPILER_IMPORT_ONNXREADER_H
#define NEAP_COMPILER_IMPORT_ONNXREADER_H

#include "compiler/Import/OnnxModel.h"
#include "compiler/Spec/InputError.h"

namespace neap::onnx {

/// Reads the model at `path`. Weights stay in their files: tensors refer to
/// ranges of memory maps that the result keeps open. External data files must
/// lie inside the model's folder (see MappedFile::openBelow); with
/// `allowAbsentData` they may be missing and their tensors are marked absent.
/// Errors: unreadable or malformed files (any bytes are safe to try), tensors
/// whose data do not fit their shape, constructs outside tensors and graphs.
InputOr<Model> readModel(const std::string &path, bool allowAbsentData);

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_ONNXREADER_H
