// Read-only views of files, with containment for files that a model names.
#ifndef NEAP_COMPILER_IMPORT_MAPPEDFILE_H
#define NEAP_COMPILER_IMPORT_MAPPEDFILE_H

#include "compiler/Spec/InputError.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace neap {

/// Which file was opened and how, so that the same one can be opened again.
struct FileOrigin {
  std::string folder, name; ///< as of openBelow(); the path as of open()
  bool isBelow = false;
  uint64_t device = 0, inode = 0;
  int64_t size = 0, modifiedNs = 0;
};

/// A whole file mapped read-only for the object's lifetime. The file must not
/// be shortened meanwhile: reading past its new end is fatal.
class MappedFile {
public:
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  std::string_view bytes() const { return {data, size}; }
  const FileOrigin &getOrigin() const { return origin; }

  /// Maps the file that the user named. Error: not a readable regular file.
  static InputOr<std::shared_ptr<const MappedFile>>
  open(const std::string &path);

  /// Maps `name` below `folder` for a file that a model, not the user, named.
  /// `name` must be relative and stay below the folder by its text alone (no
  /// `..`), no component below the folder may be a symbolic link, and the file
  /// must be a regular one with a single name, so that a model cannot make
  /// Neap read anything outside its own folder. A null pointer: no such file.
  static InputOr<std::shared_ptr<const MappedFile>>
  openBelow(const std::string &folder, const std::string &name);

  /// Opens a file again, with the same checks. Error: it is gone, another one
  /// has its name, or it has changed.
  static InputOr<std::shared_ptr<const MappedFile>>
  reopen(const FileOrigin &origin);

private:
  MappedFile(const char *data, FileOrigin origin)
      : data(data), size(size_t(origin.size)), origin(std::move(origin)) {}
  static InputOr<std::shared_ptr<const MappedFile>> map(int descriptor,
                                                        FileOrigin origin);

  const char *data;
  size_t size;
  FileOrigin origin;
};

} // namespace neap

#endif // NEAP_COMPILER_IMPORT_MAPPEDFILE_H
