// Files that appear whole or not at all.
#ifndef NEAP_COMPILER_OUTPUT_WRITEFILE_H
#define NEAP_COMPILER_OUTPUT_WRITEFILE_H

#include "compiler/Spec/InputError.h"

#include <optional>
#include <string>
#include <string_view>

namespace neap {

/// `cannot ACTION: ` with the reason in errno.
InputError systemError(const std::string &path, const char *action);

/// Creates a file that did not exist, for reading and writing, named like
/// `path` with something behind it. Returns its descriptor, -1 with errno on
/// failure.
int createBeside(const std::string &path, bool executable,
                 std::string &temporary);

/// Writes `contents` to `path`, whole or not at all: under another name first,
/// which is then given up for `path`. A symbolic link stays, its target is
/// written. Devices and named pipes, which renaming would replace, are written
/// to.
std::optional<InputError> writeFile(const std::string &path,
                                    std::string_view contents,
                                    bool executable = false);

} // namespace neap

#endif // NEAP_COMPILER_OUTPUT_WRITEFILE_H
