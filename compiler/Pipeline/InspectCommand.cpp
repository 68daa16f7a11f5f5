#include "compiler/Import/Import.h"
#include "compiler/Pipeline/Commands.h"

#include <iostream>

using namespace neap;

static void printList(const char *title,
                      const std::vector<std::string> &lines) {
  std::cout << title << ":\n";
  for (const std::string &line : lines)
    std::cout << "  " << line << "\n";
}

static std::string describeAliases(const ModuleInfo &module) {
  std::string text;
  for (const std::string &alias : module.aliases)
    text += "  (or " + alias + ")";
  return text;
}

CommandResult neap::runInspect(const std::string &model) {
  InputOr<ModelSummary> summary = inspectModel(model);
  if (!summary)
    return summary.error();
  std::cout << "model: " << model << "\nproducer: " << summary->producer
            << "\nopset: " << summary->opset
            << "\nparameters: " << summary->parameters << " ("
            << summary->parameterBytes << " bytes)\n";
  printList("inputs", summary->inputs);
  printList("outputs", summary->outputs);
  std::cout << "modules LoRA can target:\n";
  for (const ModuleInfo &module : summary->modules)
    std::cout << "  " << module.path << "  " << module.inFeatures << " -> "
              << module.outFeatures
              << (module.isOutputEmbedding ? "  (output projection)" : "")
              << describeAliases(module) << "\n";
  for (const std::string &note : summary->notes)
    std::cerr << "warning: " << note << "\n";
  if (!summary->unsupported.empty())
    printList("operators not supported", summary->unsupported);
  if (!summary->problem.empty())
    std::cout << "cannot be imported: " << summary->problem << "\n";
  return std::nullopt;
}
