// model.weights: the frozen base weights in the layout the trainer maps.
//
// The file depends on the model and the layout version alone, so that every
// plan of a model shares it:
//
//   header | chunk table | pad | layer 0 weights | pad | layer 1 weights | ...
//
// A chunk holds the weights of one layer: the small ones first, each 64-byte
// aligned, then the others, each 4 KiB-aligned so that direct input can read it
// alone; both in the order the forward pass first reads them. Chunks are
// 16 KiB-aligned and checksummed.
// Rank-2 weights are stored output features first whatever the model file does.
#ifndef NEAP_COMPILER_EMIT_WEIGHTSFILE_H
#define NEAP_COMPILER_EMIT_WEIGHTSFILE_H

#include "compiler/Import/MappedFile.h"
#include "compiler/Spec/InputError.h"

#include "dialects/Graph/GraphDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <array>
#include <map>
#include <string>
#include <vector>

namespace neap {

/// Weights from this size on can be streamed; smaller ones are kept resident
/// where others are streamed.
constexpr int64_t kStreamedWeightBytes = 64 << 10;

struct WeightsChunk {
  int64_t offset = 0, bytes = 0;
  int64_t smallBytes = 0; ///< of the leading small weights, a multiple of 64
  std::vector<std::string> weights; ///< names of graph.weight_decl, in order
};

struct WeightsLayout {
  std::vector<WeightsChunk> chunks;
  llvm::StringMap<int64_t> offsets; ///< weight -> bytes from the file's start
  /// Small weight -> bytes from the start of the copy that holds the small
  /// weights of all chunks one after the other.
  llvm::StringMap<int64_t> smallOffsets;
  int64_t smallBytes = 0;
  int64_t headerBytes = 0;
  int64_t fileBytes = 0;
};

/// Lays out every weight that @forward of an imported module uses. Needs shapes
/// only.
WeightsLayout layOutWeights(mlir::ModuleOp imported);

/// The model's files, by the `file` of weight declarations.
using DataFiles = std::map<std::string, FileOrigin>;

/// Packs the weights one at a time from the model's files into `path`, which
/// appears whole or not at all. Returns the file's identity: the SHA-256 of its
/// header, hexadecimal. Error, with the tensor: a file is no longer the one
/// that was imported.
InputOr<std::string> writeWeights(mlir::ModuleOp imported,
                                  const WeightsLayout &layout,
                                  const DataFiles &files,
                                  const std::array<uint8_t, 32> &modelSha256,
                                  const std::string &path);

} // namespace neap
#endif
