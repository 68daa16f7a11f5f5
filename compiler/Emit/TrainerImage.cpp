#include "compiler/Emit/TrainerImage.h"

#include "compiler/Emit/ParameterGroups.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/GlobalVariable.h"

#include <cassert>
#include <cstddef>
#include <cstring>

using namespace neap;

namespace {

/// Builds a constant with the bytes of a C struct and relocations where it has
/// pointers: a packed sequence of byte arrays and pointers.
class StructConstant {
public:
  StructConstant(llvm::Module &module, const void *bytes, size_t size)
      : module(module), bytes(static_cast<const char *>(bytes)), size(size) {}

  /// Fields must be given in ascending order of offset.
  void setPointer(size_t offset, llvm::Constant *value) {
    addBytes(offset);
    elements.push_back(value);
    position = offset + sizeof(void *);
  }
  void setString(size_t offset, const std::string &text) {
    setPointer(offset, createString(text));
  }

  llvm::Constant *finish() {
    addBytes(size);
    return llvm::ConstantStruct::getAnon(module.getContext(), elements,
                                         /*Packed=*/true);
  }

private:
  void addBytes(size_t end) {
    if (end > position)
      elements.push_back(llvm::ConstantDataArray::getString(
          module.getContext(),
          llvm::StringRef(bytes + position, end - position),
          /*AddNull=*/false));
    position = end;
  }

  llvm::Constant *createString(const std::string &text) {
    assert(text.find('\0') == std::string::npos &&
           "the trainer reads C strings");
    auto *data = llvm::ConstantDataArray::getString(module.getContext(), text);
    auto *global = new llvm::GlobalVariable(
        module, data->getType(), /*isConstant=*/true,
        llvm::GlobalValue::PrivateLinkage, data, "neap_text");
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    return global;
  }

  llvm::Module &module;
  const char *bytes;
  size_t size, position = 0;
  std::vector<llvm::Constant *> elements;
};

llvm::GlobalVariable *addConstant(llvm::Module &module, llvm::Constant *value,
                                  llvm::GlobalValue::LinkageTypes linkage,
                                  const char *name) {
  auto *global = new llvm::GlobalVariable(
      module, value->getType(), /*isConstant=*/true, linkage, value, name);
  global->setAlignment(llvm::Align(16));
  return global;
}

llvm::Constant *addEntries(llvm::Module &module,
                           const std::vector<ImageParameter> &entries) {
  std::vector<llvm::Constant *> constants;
  for (const ImageParameter &parameter : entries) {
    neap_parameter fields = {};
    fields.rows = parameter.rows;
    fields.cols = parameter.cols;
    fields.element_offset = parameter.elementOffset;
    fields.transposed = parameter.transposed;
    fields.init = parameter.init;
    fields.init_scale = parameter.initScale;
    StructConstant entry(module, &fields, sizeof(fields));
    entry.setString(offsetof(neap_parameter, key), parameter.key);
    constants.push_back(entry.finish());
  }
  return addConstant(
      module,
      llvm::ConstantStruct::getAnon(module.getContext(), constants, true),
      llvm::GlobalValue::PrivateLinkage, "neap_parameters");
}

llvm::Constant *addGroups(llvm::Module &module,
                          const std::vector<ParameterGroup> &groups) {
  std::vector<llvm::Constant *> constants;
  for (const ParameterGroup &group : groups) {
    neap_parameter_group fields = {};
    fields.count = int32_t(group.entries.size());
    fields.repeat = int32_t(group.repeat);
    fields.first_number = int32_t(group.firstNumber);
    fields.element_stride = group.elementStride;
    StructConstant entry(module, &fields, sizeof(fields));
    entry.setPointer(offsetof(neap_parameter_group, entries),
                     addEntries(module, group.entries));
    constants.push_back(entry.finish());
  }
  return addConstant(
      module,
      llvm::ConstantStruct::getAnon(module.getContext(), constants, true),
      llvm::GlobalValue::PrivateLinkage, "neap_parameter_groups");
}

} // namespace

void neap::addTrainerImage(llvm::Module &module, const TrainerImage &image) {
  struct neap_image fields = image.fields;
  fields.abi_version = NEAP_ABI_VERSION;
  std::vector<ParameterGroup> groups = groupParameters(image.parameters);
  fields.parameter_count = int64_t(image.parameters.size());
  fields.group_count = int64_t(groups.size());
  StructConstant constant(module, &fields, sizeof(fields));
  constant.setString(offsetof(struct neap_image, job_name), image.jobName);
  constant.setString(offsetof(struct neap_image, neap_version),
                     image.neapVersion);
  constant.setString(offsetof(struct neap_image, plan_sha256),
                     image.planSha256);
  constant.setString(offsetof(struct neap_image, weights_sha256),
                     image.weightsSha256);
  constant.setString(offsetof(struct neap_image, model_sha256),
                     image.modelSha256);
  constant.setString(offsetof(struct neap_image, target_triple),
                     image.targetTriple);
  constant.setString(offsetof(struct neap_image, features), image.features);
  constant.setString(offsetof(struct neap_image, adapter_config),
                     image.adapterConfig);
  constant.setString(offsetof(struct neap_image, readme), image.readme);
  constant.setString(offsetof(struct neap_image, lora), image.lora);
  constant.setPointer(offsetof(struct neap_image, groups),
                      addGroups(module, groups));
  auto program = [&](size_t offset, const char *name) {
    llvm::Function *function = module.getFunction(name);
    assert(function && "lowering defines every program");
    function->setLinkage(llvm::GlobalValue::InternalLinkage);
    constant.setPointer(offset, function);
  };
  program(offsetof(struct neap_image, train_row), "train_row");
  program(offsetof(struct neap_image, eval_row), "eval_row");
  program(offsetof(struct neap_image, grad_norm), "grad_norm");
  program(offsetof(struct neap_image, update), "update");
  addConstant(module, constant.finish(), llvm::GlobalValue::ExternalLinkage,
              "neap_image");
}
