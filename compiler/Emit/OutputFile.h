// Files that appear whole or not at all.
#ifndef NEAP_COMPILER_EMIT_OUTPUTFILE_H
#define NEAP_COMPILER_EMIT_OUTPUTFILE_H

#include "compiler/Output/Leftovers.h"
#include "compiler/Output/WriteFile.h"

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
  /// Syncs and renames. `path` is replaced, even where it is a link or a
  /// device: writeFile() is for paths that the user gave.
  std::optional<InputError> commit();

private:
  OutputFile() = default;
  std::string path, temporary;
  char *mapping = nullptr;
  int64_t bytes = 0;
  int descriptor = -1;
};

/// A folder that receives several files, all of them or none. They are written
/// into a folder of its own inside it; commit() moves them up. Destroyed
/// without commit it leaves nothing of what it made, and what was there as it
/// was. A signal removes the same, and what a killed program left of its own
/// folder goes when the next one is made beside it.
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
  int lock = -1; ///< on the staging folder, while this program is at work in it
  std::vector<std::string> created; ///< folders that did not exist, outer first
  std::vector<Leftover> leftovers;
};

/// Repeats `element` over `bytes` bytes.
void fillSplat(llvm::ArrayRef<char> element, int64_t bytes, char *target);

} // namespace neap
#endif
