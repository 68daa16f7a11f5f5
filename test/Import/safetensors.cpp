#include "test/Import/safetensors.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace neap::test {

Matrix StoredTensor::matrix() const {
  Matrix result(shape.at(0), shape.at(1));
  for (size_t i = 0; i < result.data.size(); ++i) {
    float value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    result.data[i] = value;
  }
  return result;
}

std::vector<int32_t> StoredTensor::row(int64_t index) const {
  std::vector<int32_t> values(shape.at(1));
  std::memcpy(values.data(), bytes.data() + index * shape[1] * sizeof(int32_t),
              values.size() * sizeof(int32_t));
  return values;
}

std::map<std::string, StoredTensor> readSafetensors(const std::string &path) {
  std::map<std::string, StoredTensor> tensors;
  std::ifstream stream(path, std::ios::binary);
  std::string file((std::istreambuf_iterator<char>(stream)),
                   std::istreambuf_iterator<char>());
  uint64_t headerBytes = 0;
  if (file.size() < sizeof headerBytes)
    return tensors;
  std::memcpy(&headerBytes, file.data(), sizeof headerBytes);
  nlohmann::json header = nlohmann::json::parse(file.substr(8, headerBytes));
  for (const auto &[name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    uint64_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    tensors[name] = {entry["dtype"], entry["shape"],
                     file.substr(8 + headerBytes + begin, end - begin)};
  }
  return tensors;
}

std::map<std::string, LoraBranch> readAdapter(const std::string &path,
                                              double scaling) {
  const std::string prefix = "base_model.model.", first = ".lora_A.weight",
                    second = ".lora_B.weight";
  std::map<std::string, LoraBranch> branches;
  for (const auto &[name, tensor] : readSafetensors(path)) {
    bool isFirst = name.find(first) != std::string::npos;
    std::string module =
        name.substr(prefix.size(), name.size() - prefix.size() - first.size());
    LoraBranch &branch = branches[module];
    (isFirst ? branch.a : branch.b) = tensor.matrix();
    branch.scaling = scaling;
  }
  return branches;
}

} // namespace neap::test
