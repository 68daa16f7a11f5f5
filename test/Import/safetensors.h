// A minimal reader of safetensors files for tests: little-endian f32 and i32.
#ifndef NEAP_TEST_IMPORT_SAFETENSORS_H
#define NEAP_TEST_IMPORT_SAFETENSORS_H

#include "test/Interpret/Interpreter.h"

namespace neap::test {

struct StoredTensor {
  std::string type; ///< safetensors' name: F32, I32, ..
  std::vector<int64_t> shape;
  std::string bytes;

  Matrix matrix() const;                         ///< an F32 array of rank 2
  std::vector<int32_t> row(int64_t index) const; ///< of an I32 array of rank 2
};

/// All tensors of the file by name; empty if it cannot be read.
std::map<std::string, StoredTensor> readSafetensors(const std::string &path);

/// PEFT's adapter as branches by module path, all with one scaling.
std::map<std::string, LoraBranch> readAdapter(const std::string &path,
                                              double scaling);

} // namespace neap::test

#endif // NEAP_TEST_IMPORT_SAFETENSORS_H
