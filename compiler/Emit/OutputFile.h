// Files that appear whole or not at all.
#ifndef NEAP_COMPILER_EMIT_OUTPUTFILE_H
#define NEAP_COMPILER_EMIT_OUTPUTFILE_H

#include "compiler/Spec/InputError.h"

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace neap {

/// A file being written through a mapping, under a temporary name in the same
/// folder; commit() gives it its name. Destroyed without commit it leaves
/// nothing behind.
class OutputFile {
public:
  /// Reserves `bytes` on disk first, so that a full disk is an error here and
  /// not a fault later.
  static InputOr<OutputFile> create(const std::string &path, int64_t bytes);
  OutputFile(OutputFile &&other) noexcept;
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  char *data() { return mapping; }
  /// Syncs and renames; with `executable` the mode gets the execute bits.
  std::optional<InputError> commit(bool executable = false);

private:
  OutputFile() = default;
  std::string path, temporary;
  char *mapping = nullptr;
  int64_t bytes = 0;
  int descriptor = -1;
};

/// Writes `contents` to `path`, whole or not at all.
std::optional<InputError> writeFile(const std::string &path,
                                    llvm::StringRef contents,
                                    bool executable = false);

/// A folder that receives several files, all of them or none. They are written
/// into a folder of its own inside it; commit() moves them up. Destroyed
/// without commit it leaves nothing of what it made, and what was there as it
/// was.
class OutputFolder {
public:
  /// Makes `path` and its parents where they do not exist.
  static InputOr<OutputFolder> create(const std::string &path);
  OutputFolder(OutputFolder &&other) noexcept;
  OutputFolder &operator=(OutputFolder &&) = delete;
  ~OutputFolder();

  /// Where to write the file `name`.
  std::string stage(const std::string &name) const {
    return staging + "/" + name;
  }
  /// Moves the files to their places, in this order.
  std::optional<InputError> commit(const std::vector<std::string> &names);
  /// The error as the user knows the files.
  InputError describe(InputError error) const;

private:
  OutputFolder() = default;
  std::string path, staging;
  std::vector<std::string> created; ///< folders that did not exist, outer first
};

/// Repeats `element` over `bytes` bytes.
void fillSplat(llvm::ArrayRef<char> element, int64_t bytes, char *target);

} // namespace neap
#endif
