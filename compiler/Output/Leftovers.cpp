#include "compiler/Output/Leftovers.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <sys/syscall.h>
#include <unistd.h>

namespace neap {

static constexpr int kEndingSignals[] = {SIGHUP,  SIGINT,  SIGQUIT,
                                         SIGPIPE, SIGTERM, SIGXCPU};

/// A handler can read it at any moment: `kind` is written last, 0 is free.
struct Slot {
  std::atomic<int> kind;
  char path[4096];
};
static_assert(std::atomic<int>::is_always_lock_free);
static Slot slots[64];

//===----------------------------------------------------------------------===//
// Removal, in signal handlers, too
//===----------------------------------------------------------------------===//

void removeFlatFolder(const char *path) {
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0)
    return;
  // opendir allocates. linux_dirent64: inode, offset, then this.
  constexpr size_t kLengthAt = 16, kNameAt = 19;
  alignas(8) char buffer[4096];
  for (long size;
       (size = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0;) {
    bool removed = false;
    uint16_t length = 0;
    for (long at = 0; at < size; at += length) {
      std::memcpy(&length, buffer + at + kLengthAt, sizeof length);
      removed |= unlinkat(folder, buffer + at + kNameAt, 0) == 0;
    }
    // Entries may be skipped where others went meanwhile.
    if (removed)
      lseek(folder, 0, SEEK_SET);
  }
  close(folder);
  rmdir(path);
}

static void removeSlot(const Slot &slot) {
  switch (Leftover::Kind(slot.kind.load(std::memory_order_acquire))) {
  case Leftover::Kind::File:
    unlink(slot.path);
    break;
  case Leftover::Kind::Folder:
    removeFlatFolder(slot.path);
    break;
  case Leftover::Kind::EmptyFolder:
    rmdir(slot.path);
    break;
  }
}

static void handleSignal(int signal) {
  // Inner folders have the later slots.
  for (int i = int(std::size(slots)); i > 0; --i)
    removeSlot(slots[i - 1]);
  // Held back until this handler returns, then the end.
  std::signal(signal, SIG_DFL);
  raise(signal);
}

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

static sigset_t endingSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : kEndingSignals)
    sigaddset(&set, signal);
  return set;
}

void removeLeftoversOnSignals() {
  struct sigaction action = {}, old;
  action.sa_handler = handleSignal;
  action.sa_mask = endingSignals();
  for (int signal : kEndingSignals)
    if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_DFL)
      sigaction(signal, &action, nullptr);
}

Leftover::Leftover(Kind kind, const std::string &path) {
  if (path.size() >= sizeof(Slot::path))
    return;
  for (size_t i = 0; i < std::size(slots); ++i) {
    if (slots[i].kind.load() != 0)
      continue;
    std::memcpy(slots[i].path, path.c_str(), path.size() + 1);
    slots[i].kind.store(int(kind), std::memory_order_release);
    slot = int(i);
    return;
  }
}

Leftover::~Leftover() {
  if (slot >= 0)
    slots[slot].kind.store(0);
}

HoldSignals::HoldSignals() {
  sigset_t set = endingSignals();
  pthread_sigmask(SIG_BLOCK, &set, &before);
}

HoldSignals::~HoldSignals() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }

} // namespace neap
