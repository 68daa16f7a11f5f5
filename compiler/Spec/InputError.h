// What every reader of a user's file reports instead of throwing.
#ifndef NEAP_COMPILER_SPEC_INPUTERROR_H
#define NEAP_COMPILER_SPEC_INPUTERROR_H

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace neap {

/// One invalid or unsupported input. The driver prints
/// `error: FILE: PLACE: message` and exits with 3.
struct InputError {
  std::string file;
  /// Line and column, JSON path, module or ONNX node; empty for the whole file.
  std::string place;
  /// Lowercase, no full stop, what was found against what is required.
  std::string message;

  /// `FILE: PLACE: message` without the parts that are empty.
  std::string text() const {
    std::string result = file.empty() ? "" : file + ": ";
    if (!place.empty())
      result += place + ": ";
    return result + message;
  }
};

/// A value, or why there is none. Errors are values: nothing throws.
template <typename T> class [[nodiscard]] InputOr {
public:
  InputOr(T value) : state(std::in_place_index<0>, std::move(value)) {}
  InputOr(InputError error) : state(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state.index() == 0; }

  T &operator*() { return value(); }
  const T &operator*() const {
    assert(*this && "no value: test the result before using it");
    return *std::get_if<0>(&state);
  }
  T *operator->() { return &value(); }
  const T *operator->() const { return &**this; }

  const InputError &error() const {
    assert(!*this && "no error: the result holds a value");
    return *std::get_if<1>(&state);
  }

private:
  T &value() {
    assert(*this && "no value: test the result before using it");
    return *std::get_if<0>(&state);
  }

  std::variant<T, InputError> state;
};

} // namespace neap

#endif // NEAP_COMPILER_SPEC_INPUTERROR_H
