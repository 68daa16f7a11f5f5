//===- AllocationCsv.cpp - Allocation problems as text --------------------===//

#include "passes/Solvers/AllocationCsv.h"

#include <algorithm>
#include <charconv>

namespace neap {
namespace {

constexpr int64_t maxNumber = int64_t(1) << 62;

std::string trimmed(const std::string &text) {
  const char *blanks = " \t\r";
  size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string::npos)
    return "";
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::vector<std::string> splitFields(const std::string &line) {
  std::vector<std::string> fields;
  size_t begin = 0;
  for (size_t comma; (comma = line.find(',', begin)) != std::string::npos;
       begin = comma + 1)
    fields.push_back(trimmed(line.substr(begin, comma - begin)));
  fields.push_back(trimmed(line.substr(begin)));
  return fields;
}

/// Positions of the columns that a buffer is read from.
struct Header {
  std::optional<size_t> id, lower, upper, end, size, alignment, offset;

  std::optional<size_t> *find(const std::string &name) {
    return name == "id"          ? &id
           : name == "lower"     ? &lower
           : name == "upper"     ? &upper
           : name == "end"       ? &end
           : name == "size"      ? &size
           : name == "alignment" ? &alignment
           : name == "offset"    ? &offset
                                 : nullptr;
  }
};

/// Fills `header`; returns what is wrong with the columns, or "".
std::string parseHeader(const std::vector<std::string> &columns,
                        Header &header) {
  for (size_t c = 0; c < columns.size(); ++c) {
    std::optional<size_t> *position = header.find(columns[c]);
    if (!position)
      return "expected the columns id, lower, upper or end, size, alignment "
             "and offset, but found '" +
             columns[c] + "'";
    if (*position)
      return "column '" + columns[c] + "' appears twice";
    *position = c;
  }
  for (const char *required : {"id", "lower", "size"})
    if (!*header.find(required))
      return std::string("column '") + required + "' is missing";
  if (header.upper.has_value() == header.end.has_value())
    return "expected one of the columns 'upper' and 'end'";
  return "";
}

/// Reads `fields[column]` into `value`; returns what is wrong, or "".
std::string parseNumber(const std::vector<std::string> &columns,
                        const std::vector<std::string> &fields, size_t column,
                        int64_t &value) {
  const std::string &text = fields[column];
  auto [end, status] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  bool whole = end == text.data() + text.size() && !text.empty();
  bool tooLarge = status == std::errc::result_out_of_range ||
                  (status == std::errc() && value > maxNumber);
  if (whole && tooLarge)
    return "expected '" + columns[column] + "' of at most 2^62, but found '" +
           text + "'";
  if (!whole || status != std::errc())
    return "expected an integer in column '" + columns[column] +
           "', but found '" + text + "'";
  return "";
}

/// Reads one row into `buffer`; returns what is wrong, or "".
std::string parseRow(const Header &header,
                     const std::vector<std::string> &columns,
                     const std::vector<std::string> &fields, Buffer &buffer) {
  if (fields.size() != columns.size())
    return "expected " + std::to_string(columns.size()) +
           " fields, but found " + std::to_string(fields.size());
  if (fields[*header.id].empty())
    return "expected a non-empty id";
  std::string error;
  auto read = [&](size_t column, int64_t &value) {
    if (error.empty())
      error = parseNumber(columns, fields, column, value);
  };
  read(*header.lower, buffer.start);
  read(header.upper ? *header.upper : *header.end, buffer.end);
  read(*header.size, buffer.sizeBytes);
  if (header.alignment && !fields[*header.alignment].empty())
    read(*header.alignment, buffer.alignment);
  if (header.offset && !fields[*header.offset].empty()) {
    buffer.fixedOffset = 0;
    read(*header.offset, *buffer.fixedOffset);
  }
  if (error.empty() && header.end)
    ++buffer.end;
  return error;
}

} // namespace

std::optional<AllocationTable> readAllocationCsv(std::istream &input,
                                                 const std::string &name,
                                                 std::string &error) {
  AllocationTable table;
  Header header;
  std::string line;
  for (int64_t number = 1; std::getline(input, line); ++number) {
    if (trimmed(line).empty())
      continue;
    std::vector<std::string> fields = splitFields(line);
    Buffer buffer;
    buffer.id = static_cast<int64_t>(table.rows.size());
    std::string wrong;
    if (table.columns.empty()) {
      table.columns = std::move(fields);
      wrong = parseHeader(table.columns, header);
    } else {
      wrong = parseRow(header, table.columns, fields, buffer);
      // A buffer that is wrong by itself is reported with its line.
      if (wrong.empty())
        if (auto invalid = validateProblem({{buffer}, std::nullopt}))
          wrong = "id '" + fields[*header.id] + "'" +
                  invalid->substr(invalid->find(": "));
      table.rows.push_back(std::move(fields));
      table.problem.buffers.push_back(buffer);
    }
    if (!wrong.empty()) {
      error = name + ":" + std::to_string(number) + ": " + wrong;
      return std::nullopt;
    }
  }
  if (input.bad()) {
    error = name + ": cannot be read";
    return std::nullopt;
  }
  if (table.columns.empty()) {
    error = name + ":1: expected a header, but found an empty file";
    return std::nullopt;
  }
  if (auto invalid = validateProblem(table.problem)) {
    error = name + ": " + *invalid;
    return std::nullopt;
  }
  return table;
}

void writeAllocationCsv(std::ostream &output, const AllocationTable &table,
                        const std::vector<int64_t> &offsets) {
  auto position = static_cast<size_t>(
      std::find(table.columns.begin(), table.columns.end(), "offset") -
      table.columns.begin());
  auto writeLine = [&](std::vector<std::string> fields,
                       const std::string &offset) {
    fields.resize(std::max(fields.size(), position + 1));
    fields[position] = offset;
    for (size_t c = 0; c < fields.size(); ++c)
      output << (c == 0 ? "" : ",") << fields[c];
    output << '\n';
  };
  writeLine(table.columns, "offset");
  for (size_t i = 0; i < table.rows.size(); ++i)
    writeLine(table.rows[i], std::to_string(offsets[i]));
}

} // namespace neap
