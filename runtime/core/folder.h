/// A folder that results go to: files appear in it whole or not at all.
#ifndef NEAP_CORE_FOLDER_H
#define NEAP_CORE_FOLDER_H

#include "status.h"

namespace neap {

struct folder {
  const char *path;
  int fd;
  int64_t existing; // length of the part of the path that was there before
};

/// Opens `path`, creating it and its parents. Fails with `io_failed`.
status folder_open(folder *dir, const char *path);

/// Claims the folder for this process until it ends, so that no two jobs mix
/// their files. Fails with `io_failed` where another one has it; file systems
/// without locks are left unguarded.
status folder_claim(folder *dir);

/// Removes what folder_open created, if it is empty. Nothing where it was not
/// opened, or is another process's.
void folder_abandon(const folder *dir);

/// A file being written as `NAME.tmp`, which replaces what has that name.
struct pending_file {
  const folder *dir;
  const char *name;
  int error; // errno of the first failure
  writer out;
};

void pending_open(pending_file *file, const folder *dir, const char *name,
                  void *buffer, int64_t capacity);
/// Flushes and syncs; on failure removes the file and fails with `io_failed`.
status pending_close(pending_file *file);
/// Gives the closed files their names, then syncs the folder. On failure
/// removes what still has its temporary name.
status pending_commit(const folder *dir, const char *const *names, int count);
/// Removes the temporary files of `names`.
void pending_discard(const folder *dir, const char *const *names, int count);

} // namespace neap

#endif
