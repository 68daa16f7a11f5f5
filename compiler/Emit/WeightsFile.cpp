#include "compiler/Emit/WeightsFile.h"

#include "compiler/Emit/OutputFile.h"
#include "compiler/Import/MappedFile.h"
#include "dialects/Graph/ModulePath.h"
#include "dialects/Plan/PlanDialect.h"
#include "runtime/include/neap/abi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>
#include <cstring>

using namespace mlir;
using namespace neap;

static constexpr int64_t kWeightAlignment = 64;

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

/// The layer a module path belongs to: up to and including its first numbered
/// segment (`model.layers.3`), or the whole path.
static std::string getLayer(StringRef path) {
  SmallVector<StringRef> parts;
  path.split(parts, '.');
  for (size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].empty() && llvm::all_of(parts[i], llvm::isDigit))
      return llvm::join(ArrayRef(parts).take_front(i + 1), ".");
  return path.str();
}

/// A weight and its size, in the order the forward pass first reads it.
struct ChunkWeight {
  std::string name;
  int64_t bytes;
};

/// The weights of each layer.
static std::vector<std::vector<ChunkWeight>> collectChunks(ModuleOp imported) {
  std::vector<std::vector<ChunkWeight>> chunks;
  llvm::StringSet<> seen;
  std::string layer;
  auto forward = *imported.getOps<func::FuncOp>().begin();
  forward.walk([&](Operation *op) {
    for (Value operand : op->getOperands()) {
      auto weight = operand.getDefiningOp<graph::WeightOp>();
      if (!weight || !seen.insert(weight.getDecl()).second)
        continue;
      // Ops without a path (residual norms of old exports) stay with the layer
      // around them.
      std::string here = getLayer(getModulePath(op));
      if (chunks.empty() || (!here.empty() && here != layer)) {
        chunks.emplace_back();
        layer = here;
      }
      chunks.back().push_back(
          {weight.getDecl().str(),
           cast<graph::WeightType>(weight.getType()).getStorageBytes()});
    }
  });
  return chunks;
}

static bool isSmall(const ChunkWeight &weight) {
  return weight.bytes < kStreamedWeightBytes;
}

/// Offsets are relative to the chunk until it is placed.
static WeightsChunk layOutChunk(const std::vector<ChunkWeight> &weights,
                                WeightsLayout &layout) {
  WeightsChunk chunk;
  auto append = [&](const ChunkWeight &weight, int64_t alignment) {
    chunk.bytes = int64_t(llvm::alignTo(chunk.bytes, alignment));
    layout.offsets[weight.name] = chunk.bytes;
    chunk.weights.push_back(weight.name);
    chunk.bytes += weight.bytes;
  };
  for (const ChunkWeight &weight : weights)
    if (isSmall(weight)) {
      append(weight, kWeightAlignment);
      layout.smallOffsets[weight.name] =
          layout.smallBytes + layout.offsets[weight.name];
    }
  chunk.smallBytes = int64_t(llvm::alignTo(chunk.bytes, kWeightAlignment));
  chunk.bytes = chunk.smallBytes;
  layout.smallBytes += chunk.smallBytes;
  for (const ChunkWeight &weight : weights)
    if (!isSmall(weight))
      append(weight, plan::kFetchAlignment);
  return chunk;
}

WeightsLayout neap::layOutWeights(ModuleOp imported) {
  WeightsLayout layout;
  for (const std::vector<ChunkWeight> &weights : collectChunks(imported))
    layout.chunks.push_back(layOutChunk(weights, layout));
  layout.headerBytes = int64_t(
      llvm::alignTo(sizeof(neap_weights_header) +
                        layout.chunks.size() * sizeof(neap_weights_chunk),
                    NEAP_PAGE_BYTES));
  int64_t end = layout.headerBytes;
  for (WeightsChunk &chunk : layout.chunks) {
    chunk.offset = end;
    for (const std::string &name : chunk.weights)
      layout.offsets[name] += chunk.offset;
    end = int64_t(llvm::alignTo(chunk.offset + chunk.bytes, NEAP_PAGE_BYTES));
  }
  layout.fileBytes = end;
  return layout;
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// target[c][r] = source[r][c], in tiles that stay in the cache.
template <typename T>
static void transpose(const char *source, char *target, int64_t rows,
                      int64_t columns) {
  constexpr int64_t kTile = 32;
  for (int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (int64_t c0 = 0; c0 < columns; c0 += kTile)
      for (int64_t r = r0; r < std::min(r0 + kTile, rows); ++r)
        for (int64_t c = c0; c < std::min(c0 + kTile, columns); ++c)
          std::memcpy(target + (c * rows + r) * int64_t(sizeof(T)),
                      source + (r * columns + c) * int64_t(sizeof(T)),
                      sizeof(T));
}

/// Writes one weight in canonical order at `target`.
static std::optional<InputError>
packWeight(graph::WeightDeclOp decl, const DataFiles &files, char *target) {
  auto type = cast<graph::WeightType>(decl.getType());
  int64_t bytes = type.getStorageBytes();
  std::shared_ptr<const MappedFile> file;
  const char *source;
  if (decl.getFile()) {
    auto origin = files.find(decl.getFile()->str());
    assert(origin != files.end() && "import names the file of each weight");
    auto opened = MappedFile::reopen(origin->second);
    if (!opened)
      return InputError{opened.error().file,
                        "tensor '" + decl.getSymName().str() + "'",
                        opened.error().message};
    file = *opened;
    source = file->bytes().data() + decl.getOffset();
  } else {
    auto data = cast<DenseElementsAttr>(*decl.getInlineData());
    if (data.isSplat())
      return fillSplat(data.getRawData(), bytes, target), std::nullopt;
    source = data.getRawData().data();
  }
  if (!decl.getTransposed()) {
    std::memcpy(target, source, size_t(bytes));
    return std::nullopt;
  }
  int64_t rows = type.getShape()[1],
          columns = type.getShape()[0]; // as in the file
  if (type.getElementType().getIntOrFloatBitWidth() == 32)
    transpose<uint32_t>(source, target, rows, columns);
  else
    transpose<uint16_t>(source, target, rows, columns);
  return std::nullopt;
}

/// The header and the chunk table of packed chunks.
static void writeHeader(const WeightsLayout &layout,
                        const std::array<uint8_t, 32> &modelSha256,
                        char *file) {
  neap_weights_header header = {};
  std::memcpy(header.magic, NEAP_WEIGHTS_MAGIC, sizeof(header.magic));
  header.layout_version = NEAP_WEIGHTS_LAYOUT;
  header.chunk_count = uint32_t(layout.chunks.size());
  header.header_bytes = uint64_t(layout.headerBytes);
  header.file_bytes = uint64_t(layout.fileBytes);
  std::copy(modelSha256.begin(), modelSha256.end(), header.model_sha256);
  std::memcpy(file, &header, sizeof(header));
  char *table = file + sizeof(header);
  for (const WeightsChunk &chunk : layout.chunks) {
    neap_weights_chunk entry = {};
    entry.offset = uint64_t(chunk.offset);
    entry.bytes = uint64_t(chunk.bytes);
    entry.small_bytes = uint64_t(chunk.smallBytes);
    entry.checksum =
        llvm::xxHash64(StringRef(file + chunk.offset, size_t(chunk.bytes)));
    std::memcpy(table, &entry, sizeof(entry));
    table += sizeof(entry);
  }
}

InputOr<std::string> neap::writeWeights(
    ModuleOp imported, const WeightsLayout &layout, const DataFiles &files,
    const std::array<uint8_t, 32> &modelSha256, const std::string &path) {
  InputOr<OutputFile> output = OutputFile::create(path, layout.fileBytes);
  if (!output)
    return output.error();
  for (const WeightsChunk &chunk : layout.chunks)
    for (const std::string &name : chunk.weights) {
      auto decl = imported.lookupSymbol<graph::WeightDeclOp>(name);
      if (auto error = packWeight(decl, files,
                                  output->data() + layout.offsets.lookup(name)))
        return *error;
    }
  writeHeader(layout, modelSha256, output->data());
  auto bytes = reinterpret_cast<const uint8_t *>(output->data());
  std::array<uint8_t, 32> digest =
      llvm::SHA256::hash(ArrayRef<uint8_t>(bytes, size_t(layout.headerBytes)));
  if (auto error = output->commit())
    return *error;
  return llvm::toHex(digest, /*LowerCase=*/true);
}
