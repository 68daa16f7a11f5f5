#include "compiler/Import/Import.h"

#include "compiler/Import/ModuleNames.h"
#include "compiler/Import/OnnxReader.h"
#include "compiler/Import/Raiser.h"

#include "dialects/Plan/PlanDialect.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstring>
#include <pthread.h>

using namespace mlir;

namespace neap {
namespace {

using namespace onnx;

/// Tokens of the two small bindings. They differ so that a size that only
/// happens to equal the row length shows; neither is a usual head count.
constexpr int64_t kSmallTokens = 5, kOtherSmallTokens = 7;
/// Longest row whose square mask is evaluated: 32 MiB per array.
constexpr int64_t kMaskTokens = 1024;
/// Raising recurses along the graph, 1 to 2 KiB per value.
constexpr unsigned kStackBytes = 512u << 20;
constexpr size_t kMaximumListed = 40;
/// Any row length shows the same modules.
constexpr int64_t kInspectedTokens = 8;

std::string shownType(const ValueInfo &info) {
  std::string text = info.name + ": " + elementTypeName(info.type) + "[";
  for (size_t i = 0; i < info.shape.size(); ++i) {
    const Dimension &dimension = info.shape[i];
    text += i ? ", " : "";
    text += dimension.value             ? std::to_string(*dimension.value)
            : !dimension.symbol.empty() ? dimension.symbol
                                        : "?";
  }
  return text + "]";
}

/// The output that holds logits: by name, or the first that is no cache.
ValueId findLogits(const GraphIndex &index,
                   const std::vector<bool> &dependent) {
  ValueId first = kNoValue;
  for (const ValueInfo &info : index.model().graph.outputs) {
    ValueId id = index.find(info.name);
    if (info.name == "logits")
      return id;
    if (first == kNoValue && dependent[id] &&
        info.name.find("present") == std::string::npos)
      first = id;
  }
  return first;
}

std::vector<const Node *> findUnsupported(const GraphIndex &index,
                                          ValueId logits) {
  std::vector<const Node *> nodes;
  for (int node : index.ancestors(logits))
    if (!findOperator(*index.nodes()[node].node))
      nodes.push_back(index.nodes()[node].node);
  return nodes;
}

std::string shownOperator(const Node &node) {
  return node.domain.empty() ? node.opType : node.domain + "." + node.opType;
}

InputError unsupportedError(const GraphIndex &index,
                            const std::vector<const Node *> &nodes) {
  std::string message = std::to_string(nodes.size()) +
                        " nodes have operators that are not supported";
  for (size_t i = 0; i < nodes.size() && i < kMaximumListed; ++i)
    message +=
        "\n  " + shownOperator(*nodes[i]) + " at '" + nodes[i]->label() + "'";
  if (nodes.size() > kMaximumListed)
    message +=
        "\n  and " + std::to_string(nodes.size() - kMaximumListed) + " more";
  return {index.model().path, "", message};
}

/// One import: the graph under its bindings, raised and checked.
class Importer {
public:
  Importer(MLIRContext &context, const Model &model, const GraphIndex &index,
           const InputBinding &binding, const ImportOptions &options)
      : context(context), model(model), index(index), binding(binding),
        options(options),
        dependent(findTokenDependent(index, binding.tokens())) {}

  InputOr<ImportedModel> run();

private:
  struct Lengths {
    int64_t structure, masks, positions;
  };
  InputOr<ImportedModel> raise(ValueId logits, Lengths lengths);
  std::string printed(ModuleOp module) const;

  MLIRContext &context;
  const Model &model;
  const GraphIndex &index;
  const InputBinding &binding;
  const ImportOptions &options;
  std::vector<bool> dependent;
};

InputOr<ImportedModel> Importer::run() {
  if (options.maxTokens < 2)
    return InputError{model.path, "",
                      "expected rows of at least 2 tokens, but found " +
                          std::to_string(options.maxTokens)};
  ValueId logits = findLogits(index, dependent);
  if (logits == kNoValue)
    return InputError{model.path, "", "no output depends on the token ids"};
  if (auto nodes = findUnsupported(index, logits); !nodes.empty())
    return unsupportedError(index, nodes);
  if (std::optional<int64_t> fixed = binding.fixedTokens()) {
    if (options.maxTokens > *fixed)
      return InputError{model.path, index.value(binding.tokens()).name,
                        "rows of " + std::to_string(options.maxTokens) +
                            " tokens are longer than the model's fixed " +
                            std::to_string(*fixed) + " positions"};
    return raise(logits, {*fixed, *fixed, *fixed});
  }
  int64_t masks = std::min(options.maxTokens, kMaskTokens);
  Lengths lengths = {std::min(kSmallTokens, options.maxTokens), masks,
                     options.maxTokens};
  InputOr<ImportedModel> result = raise(logits, lengths);
  if (!result)
    return result;
  // Raised at another length, the same graph must come out: nothing was taken
  // for structure that only one length has.
  lengths.structure = lengths.structure == kSmallTokens &&
                              options.maxTokens >= kOtherSmallTokens
                          ? kOtherSmallTokens
                          : lengths.structure - 1;
  if (lengths.structure < 2)
    return result;
  InputOr<ImportedModel> other = raise(logits, lengths);
  if (!other)
    return other;
  if (printed(*result->module) != printed(*other->module))
    return InputError{
        model.path, "",
        "the graph computes different things for rows of different "
        "length"};
  return result;
}

std::string Importer::printed(ModuleOp module) const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, OpPrintingFlags().elideLargeElementsAttrs());
  return text;
}

InputOr<ImportedModel> Importer::raise(ValueId logits, Lengths lengths) {
  Session structure(index, binding.bind(index, lengths.structure));
  std::optional<Session> masks, positions;
  if (lengths.masks != lengths.structure)
    masks.emplace(index, binding.bind(index, lengths.masks));
  if (lengths.positions != lengths.masks)
    positions.emplace(index, binding.bind(index, lengths.positions));
  Session &maskSession = masks ? *masks : structure;
  Session &positionSession = positions ? *positions : maskSession;
  Matching matching{index,
                    dependent,
                    structure,
                    lengths.structure,
                    maskSession,
                    lengths.masks,
                    positionSession,
                    lengths.positions,
                    options.maxTokens};
  ImportedModel result;
  OpBuilder builder(&context);
  Location loc = NameLoc::get(builder.getStringAttr(model.file));
  result.module = ModuleOp::create(loc);
  (*result.module)
      ->setAttr(plan::kMaxTokensAttr,
                builder.getI64IntegerAttr(options.maxTokens));
  builder.setInsertionPointToEnd(result.module->getBody());
  auto idsType =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  auto function = func::FuncOp::create(builder, loc, "forward",
                                       builder.getFunctionType({idsType}, {}));
  WeightTable weights(*result.module, matching);
  Raiser raiser(function, matching, binding, weights);
  if (!raiser.raise(logits))
    return raiser.getError();
  if (!options.shapesOnly && !weights.absent().empty())
    return InputError{model.path, "weight '" + *weights.absent().begin() + "'",
                      "the weight has no data: it is a graph input"};
  result.absentWeights.assign(weights.absent().begin(), weights.absent().end());
  for (auto decl : result.module->getOps<graph::WeightDeclOp>())
    if (const Tensor *tensor = weights.tensorOf(decl);
        tensor && tensor->mapping)
      result.files.emplace(tensor->file, tensor->mapping->getOrigin());
  for (RaisedLinear linear : raiser.linears()) {
    auto shape =
        cast<graph::WeightType>(linear.op.getWeight().getType()).getShape();
    result.modules.push_back({linear.path, findModuleAliases(linear.path),
                              false, shape[1], shape[0], linear.op});
  }
  result.modules.back().isOutputEmbedding = true;
  if (std::string remark = opsetRemark(model); !remark.empty())
    result.notes.push_back(remark);
  result.vocabulary = result.modules.back().outFeatures;
  auto head =
      result.modules.back().op.getWeight().getDefiningOp<graph::WeightOp>();
  if (std::string remark = weights.untiedRemark(
          result.module->lookupSymbol<graph::WeightDeclOp>(head.getDecl()));
      !remark.empty()) {
    result.notes.push_back(remark);
    result.mayBeTied = true;
  }
  if (failed(verify(*result.module)))
    return InputError{model.path, "",
                      "internal error: the imported module is not valid"};
  return result;
}

InputOr<ImportedModel> importOnThread(MLIRContext &context,
                                      const std::string &path,
                                      const ImportOptions &options) {
  InputOr<Model> model = readModel(path, options.shapesOnly);
  if (!model)
    return model.error();
  InputOr<GraphIndex> index = GraphIndex::build(*model);
  if (!index)
    return index.error();
  InputOr<InputBinding> binding = InputBinding::analyse(*index);
  if (!binding)
    return binding.error();
  return Importer(context, *model, *index, *binding, options).run();
}

/// Float elements that the graph uses: initializers and weights as inputs.
void countParameters(const GraphIndex &index, ModelSummary &summary) {
  for (const ValueEntry &value : index.values()) {
    std::optional<int64_t> count;
    ElementType type = ElementType::Undefined;
    if (value.initializer) {
      type = value.initializer->type;
      count = elementCount(value.initializer->shape);
    } else if (value.input && value.input->hasShape) {
      type = value.input->type;
      std::vector<int64_t> shape;
      for (const Dimension &dimension : value.input->shape)
        shape.push_back(dimension.value.value_or(-1));
      count = elementCount(shape);
    }
    if (!count || !isFloatType(type) || value.uses == 0)
      continue;
    summary.parameters += *count;
    summary.parameterBytes += *count * elementBytes(type);
  }
}

/// The same for a model that was imported: a tied weight counts once.
void countDeclared(ModuleOp module, ModelSummary &summary) {
  summary.parameters = summary.parameterBytes = 0;
  for (auto decl : module.getOps<graph::WeightDeclOp>()) {
    auto type = cast<graph::WeightType>(decl.getType());
    bool isComputedTable = !decl.getFile() && type.getShape().size() == 2;
    if (isComputedTable)
      continue;
    summary.parameters += ShapedType::getNumElements(type.getShape());
    summary.parameterBytes += type.getStorageBytes();
  }
}

/// One line per kind of operator with its number and its first node.
std::vector<std::string>
listUnsupported(const std::vector<const Node *> &nodes) {
  std::map<std::string, std::pair<int, const Node *>> kinds;
  for (const Node *node : nodes) {
    auto &kind = kinds.try_emplace(shownOperator(*node), 0, node).first->second;
    ++kind.first;
  }
  std::vector<std::string> lines;
  for (const auto &[name, kind] : kinds)
    lines.push_back(name + " (" + std::to_string(kind.first) + ", first at '" +
                    kind.second->label() + "')");
  return lines;
}

void summarise(const GraphIndex &index, ModelSummary &summary) {
  const Graph &graph = index.model().graph;
  for (const ValueInfo &info : graph.inputs)
    if (index.value(index.find(info.name)).input)
      summary.inputs.push_back(shownType(info));
  for (const ValueInfo &info : graph.outputs)
    summary.outputs.push_back(shownType(info));
  countParameters(index, summary);
  InputOr<InputBinding> binding = InputBinding::analyse(index);
  if (!binding) {
    summary.problem = binding.error().text();
    return;
  }
  ValueId logits =
      findLogits(index, findTokenDependent(index, binding->tokens()));
  if (logits != kNoValue)
    summary.unsupported = listUnsupported(findUnsupported(index, logits));
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadImportDialects(context);
  ImportOptions options;
  options.maxTokens = std::min<int64_t>(
      binding->fixedTokens().value_or(kInspectedTokens), kInspectedTokens);
  options.shapesOnly = true;
  InputOr<ImportedModel> imported =
      Importer(context, index.model(), index, *binding, options).run();
  if (!imported) {
    summary.problem = imported.error().text();
    return;
  }
  countDeclared(*imported->module, summary);
  summary.notes = imported->notes;
  summary.mayCountTiedTwice = imported->mayBeTied;
  summary.modules = imported->modules;
  for (ModuleInfo &info : summary.modules)
    info.op = nullptr;
}

InputOr<ModelSummary> inspectOnThread(const std::string &path) {
  InputOr<Model> model = readModel(path, /*allowAbsentData=*/true);
  if (!model)
    return model.error();
  InputOr<GraphIndex> index = GraphIndex::build(*model);
  if (!index)
    return index.error();
  ModelSummary summary;
  summary.producer = model->producer;
  summary.opset = model->opset;
  summarise(*index, summary);
  return summary;
}

/// Runs `work` where recursion along a deep graph has room; false, with errno,
/// if there is none. llvm::thread would end the program.
bool runWithDeepStack(llvm::function_ref<void()> work) {
  auto start = [](void *work) -> void * {
    (*static_cast<llvm::function_ref<void()> *>(work))();
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread;
  int error = pthread_attr_setstacksize(&attributes, kStackBytes);
  if (!error)
    error = pthread_create(&thread, &attributes, start, &work);
  pthread_attr_destroy(&attributes);
  if (!error)
    pthread_join(thread, nullptr);
  errno = error;
  return !error;
}

InputError noStackError(const std::string &path) {
  return {path, "",
          "cannot start a thread with a stack of " +
              std::to_string(kStackBytes >> 20) +
              " MiB to read the model: " + std::strerror(errno)};
}

} // namespace

void loadImportDialects(MLIRContext &context) {
  context
      .loadDialect<func::FuncDialect, graph::GraphDialect, plan::PlanDialect>();
}

InputOr<ImportedModel> importModel(MLIRContext &context,
                                   const std::string &path,
                                   const ImportOptions &options) {
  std::optional<InputOr<ImportedModel>> result;
  if (!runWithDeepStack(
          [&] { result.emplace(importOnThread(context, path, options)); }))
    return noStackError(path);
  return std::move(*result);
}

InputOr<ModelSummary> inspectModel(const std::string &path) {
  std::optional<InputOr<ModelSummary>> result;
  if (!runWithDeepStack([&] { result.emplace(inspectOnThread(path)); }))
    return noStackError(path);
  return std::move(*result);
}

} // namespace neap
