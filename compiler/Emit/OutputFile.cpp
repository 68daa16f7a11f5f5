#include "compiler/Emit/OutputFile.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/FileSystem.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace neap;

static InputError systemError(const std::string &path, const char *action) {
  return {path, "",
          std::string("cannot ") + action + ": " + std::strerror(errno)};
}

//===----------------------------------------------------------------------===//
// OutputFile
//===----------------------------------------------------------------------===//

InputOr<OutputFile> OutputFile::create(const std::string &path, int64_t bytes) {
  OutputFile file;
  file.path = path;
  file.temporary = path + ".tmp" + std::to_string(getpid());
  file.bytes = bytes;
  file.descriptor = open(file.temporary.c_str(),
                         O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file.descriptor < 0)
    return systemError(path, "create");
  if (bytes == 0)
    return file;
  if (int error = posix_fallocate(file.descriptor, 0, bytes)) {
    errno = error;
    return systemError(path, "reserve its bytes");
  }
  void *mapping = mmap(nullptr, size_t(bytes), PROT_READ | PROT_WRITE,
                       MAP_SHARED, file.descriptor, 0);
  if (mapping == MAP_FAILED)
    return systemError(path, "map");
  file.mapping = static_cast<char *>(mapping);
  return file;
}

OutputFile::OutputFile(OutputFile &&other) noexcept
    : path(std::move(other.path)), temporary(std::move(other.temporary)),
      mapping(other.mapping), bytes(other.bytes), descriptor(other.descriptor) {
  other.mapping = nullptr;
  other.descriptor = -1;
}

OutputFile::~OutputFile() {
  if (mapping)
    munmap(mapping, size_t(bytes));
  if (descriptor < 0)
    return;
  close(descriptor);
  unlink(temporary.c_str());
}

std::optional<InputError> OutputFile::commit(bool executable) {
  if (mapping && msync(mapping, size_t(bytes), MS_SYNC) != 0)
    return systemError(path, "write");
  if (executable && fchmod(descriptor, 0755) != 0)
    return systemError(path, "make executable");
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return systemError(path, "rename into place");
  close(descriptor);
  descriptor = -1;
  return std::nullopt;
}

std::optional<InputError> neap::writeFile(const std::string &path,
                                          llvm::StringRef contents,
                                          bool executable) {
  InputOr<OutputFile> file = OutputFile::create(path, int64_t(contents.size()));
  if (!file)
    return file.error();
  if (!contents.empty())
    std::memcpy(file->data(), contents.data(), contents.size());
  return file->commit(executable);
}

//===----------------------------------------------------------------------===//
// OutputFolder
//===----------------------------------------------------------------------===//

/// mkdir -p that says which folders it made.
static bool makeFolders(const std::string &path,
                        std::vector<std::string> &created) {
  for (size_t end = 0; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    std::string prefix = path.substr(0, end);
    if (mkdir(prefix.c_str(), 0777) == 0)
      created.push_back(prefix);
    else if (errno != EEXIST && errno != EISDIR)
      return false;
  }
  struct stat status;
  if (stat(path.c_str(), &status) != 0)
    return false;
  errno = ENOTDIR;
  return S_ISDIR(status.st_mode);
}

InputOr<OutputFolder> OutputFolder::create(const std::string &path) {
  OutputFolder folder;
  folder.path = path;
  if (!makeFolders(path, folder.created))
    return systemError(path, "create the folder");
  std::string name = path + "/.neap-XXXXXX";
  if (!mkdtemp(name.data()))
    return systemError(path, "write to the folder");
  folder.staging = name;
  return folder;
}

OutputFolder::OutputFolder(OutputFolder &&other) noexcept
    : path(std::move(other.path)), staging(std::move(other.staging)),
      created(std::move(other.created)) {
  other.staging.clear();
  other.created.clear();
}

OutputFolder::~OutputFolder() {
  if (!staging.empty())
    llvm::sys::fs::remove_directories(staging);
  // Only empty folders go: whatever came into them meanwhile stays.
  for (size_t i = created.size(); i > 0; --i)
    rmdir(created[i - 1].c_str());
}

std::optional<InputError>
OutputFolder::commit(const std::vector<std::string> &names) {
  // What rename refuses must not show after the first file has moved.
  for (const std::string &name : names)
    if (llvm::sys::fs::is_directory(path + "/" + name)) {
      errno = EISDIR;
      return systemError(path + "/" + name, "write");
    }
  for (const std::string &name : names)
    if (rename(stage(name).c_str(), (path + "/" + name).c_str()) != 0)
      return systemError(path + "/" + name, "rename into place");
  return std::nullopt;
}

InputError OutputFolder::describe(InputError error) const {
  if (error.file.compare(0, staging.size(), staging) == 0)
    error.file = path + error.file.substr(staging.size());
  return error;
}

void neap::fillSplat(llvm::ArrayRef<char> element, int64_t bytes,
                     char *target) {
  for (int64_t i = 0; i + int64_t(element.size()) <= bytes;
       i += int64_t(element.size()))
    std::memcpy(target + i, element.data(), element.size());
}
