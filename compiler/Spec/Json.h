// JSON as Neap reads it: strict, with places in every error.
//
// Stricter than the library below it in two ways: a key may appear once in an
// object, and nesting is limited, so that hostile input cannot exhaust a stack.
#ifndef NEAP_COMPILER_SPEC_JSON_H
#define NEAP_COMPILER_SPEC_JSON_H

#include "compiler/Spec/InputError.h"
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace neap {

/// Objects keep the order of the file: PEFT's patterns are tried in it.
using Json = nlohmann::ordered_json;

/// Parses `text`; `file` is used in errors only. A syntax error names line and
/// column, a duplicate key its JSON path.
InputOr<Json> parseJson(std::string_view text, const std::string &file);

/// Reads and parses a file of at most `maxBytes`.
InputOr<Json> readJson(const std::string &file, uint64_t maxBytes = 64u << 20);

/// Reads a whole file of at most `maxBytes`.
InputOr<std::string> readTextFile(const std::string &file, uint64_t maxBytes);

/// `parent.key`, or `parent["odd key"]` where the key is not a plain name.
std::string jsonPath(const std::string &parent, const std::string &key);
std::string jsonPath(const std::string &parent, size_t index);

/// The value as an error message shows it: compact, at most 60 characters.
std::string showJson(const Json &value);

/// Null, false, "", [] and {}: what configuration writers store for "not set".
bool isUnset(const Json &value);

/// The shortest decimal form that reads back as `value`.
std::string formatNumber(double value);

/// A closed interval, or half-open where `openAbove` is set. With `float32` the
/// number is tested as the trainer will see it, and may not round to zero.
struct NumberRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool openBelow = false;
  bool openAbove = false;
  bool float32 = false;
};

/// Typed access to the fields of one object. The first error sticks and later
/// calls do nothing, so that a reader is a list of fields followed by one test.
/// An absent or null field leaves its output untouched; a field that was asked
/// for counts as known.
class FieldReader {
public:
  /// `object` must outlive the reader. An error is recorded at once where it
  /// is not an object.
  FieldReader(const Json &object, std::string file, std::string path = "");

  /// Marks the field as known and returns it, null where absent, null or after
  /// an error.
  const Json *find(const std::string &name);

  void integer(const std::string &name, int64_t &out,
               int64_t min = std::numeric_limits<int64_t>::min(),
               int64_t max = std::numeric_limits<int64_t>::max());
  void number(const std::string &name, double &out, NumberRange range = {});
  void boolean(const std::string &name, bool &out);
  void text(const std::string &name, std::string &out);
  void textList(const std::string &name, std::vector<std::string> &out);

  /// Records an error where a field is absent or null.
  void require(const std::string &name, const std::string &why = "");

  /// Records an error at one field of this object (empty: at the object).
  void fail(const std::string &name, const std::string &message);
  void fail(InputError error);

  /// Fields nobody asked for, in the order of the file.
  std::vector<std::string> unknownFields() const;

  /// Records an error for the first field nobody asked for.
  void refuseUnknown();

  bool failed() const { return failure.has_value(); }
  const InputError &error() const { return *failure; }
  const std::string &file() const { return fileName; }
  std::string pathOf(const std::string &name) const;

private:
  const Json &object;
  std::string fileName;
  std::string path;
  std::set<std::string> known;
  std::optional<InputError> failure;
};

/// `expected WHAT, but found VALUE`.
std::string expectedButFound(const std::string &what, const Json &found);

} // namespace neap

#endif // NEAP_COMPILER_SPEC_JSON_H
