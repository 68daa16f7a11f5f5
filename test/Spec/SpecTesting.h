// What the tests of the spec readers share.
#ifndef NEAP_TEST_SPEC_SPECTESTING_H
#define NEAP_TEST_SPEC_SPECTESTING_H

#include "compiler/Spec/InputError.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

namespace neap {

/// The whole diagnostic of a result that must be an error.
template <typename T> std::string errorText(const InputOr<T> &result) {
  return result ? "no error" : result.error().text();
}

/// `base` with `patch` merged in; a null in the patch removes the field.
inline std::string patched(const char *base, const std::string &patch) {
  nlohmann::ordered_json document = nlohmann::ordered_json::parse(base);
  document.merge_patch(nlohmann::ordered_json::parse(patch));
  return document.dump();
}

/// Hands `read` every prefix of `text` and 2000 copies with a few random bytes
/// replaced, removed or doubled. Each must come back as a value or a message.
template <typename Read>
void expectSurvivesMutations(const std::string &text, Read read) {
  std::mt19937 random(7); // the engine's sequence is fixed by the standard
  auto check = [&](const std::string &input) {
    auto result = read(input);
    if (!result) {
      EXPECT_FALSE(result.error().message.empty()) << input;
      EXPECT_EQ(result.error().file, "m.json") << input;
    }
  };
  for (size_t end = 0; end < text.size(); ++end)
    check(text.substr(0, end));
  const std::string bytes = "{}[]\":,\\0-9.eEtfn \n\x01\xff(*";
  for (int round = 0; round < 2000; ++round) {
    std::string input = text;
    for (int edit = 0; edit < 3; ++edit) {
      size_t at = random() % input.size();
      switch (random() % 3) {
      case 0:
        input[at] = bytes[random() % bytes.size()];
        break;
      case 1:
        input.erase(at, 1 + random() % 4);
        break;
      default:
        input.insert(at, input.substr(at, random() % 16));
      }
    }
    check(input);
  }
}

} // namespace neap

#endif // NEAP_TEST_SPEC_SPECTESTING_H
