#include "compiler/Import/Import.h"
#include "compiler/Pipeline/Commands.h"

#include <iostream>

using namespace neap;

static void printList(const char *title,
                      const std::vector<std::string> &lines) {
  if (lines.empty())
    return;
  std::cout << title << ":\n";
  for (const std::string &line : lines)
    std::cout << "  " << maskText(line) << "\n";
}

static std::string describeModule(const ModuleInfo &module) {
  std::string text = module.path + "  " + std::to_string(module.inFeatures) +
                     " -> " + std::to_string(module.outFeatures);
  if (module.isOutputEmbedding)
    text += "  (output projection, not supported)";
  for (const std::string &alias : module.aliases)
    text += "  (or " + alias + ")";
  return text;
}

CommandResult neap::runInspect(const std::string &model) {
  InputOr<ModelSummary> summary = inspectModel(model);
  if (!summary)
    return summary.error();
  std::cout << "model: " << maskText(model)
            << "\nproducer: " << maskText(summary->producer)
            << "\nopset: " << summary->opset
            << "\nparameters: " << summary->parameters << " ("
            << summary->parameterBytes << " bytes)"
            << (summary->mayCountTiedTwice
                    ? " (the tied embedding counted twice?)\n"
                    : "\n");
  printList("inputs", summary->inputs);
  printList("outputs", summary->outputs);
  std::vector<std::string> modules;
  for (const ModuleInfo &module : summary->modules)
    modules.push_back(describeModule(module));
  printList("modules LoRA can target", modules);
  for (const std::string &note : summary->notes)
    std::cerr << "warning: " << maskText(note) << "\n";
  printList("operators not supported", summary->unsupported);
  if (!summary->problem.empty())
    return CommandError(ExitCode::InvalidInput, summary->problem);
  return std::nullopt;
}
