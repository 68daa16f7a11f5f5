#include "compiler/Output/WriteFile.h"

#include "compiler/Output/Leftovers.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace neap {

InputError systemError(const std::string &path, const char *action) {
  return {path, "",
          std::string("cannot ") + action + ": " + std::strerror(errno)};
}

int createBeside(const std::string &path, bool executable,
                 std::string &temporary) {
  for (int attempt = 0;; ++attempt) {
    temporary = path + ".tmp" + std::to_string(getpid()) +
                (attempt ? "-" + std::to_string(attempt) : "");
    int descriptor = open(temporary.c_str(),
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          executable ? 0755 : 0644);
    if (descriptor >= 0 || errno != EEXIST || attempt == 100)
      return descriptor;
  }
}

static bool writeAll(int descriptor, std::string_view contents) {
  while (!contents.empty()) {
    ssize_t count = write(descriptor, contents.data(), contents.size());
    if (count < 0 && errno != EINTR)
      return false;
    if (count > 0)
      contents.remove_prefix(size_t(count));
  }
  return true;
}

/// Keeps errno.
static void closeQuietly(int descriptor) {
  int reason = errno;
  close(descriptor);
  errno = reason;
}

static std::optional<InputError> writeInto(const std::string &path,
                                           std::string_view contents) {
  int descriptor = open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(path, "open");
  bool written = writeAll(descriptor, contents);
  closeQuietly(descriptor);
  if (!written)
    return systemError(path, "write");
  return std::nullopt;
}

/// The end of a chain of symbolic links, which need not exist.
static std::string followLinks(std::string path) {
  constexpr int kMostLinks = 40; // as the kernel follows
  for (int i = 0; i < kMostLinks; ++i) {
    char target[4096];
    ssize_t size = readlink(path.c_str(), target, sizeof target);
    if (size <= 0 || size == ssize_t(sizeof target))
      break;
    std::string next(target, size_t(size));
    path = next[0] == '/' ? next : path.substr(0, path.rfind('/') + 1) + next;
  }
  return path;
}

/// Messages name the file as `shown`.
static std::optional<InputError> replaceFile(const std::string &path,
                                             const std::string &shown,
                                             std::string_view contents,
                                             bool executable) {
  std::string temporary;
  std::optional<Leftover> leftover;
  int descriptor;
  {
    HoldSignals hold;
    descriptor = createBeside(path, executable, temporary);
    if (descriptor < 0)
      return systemError(shown, "create");
    leftover.emplace(Leftover::Kind::File, temporary);
  }
  bool written = writeAll(descriptor, contents) && fsync(descriptor) == 0;
  closeQuietly(descriptor);
  const char *action = written ? "rename into place" : "write";
  HoldSignals hold;
  if (written && rename(temporary.c_str(), path.c_str()) == 0)
    return std::nullopt;
  InputError error = systemError(shown, action);
  unlink(temporary.c_str());
  return error;
}

std::optional<InputError>
writeFile(const std::string &path, std::string_view contents, bool executable) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0)
    return replaceFile(followLinks(path), path, contents, executable);
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode) ||
      S_ISFIFO(status.st_mode))
    return writeInto(path, contents);
  if (S_ISSOCK(status.st_mode))
    return InputError{path, "", "cannot write: it is a socket"};
  if (lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode))
    return replaceFile(path, path, contents, executable);
  // The links of /proc hold no paths, but this knows where they lead.
  std::unique_ptr<char, void (*)(void *)> target(
      realpath(path.c_str(), nullptr), std::free);
  return replaceFile(target ? target.get() : path, path, contents, executable);
}

} // namespace neap
