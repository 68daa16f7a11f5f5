#include "compiler/Import/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>
#include <vector>

namespace neap {

using Mapping = std::shared_ptr<const MappedFile>;

MappedFile::~MappedFile() {
  if (size)
    munmap(const_cast<char *>(data), size);
}

/// Takes over `descriptor`.
InputOr<Mapping> MappedFile::map(int descriptor, FileOrigin origin) {
  struct stat status;
  std::string problem;
  void *data = nullptr;
  if (fstat(descriptor, &status) != 0)
    problem = std::string("cannot read: ") + std::strerror(errno);
  else if (!S_ISREG(status.st_mode))
    problem = "expected a regular file";
  else if (origin.isBelow && status.st_nlink > 1)
    problem = "expected a file with one name, but found " +
              std::to_string(status.st_nlink) + " hard links";
  else if (status.st_size > 0) {
    data = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED)
      problem = std::string("cannot map: ") + std::strerror(errno);
  }
  close(descriptor);
  if (!problem.empty())
    return InputError{origin.name, "", problem};
  origin.device = status.st_dev;
  origin.inode = status.st_ino;
  origin.size = status.st_size;
  origin.modifiedNs =
      int64_t(status.st_mtim.tv_sec) * 1000000000 + status.st_mtim.tv_nsec;
  return Mapping(
      new MappedFile(static_cast<const char *>(data), std::move(origin)));
}

InputOr<Mapping> MappedFile::open(const std::string &path) {
  // Without O_NONBLOCK a named pipe would block before it can be refused.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return InputError{path, "",
                      std::string("cannot open: ") + std::strerror(errno)};
  FileOrigin origin;
  origin.name = path;
  return map(descriptor, std::move(origin));
}

/// The components of a relative path; empty if the path leaves its folder.
static std::vector<std::string> splitRelative(const std::string &name) {
  std::vector<std::string> parts;
  if (name.empty() || name.front() == '/' ||
      name.find('\0') != std::string::npos ||
      name.find('\\') != std::string::npos)
    return {};
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('/', begin), name.size());
    std::string part = name.substr(begin, end - begin);
    if (part == "..")
      return {};
    if (!part.empty() && part != ".")
      parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

InputOr<Mapping> MappedFile::openBelow(const std::string &folder,
                                       const std::string &name) {
  std::vector<std::string> parts = splitRelative(name);
  if (parts.empty())
    return InputError{name, "",
                      "expected a relative path inside the model's folder"};
  int directory = ::open(folder.empty() ? "." : folder.c_str(),
                         O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; directory >= 0; ++i) {
    bool last = i + 1 == parts.size();
    int flags = O_CLOEXEC | O_NOFOLLOW |
                (last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY);
    int next = openat(directory, parts[i].c_str(), flags);
    int error = errno;
    close(directory);
    errno = error;
    if (last && next >= 0) {
      FileOrigin origin;
      origin.folder = folder;
      origin.name = name;
      origin.isBelow = true;
      return map(next, std::move(origin));
    }
    directory = next;
    if (next < 0)
      break;
  }
  if (errno == ENOENT)
    return Mapping();
  // O_NOFOLLOW reports a link as ELOOP, or as ENOTDIR where a folder was due.
  if (errno == ELOOP || errno == ENOTDIR)
    return InputError{name, "", "expected a path without symbolic links"};
  return InputError{name, "",
                    std::string("cannot open: ") + std::strerror(errno)};
}

InputOr<Mapping> MappedFile::reopen(const FileOrigin &origin) {
  InputOr<Mapping> file = origin.isBelow ? openBelow(origin.folder, origin.name)
                                         : open(origin.name);
  if (!file)
    return file;
  auto key = [](const FileOrigin &of) {
    return std::tie(of.device, of.inode, of.size, of.modifiedNs);
  };
  if (!*file || key((*file)->origin) != key(origin))
    return InputError{origin.name, "",
                      *file ? "has changed since the model was imported"
                            : "is gone since the model was imported"};
  return file;
}

} // namespace neap
