#include "compiler/Emit/OutputFile.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace neap;

//===----------------------------------------------------------------------===//
// OutputFile
//===----------------------------------------------------------------------===//

InputOr<OutputFile> OutputFile::create(const std::string &path, int64_t bytes) {
  OutputFile file;
  file.path = path;
  file.bytes = bytes;
  file.descriptor = createBeside(path, /*executable=*/false, file.temporary);
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

std::optional<InputError> OutputFile::commit() {
  if (mapping && msync(mapping, size_t(bytes), MS_SYNC) != 0)
    return systemError(path, "write");
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return systemError(path, "rename into place");
  close(descriptor);
  descriptor = -1;
  return std::nullopt;
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

static constexpr const char *kStagingPrefix = ".neap-staging-";

/// Opens a staging folder and locks it; -1 if another program has the lock, or
/// removed the folder. Without locks in the file system it stays unlocked.
static int lockStaging(const std::string &staging, bool &locked) {
  int folder =
      open(staging.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0)
    return -1;
  locked = flock(folder, LOCK_EX | LOCK_NB) == 0;
  struct stat opened, named;
  if ((locked || errno != EWOULDBLOCK) && fstat(folder, &opened) == 0 &&
      lstat(staging.c_str(), &named) == 0 && opened.st_ino == named.st_ino)
    return folder;
  close(folder);
  return -1;
}

/// Removes the staging folders of programs that were killed: nobody holds their
/// lock.
static void removeAbandoned(const std::string &path) {
  std::unique_ptr<DIR, int (*)(DIR *)> folder(opendir(path.c_str()), closedir);
  while (const dirent *entry = folder ? readdir(folder.get()) : nullptr) {
    std::string staging = path + "/" + entry->d_name;
    bool locked = false;
    int lock = llvm::StringRef(entry->d_name).starts_with(kStagingPrefix)
                   ? lockStaging(staging, locked)
                   : -1;
    if (lock < 0)
      continue;
    if (locked)
      removeFlatFolder(staging.c_str());
    close(lock);
  }
}

InputOr<OutputFolder> OutputFolder::create(const std::string &path) {
  OutputFolder folder;
  folder.path = path;
  HoldSignals hold;
  if (!makeFolders(path, folder.created))
    return systemError(path, "create the folder");
  for (const std::string &created : folder.created)
    folder.leftovers.emplace_back(Leftover::Kind::EmptyFolder, created);
  removeAbandoned(path);
  // Another program may take a new folder for an abandoned one before the lock.
  for (int attempt = 0; folder.lock < 0 && attempt < 100; ++attempt) {
    std::string name = path + "/" + kStagingPrefix + "XXXXXX";
    if (!mkdtemp(name.data()))
      return systemError(path, "write to the folder");
    bool locked;
    folder.lock = lockStaging(name, locked);
    folder.staging = name;
    if (folder.lock < 0)
      rmdir(name.c_str());
  }
  if (folder.lock < 0)
    return systemError(path, "lock a folder in it");
  folder.leftovers.emplace_back(Leftover::Kind::Folder, folder.staging);
  return folder;
}

OutputFolder::OutputFolder(OutputFolder &&other) noexcept
    : path(std::move(other.path)), staging(std::move(other.staging)),
      lock(other.lock), created(std::move(other.created)),
      leftovers(std::move(other.leftovers)) {
  other.staging.clear();
  other.lock = -1;
  other.created.clear();
}

OutputFolder::~OutputFolder() {
  HoldSignals hold;
  if (!staging.empty())
    removeFlatFolder(staging.c_str());
  if (lock >= 0)
    close(lock);
  // Only empty folders go: whatever came into them meanwhile stays.
  for (size_t i = created.size(); i > 0; --i)
    rmdir(created[i - 1].c_str());
}

std::optional<InputError>
OutputFolder::commit(const std::vector<std::string> &names) {
  // What rename refuses must not show after the first file has moved; a device
  // or a named pipe it would replace.
  for (const std::string &name : names) {
    std::string file = path + "/" + name;
    struct stat status;
    if (lstat(file.c_str(), &status) != 0 || S_ISREG(status.st_mode) ||
        S_ISLNK(status.st_mode))
      continue;
    if (!S_ISDIR(status.st_mode))
      return InputError{file, "", "cannot write: it is not a regular file"};
    errno = EISDIR;
    return systemError(file, "write");
  }
  HoldSignals hold;
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
