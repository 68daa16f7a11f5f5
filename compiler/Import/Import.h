// ONNX models as modules of the graph dialect.
#ifndef NEAP_COMPILER_IMPORT_IMPORT_H
#define NEAP_COMPILER_IMPORT_IMPORT_H

#include "compiler/Import/MappedFile.h"
#include "compiler/Spec/InputError.h"

#include "dialects/Graph/GraphDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <string>
#include <vector>

namespace neap {

struct ImportOptions {
  /// The longest row, in tokens; at least 2. Masks and tables of positions are
  /// proven for all rows up to it.
  int64_t maxTokens = 0;
  /// Planning needs no weight data: external files may be absent, and weights
  /// may be graph inputs.
  bool shapesOnly = false;
};

/// A linear layer that LoRA could adapt.
struct ModuleInfo {
  /// PyTorch module path, e.g. model.layers.0.self_attn.q_proj; unique.
  std::string path;
  /// Other paths that adapters made for this model may use.
  std::vector<std::string> aliases;
  /// The layer makes the logits (PEFT's all-linear skips it).
  bool isOutputEmbedding = false;
  int64_t inFeatures = 0, outFeatures = 0;
  /// Owned by the module; getModulePath(op) is `path`.
  graph::LinearOp op;
};

struct ImportedModel {
  /// Holds `plan.max_tokens`, graph.weight_decl symbols and
  /// `func.func @forward(%ids: tensor<?xi32>) -> tensor<?xVxf32>`, the logits
  /// of one row. Locations name ONNX nodes (see dialects/Graph/ModulePath.h).
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<ModuleInfo> modules; ///< in the order of the forward pass
  int64_t vocabulary = 0;          ///< columns of the logits
  /// Weights without data (shapesOnly): the model cannot be compiled from this.
  std::vector<std::string> absentWeights;
  /// The files that hold the weights, by the `file` of their declarations.
  std::map<std::string, FileOrigin> files;
  /// Remarks for the user, one line each, lowercase.
  std::vector<std::string> notes;
  /// The head may be the embedding; one of the notes says so.
  bool mayBeTied = false;
};

/// Imports the forward pass of a decoder-only language model. The context must
/// have the func, graph and plan dialects loaded (loadImportDialects).
/// Errors name the ONNX node: operators outside the supported set (all of them
/// in one message), structures that raise to nothing, external data outside
/// the model's folder, rows longer than the model's positions.
InputOr<ImportedModel> importModel(mlir::MLIRContext &context,
                                   const std::string &path,
                                   const ImportOptions &options);

void loadImportDialects(mlir::MLIRContext &context);

/// What `neap inspect` shows; available for models that cannot be imported.
struct ModelSummary {
  std::string producer;
  int64_t opset = 0;
  std::vector<std::string> inputs, outputs; ///< `name: TYPE[dims]`
  int64_t parameters = 0,
          parameterBytes = 0;      ///< float weights, a tied one once
  std::vector<ModuleInfo> modules; ///< `op` is null
  /// `OpType (node)`, one per kind of operator, with the number of nodes.
  std::vector<std::string> unsupported;
  std::vector<std::string> notes; ///< as of ImportedModel
  /// The head may be the embedding, which only absent data would tell: then
  /// `parameters` counts it twice.
  bool mayCountTiedTwice = false;
  /// Why the model cannot be imported, empty if it can.
  std::string problem;
};

/// Error: the file cannot be read as an ONNX model.
InputOr<ModelSummary> inspectModel(const std::string &path);

} // namespace neap

#endif // NEAP_COMPILER_IMPORT_IMPORT_H
