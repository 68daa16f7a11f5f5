#include "compiler/Spec/Json.h"
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <unordered_set>

namespace neap {

namespace {

constexpr size_t maxDepth = 128;

/// Builds the document from parser events, so that duplicate keys and depth
/// are seen while the position is still known.
class Builder {
public:
  Builder(std::string_view text, const std::string &file)
      : text(text), file(file) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string &) { return add(value); }
  bool string(std::string &value) { return add(std::move(value)); }
  bool binary(Json::binary_t &) { return false; }

  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string &name) {
    if (!frames.back().keys.insert(name).second) {
      failure = InputError{file, jsonPath(currentPath(), name),
                           "the key appears twice in its object"};
      return false;
    }
    frames.back().key = name;
    return true;
  }

  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &error) {
    // The library's text is "[json.exception...] parse error at line L, column
    // C: reason", or without "parse error..:"; the place is reported apart.
    std::string reason = error.what();
    for (const char *separator : {"] ", ": "}) {
      size_t cut = reason.find(separator);
      if (cut < reason.find('\''))
        reason = reason.substr(cut + 2);
    }
    if (isPythonNumber(position))
      reason = "NaN and Infinity are no JSON numbers";
    failure = InputError{file, place(position), reason};
    return false;
  }

  Json document;
  std::optional<InputError> failure;

private:
  struct Frame {
    Json *value;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  std::string place(size_t position) const {
    size_t end = std::min(position > 0 ? position - 1 : 0, text.size());
    std::string_view before = text.substr(0, end);
    size_t line = 1 + std::count(before.begin(), before.end(), '\n');
    size_t start = before.rfind('\n');
    size_t column = start == std::string_view::npos ? end + 1 : end - start;
    return "line " + std::to_string(line) + ", column " +
           std::to_string(column);
  }

  /// Whether the text that broke off at `position` is one of the words that
  /// Python's writer uses for what JSON has no number for.
  bool isPythonNumber(size_t position) const {
    size_t end = std::min(position, text.size());
    size_t start = text.substr(0, end).find_last_of(" \t\n\r:,[-");
    std::string_view word = text.substr(start == text.npos ? 0 : start + 1);
    return word.substr(0, 3) == "NaN" || word.substr(0, 8) == "Infinity";
  }

  std::string currentPath() const {
    std::string path;
    for (size_t i = 0; i + 1 < frames.size(); ++i)
      path = frames[i].value->is_object()
                 ? jsonPath(path, frames[i].key)
                 : jsonPath(path, frames[i].value->size() - 1);
    return path;
  }

  Json *insert(Json value) {
    if (frames.empty()) {
      document = std::move(value);
      return &document;
    }
    Frame &frame = frames.back();
    if (frame.value->is_array()) {
      frame.value->push_back(std::move(value));
      return &frame.value->back();
    }
    // Straight to the end: the map's own insertion searches all keys first.
    auto &members = frame.value->get_ref<Json::object_t &>();
    members.push_back({frame.key, std::move(value)});
    return &members.back().second;
  }

  bool add(Json value) {
    insert(std::move(value));
    return true;
  }

  bool open(Json value) {
    if (frames.size() == maxDepth) {
      failure = InputError{file, currentPath(),
                           "nested deeper than " + std::to_string(maxDepth) +
                               " levels"};
      return false;
    }
    frames.push_back({insert(std::move(value)), "", {}});
    return true;
  }

  bool close() {
    frames.pop_back();
    return true;
  }

  std::string_view text;
  const std::string &file;
  std::vector<Frame> frames;
};

bool isPlainName(const std::string &key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
}

std::string describeRange(const NumberRange &range) {
  std::string text;
  if (std::isfinite(range.min))
    text += (range.openBelow ? " > " : " >= ") + formatNumber(range.min);
  if (std::isfinite(range.max))
    text += (text.empty() ? "" : " and") +
            std::string(range.openAbove ? " < " : " <= ") +
            formatNumber(range.max);
  return text;
}

/// What float32 makes of a number, where that is not the number itself.
std::string describeRounding(double value) {
  float rounded = float(value);
  std::string shown = std::isinf(rounded) ? "infinite" : formatNumber(rounded);
  return shown == formatNumber(value) ? ""
                                      : ", which is " + shown + " in float32";
}

bool inRange(double value, const NumberRange &range) {
  if (range.float32) {
    if (value != 0 && float(value) == 0)
      return false;
    value = float(value);
  }
  if (!std::isfinite(value) || value < range.min || value > range.max)
    return false;
  return !(range.openBelow && value == range.min) &&
         !(range.openAbove && value == range.max);
}

} // namespace

InputOr<Json> parseJson(std::string_view text, const std::string &file) {
  Builder builder(text, file);
  bool complete = Json::sax_parse(text.begin(), text.end(), &builder);
  if (builder.failure)
    return *builder.failure;
  assert(complete && "the parser stops only through the builder");
  (void)complete;
  return std::move(builder.document);
}

InputOr<std::string> readTextFile(const std::string &file, uint64_t maxBytes) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream)
    return InputError{file, "",
                      std::string("cannot be opened: ") + strerror(errno)};
  std::string text;
  char buffer[65536];
  do {
    stream.read(buffer, sizeof(buffer));
    text.append(buffer, stream.gcount());
    if (text.size() > maxBytes)
      return InputError{
          file, "", "is larger than " + std::to_string(maxBytes) + " bytes"};
  } while (stream);
  if (stream.bad() || !stream.eof())
    return InputError{file, "", "cannot be read"};
  return text;
}

InputOr<Json> readJson(const std::string &file, uint64_t maxBytes) {
  InputOr<std::string> text = readTextFile(file, maxBytes);
  if (!text)
    return text.error();
  return parseJson(*text, file);
}

std::string jsonPath(const std::string &parent, const std::string &key) {
  if (!isPlainName(key))
    return parent + "[" + Json(key).dump() + "]";
  return parent.empty() ? key : parent + "." + key;
}

std::string jsonPath(const std::string &parent, size_t index) {
  return parent + "[" + std::to_string(index) + "]";
}

std::string showJson(const Json &value) {
  std::string text = value.dump();
  constexpr size_t limit = 60;
  if (text.size() <= limit)
    return text;
  size_t cut = limit - 3;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80)
    --cut; // not inside a UTF-8 sequence
  return text.substr(0, cut) + "...";
}

bool isUnset(const Json &value) {
  if (value.is_boolean())
    return !value.get<bool>();
  if (value.is_string())
    return value.get_ref<const std::string &>().empty();
  return value.is_null() ||
         ((value.is_array() || value.is_object()) && value.empty());
}

std::string formatNumber(double value) {
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end.ptr);
}

std::string expectedButFound(const std::string &what, const Json &found) {
  return "expected " + what + ", but found " + showJson(found);
}

FieldReader::FieldReader(const Json &object, std::string file, std::string path)
    : object(object), fileName(std::move(file)), path(std::move(path)) {
  if (!object.is_object())
    fail("", expectedButFound("an object", object));
}

std::string FieldReader::pathOf(const std::string &name) const {
  return name.empty() ? path : jsonPath(path, name);
}

const Json *FieldReader::find(const std::string &name) {
  known.insert(name);
  if (failure)
    return nullptr;
  auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

void FieldReader::integer(const std::string &name, int64_t &out, int64_t min,
                          int64_t max) {
  const Json *field = find(name);
  if (!field)
    return;
  bool fits =
      field->is_number_integer() &&
      (!field->is_number_unsigned() ||
       field->get<uint64_t>() <= uint64_t(std::numeric_limits<int64_t>::max()));
  int64_t value = fits ? field->get<int64_t>() : 0;
  if (fits && value >= min && value <= max) {
    out = value;
    return;
  }
  std::string what = "an integer";
  if (min == max)
    return fail(name, expectedButFound(std::to_string(min), *field));
  if (min != std::numeric_limits<int64_t>::min())
    what += " >= " + std::to_string(min);
  if (max != std::numeric_limits<int64_t>::max())
    what += " and <= " + std::to_string(max);
  fail(name, expectedButFound(what, *field));
}

void FieldReader::number(const std::string &name, double &out,
                         NumberRange range) {
  const Json *field = find(name);
  if (!field)
    return;
  if (field->is_number() && inRange(field->get<double>(), range)) {
    out = field->get<double>();
    return;
  }
  std::string message =
      expectedButFound("a number" + describeRange(range), *field);
  if (field->is_number() && range.float32)
    message += describeRounding(field->get<double>());
  fail(name, message);
}

void FieldReader::boolean(const std::string &name, bool &out) {
  const Json *field = find(name);
  if (!field)
    return;
  if (field->is_boolean())
    out = field->get<bool>();
  else
    fail(name, expectedButFound("true or false", *field));
}

void FieldReader::text(const std::string &name, std::string &out) {
  const Json *field = find(name);
  if (!field)
    return;
  if (field->is_string())
    out = field->get<std::string>();
  else
    fail(name, expectedButFound("a string", *field));
}

void FieldReader::textList(const std::string &name,
                           std::vector<std::string> &out) {
  const Json *field = find(name);
  if (!field)
    return;
  if (!field->is_array())
    return fail(name, expectedButFound("a list of strings", *field));
  out.clear();
  for (const Json &item : *field) {
    if (!item.is_string())
      return fail({fileName, jsonPath(pathOf(name), out.size()),
                   expectedButFound("a string", item)});
    out.push_back(item.get<std::string>());
  }
}

void FieldReader::require(const std::string &name, const std::string &why) {
  if (find(name) || failure)
    return;
  fail(name, "is required" + (why.empty() ? "" : ": " + why));
}

void FieldReader::fail(const std::string &name, const std::string &message) {
  fail({fileName, pathOf(name), message});
}

void FieldReader::fail(InputError error) {
  if (!failure)
    failure = std::move(error);
}

std::vector<std::string> FieldReader::unknownFields() const {
  std::vector<std::string> names;
  if (object.is_object())
    for (const auto &item : object.items())
      if (!known.count(item.key()))
        names.push_back(item.key());
  return names;
}

void FieldReader::refuseUnknown() {
  std::vector<std::string> names = unknownFields();
  if (names.empty())
    return;
  std::string list;
  for (const std::string &name : known)
    list += (list.empty() ? "" : ", ") + name;
  fail(names.front(), "is not a known field; known are " + list);
}

} // namespace neap
