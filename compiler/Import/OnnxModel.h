// An ONNX model as plain data. Tensors name their bytes instead of holding
// them, so that a model of any size is read in memory of its graph's size.
#ifndef NEAP_COMPILER_IMPORT_ONNXMODEL_H
#define NEAP_COMPILER_IMPORT_ONNXMODEL_H

#include "compiler/Import/MappedFile.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neap::onnx {

/// onnx.proto's TensorProto.DataType: the types that Neap knows by name.
enum class ElementType : int {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13,
  BFloat16 = 16
};

bool isFloatType(ElementType type);
/// Bytes of one element; 0 for types without a fixed size of whole bytes.
int64_t elementBytes(ElementType type);
/// ONNX's own name, e.g. `FLOAT16`; the number for types unknown to Neap.
std::string elementTypeName(ElementType type);

/// Product of `shape`; nothing on overflow or a negative dimension.
std::optional<int64_t> elementCount(const std::vector<int64_t> &shape);
/// `[2, 3]`.
std::string shapeText(const std::vector<int64_t> &shape);

/// A constant array: type, shape and where its little-endian, row-major bytes
/// lie. Exactly one of `file` (with offset and bytes) and `inlineBytes` is
/// used.
struct Tensor {
  std::string name;
  ElementType type = ElementType::Undefined;
  std::vector<int64_t> shape;
  std::string file;   ///< relative to the model's folder; empty: inlineBytes
  int64_t offset = 0; ///< first byte within `file`
  int64_t bytes = 0;  ///< elementCount(shape) * elementBytes(type)
  std::string inlineBytes;
  /// The file is not there, which only planning tolerates.
  bool absent = false;
  /// The mapped file behind `file`, null when absent or inline.
  std::shared_ptr<const MappedFile> mapping;

  /// The array's bytes; empty when absent.
  std::string_view data() const;
};

struct Graph;

struct Attribute {
  std::string name;
  std::optional<int64_t> integer;
  std::optional<float> number;
  std::optional<std::string> text;
  std::vector<int64_t> integers;
  std::vector<float> numbers;
  std::shared_ptr<Tensor> tensor;
  std::shared_ptr<Graph> graph;
};

struct Node {
  std::string name, opType, domain;
  std::vector<std::string> inputs, outputs; ///< an omitted one is empty
  std::vector<Attribute> attributes;
  std::map<std::string, std::string> metadata;

  const Attribute *find(std::string_view name) const;
  int64_t integer(std::string_view name, int64_t otherwise) const;
  double number(std::string_view name, double otherwise) const;
  /// The name, or `OpType 'first output'` where the exporter gave none.
  std::string label() const;
};

struct Dimension {
  std::optional<int64_t> value;
  std::string symbol; ///< empty for a known or an anonymous dimension
};

struct ValueInfo {
  std::string name;
  ElementType type = ElementType::Undefined;
  bool hasShape = false;
  std::vector<Dimension> shape;
};

struct Graph {
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs, outputs;
};

/// The versions of the default operator set at which whole models were read:
/// to 18 in the tests; exports of PyTorch 2.13 at 20 and 21 gave its losses. By
/// their schemas, the operators that Neap reads stay the same up to 28 (ONNX
/// 1.23), but for casts to 8-bit floats and the type that Range adds up in.
constexpr int64_t kFirstTestedOpset = 11, kLastTestedOpset = 21;

struct Model {
  std::string path;   ///< as the user wrote it
  std::string folder; ///< of `path`; external data lie below it
  std::string file;   ///< last component of `path`
  std::string producer;
  int64_t opset = 0; ///< version of the default operator set
  Graph graph;
};

/// A remark on a model outside the tested versions, else empty: its operators
/// are read as in the nearest of them.
std::string opsetRemark(const Model &model);

} // namespace neap::onnx

#endif // NEAP_COMPILER_IMPORT_ONNXMODEL_H
