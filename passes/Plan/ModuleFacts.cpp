//===- ModuleFacts.cpp - Handles, inputs and programs ---------------------===//

#include "passes/Plan/ModuleFacts.h"

#include "dialects/Interfaces/Interfaces.h"
#include "dialects/Plan/PlanDialect.h"
#include "runtime/include/neap/abi.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

#include <set>

using namespace mlir;

namespace neap {
namespace {

/// Storage symbols by what kind of handle names them.
struct Handles {
  llvm::StringMap<HandleTypeInterface> weights, parameters;
};

Handles collectHandles(ModuleOp module) {
  Handles handles;
  module.walk([&](HandleOpInterface op) {
    auto type = cast<HandleTypeInterface>(op->getResult(0).getType());
    auto &table = op.getHandleSpace() == HandleSpace::Weights
                      ? handles.weights
                      : handles.parameters;
    table.try_emplace(op.getStorageSymbol().getValue(), type);
  });
  return handles;
}

int64_t countElements(HandleTypeInterface type) {
  int64_t elements = 1;
  for (int64_t size : type.getShape())
    elements *= size;
  return elements;
}

/// Goes through the declarations in order, so that layouts follow it.
LogicalResult collectDeclarations(ModuleOp module, ModuleFacts &facts) {
  Handles handles = collectHandles(module);
  std::set<StringRef> parameterKinds;
  for (Operation &op : *module.getBody())
    if (auto symbol = dyn_cast<SymbolOpInterface>(op);
        symbol && handles.parameters.contains(symbol.getName()))
      parameterKinds.insert(op.getName().getStringRef());
  for (Operation &op : *module.getBody()) {
    auto symbol = dyn_cast<SymbolOpInterface>(op);
    if (!symbol)
      continue;
    if (auto parameter = handles.parameters.find(symbol.getName());
        parameter != handles.parameters.end())
      facts.demand.parameters.push_back(
          {symbol.getName().str(), 0, countElements(parameter->second)});
    else if (parameterKinds.count(op.getName().getStringRef()) &&
             !handles.weights.contains(symbol.getName()))
      return op.emitOpError()
             << "declares '" << symbol.getName() << "', which no program uses";
    auto weight = handles.weights.find(symbol.getName());
    if (weight == handles.weights.end())
      continue;
    int64_t bytes = weight->second.getStorageBytes();
    ++facts.weightCount;
    facts.weightBytes += bytes;
    facts.weightsFileBytes += llvm::alignTo(bytes, NEAP_PAGE_BYTES);
  }
  int64_t header = sizeof(neap_weights_header) +
                   facts.weightCount * sizeof(neap_weights_chunk);
  facts.weightsFileBytes += llvm::alignTo(header, NEAP_PAGE_BYTES);
  return success();
}

/// Argument i of every program is the same input. Rows arrive whole, with one
/// token more than is computed: the last one is a label only.
void collectInputs(ModuleFacts &facts) {
  std::vector<int64_t> &inputs = facts.demand.inputBytes;
  for (const ExtractedProgram &program : facts.programs)
    for (BlockArgument argument :
         program.getFunction().getBody().front().getArguments()) {
      unsigned index = argument.getArgNumber();
      if (index >= inputs.size())
        inputs.resize(index + 1, 0);
      inputs[index] =
          std::max(inputs[index], getTypeBytes(argument.getType(),
                                               facts.target.maxTokens + 1));
    }
}

} // namespace

FailureOr<ModuleFacts> collectModuleFacts(ModuleOp module) {
  ModuleFacts facts;
  facts.target = plan::getKernelTarget(module);
  facts.demand.threads = facts.target.maxThreads;
  if (failed(collectDeclarations(module, facts)))
    return failure();
  DeviceRates rates = getDeviceRates(module);
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    FailureOr<ExtractedProgram> program =
        extractProgram(function, facts.target, rates);
    if (failed(program))
      return failure();
    for (const ScheduleValue &value : program->schedule.values)
      facts.demand.slotAlignment =
          std::max(facts.demand.slotAlignment, value.alignment);
    facts.programs.push_back(std::move(*program));
  }
  collectInputs(facts);
  return facts;
}

} // namespace neap
