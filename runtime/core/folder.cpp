#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h> // renameat
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace neap {

static const int longest_name = 80;

static void temporary_name(const char *name, char out[longest_name]) {
  writer text;
  writer_open(&text, -1, out, longest_name - 1);
  put(&text, name, ".tmp");
  out[text.used] = 0;
}

static status cannot_create(const char *path) {
  return fail(io_failed, path, ": cannot be created: ", system_error(errno));
}

// Some systems refuse to make a folder that exists for other reasons first.
static bool make(const char *path, bool *created) {
  *created = mkdir(path, 0777) == 0;
  if (*created || errno == EEXIST)
    return true;
  int error = errno;
  struct stat facts;
  bool exists = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
  errno = error;
  return exists;
}

// The path up to each of its folders in turn, outermost first.
struct prefixes {
  char text[4096];
  int64_t length; // of the whole path, 0 where it has no room
};

static void open_prefixes(prefixes *all, const char *path) {
  int64_t length = static_cast<int64_t>(strlen(path));
  all->length = length < static_cast<int64_t>(sizeof all->text) ? length : 0;
  memcpy(all->text, path, all->length);
  all->text[all->length] = 0;
}

static bool ends_folder(const char *path, int64_t at) {
  return (path[at] == '/' || path[at] == 0) && path[at - 1] != '/';
}

// Creates every folder on the way to `dir->path`.
static status create(folder *dir) {
  prefixes all;
  open_prefixes(&all, dir->path);
  if (all.length == 0) {
    errno = *dir->path ? ENAMETOOLONG : ENOENT;
    return cannot_create(dir->path);
  }
  bool created = false;
  for (int64_t i = 1; i <= all.length; ++i) {
    if (!ends_folder(dir->path, i))
      continue;
    all.text[i] = 0;
    if (!make(all.text, &created))
      return cannot_create(all.text);
    if (!created)
      dir->existing = i;
    all.text[i] = dir->path[i];
  }
  return ok;
}

status folder_open(folder *dir, const char *path) {
  *dir = {path, -1, 0};
  status result = create(dir);
  if (result != ok)
    return result;
  dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir->fd < 0)
    return cannot_create(path);
  if (access(path, W_OK) != 0)
    return fail(io_failed, path, ": ", system_error(errno));
  return ok;
}

status folder_claim(folder *dir) {
  if (flock(dir->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    dir->existing = static_cast<int64_t>(strlen(dir->path));
    return fail(io_failed, dir->path, ": another trainer is writing to it");
  }
  return ok;
}

void folder_abandon(const folder *dir) {
  if (!dir->path)
    return;
  prefixes all;
  open_prefixes(&all, dir->path);
  for (int64_t i = all.length; i > dir->existing; --i)
    if (ends_folder(dir->path, i)) {
      all.text[i] = 0;
      rmdir(all.text);
    }
}

void pending_open(pending_file *file, const folder *dir, const char *name,
                  void *buffer, int64_t capacity) {
  char temporary[longest_name];
  temporary_name(name, temporary);
  file->dir = dir;
  file->name = name;
  // Left by a killed job, or anything else: never written through.
  unlinkat(dir->fd, temporary, 0);
  int fd =
      openat(dir->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  file->error = fd < 0 ? errno : 0;
  writer_open(&file->out, fd, buffer, capacity);
}

status pending_close(pending_file *file) {
  int fd = file->out.fd;
  if (!file->error)
    file->error = writer_flush(&file->out);
  if (!file->error && fsync(fd) != 0)
    file->error = errno;
  // Interrupted or not, the descriptor is gone, and the data is synced.
  if (fd >= 0 && close(fd) != 0 && errno != EINTR && !file->error)
    file->error = errno;
  if (!file->error)
    return ok;
  pending_discard(file->dir, &file->name, 1);
  return fail(io_failed, file->dir->path, "/", file->name,
              ": cannot be written: ", system_error(file->error));
}

status pending_commit(const folder *dir, const char *const *names, int count) {
  char temporary[longest_name];
  for (int i = 0; i < count; ++i) {
    temporary_name(names[i], temporary);
    if (renameat(dir->fd, temporary, dir->fd, names[i]) != 0) {
      status result = fail(io_failed, dir->path, "/", names[i],
                           ": cannot be renamed: ", system_error(errno));
      pending_discard(dir, names + i, count - i);
      return result;
    }
  }
  if (fsync(dir->fd) != 0 && errno != EINVAL)
    return fail(io_failed, dir->path, ": ", system_error(errno));
  return ok;
}

void pending_discard(const folder *dir, const char *const *names, int count) {
  char temporary[longest_name];
  for (int i = 0; i < count; ++i) {
    temporary_name(names[i], temporary);
    unlinkat(dir->fd, temporary, 0);
  }
}

} // namespace neap
