#include "peaks.h"

#include "text.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

namespace neap {

namespace {

constexpr int capacity = 4096;

// Reads a small file of /proc or /sys, zero terminated; empty on failure.
void read_text(const char *path, char out[capacity]) {
  int64_t used = 0;
  ssize_t got = -1;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && used < capacity - 1 &&
         (got = read(fd, out + used, capacity - 1 - used)) > 0)
    used += got;
  if (fd >= 0)
    close(fd);
  out[got < 0 ? 0 : used] = 0;
}

// The number after `field` at the start of a line, -1 if there is none.
int64_t number_after(const char *text, const char *field) {
  size_t length = strlen(field);
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, field, length) != 0)
      continue;
    const char *c = line + length + strspn(line + length, " \t");
    if (*c < '0' || *c > '9')
      return -1;
    int64_t value = 0;
    for (; *c >= '0' && *c <= '9'; ++c)
      value = value * 10 + (*c - '0');
    return value;
  }
  return -1;
}

int64_t kilobytes(const char *path, const char *field) {
  char text[capacity];
  read_text(path, text);
  int64_t value = number_after(text, field);
  return value < 0 ? -1 : value * 1024;
}

// The folder of this process's memory group: "N:memory:PATH" of version 1,
// else "0::PATH" of version 2.
struct memory_group {
  char folder[1024];
  const char *peak_file;
};

bool find_group(memory_group *group) {
  char text[capacity];
  read_text("/proc/self/cgroup", text);
  const char *mount = "/sys/fs/cgroup/memory";
  const char *path = strstr(text, ":memory:");
  group->peak_file = "/memory.max_usage_in_bytes";
  if (path) {
    path += strlen(":memory:");
  } else {
    path = strstr(text, "0::");
    if (!path)
      return false;
    path += strlen("0::");
    mount = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0
                ? "/sys/fs/cgroup"
                : "/sys/fs/cgroup/unified";
    group->peak_file = "/memory.peak";
  }
  writer out;
  writer_open(&out, -1, group->folder, sizeof group->folder - 1);
  put(&out, mount, span(path, static_cast<int64_t>(strcspn(path, "\n"))));
  group->folder[out.used] = 0;
  return out.total == out.used;
}

int64_t group_number(const memory_group *group, const char *file, bool only) {
  char path[1100], text[capacity];
  writer out;
  writer_open(&out, -1, path, sizeof path - 1);
  put(&out, group->folder, file);
  path[out.used] = 0;
  read_text(path, text);
  const char *end = strchr(text, '\n');
  if (!end || (only && end[1]))
    return -1;
  return number_after(text, "");
}

bool is_alone(memory_group *group) {
  return find_group(group) &&
         group_number(group, "/cgroup.procs", true) == getpid();
}

} // namespace

void peaks_start(peaks *seen) {
  memory_group group;
  *seen = {-1, -1, -1, is_alone(&group)};
  peaks_sample(seen);
}

int64_t peaks_sample(peaks *seen) {
  int64_t anon = kilobytes("/proc/self/status", "RssAnon:");
  if (anon > seen->anon)
    seen->anon = anon;
  return anon;
}

void peaks_finish(peaks *seen) {
  memory_group group;
  peaks_sample(seen);
  // The kernel's counters lag by some pages per thread; this one does not.
  int64_t exact = kilobytes("/proc/self/smaps_rollup", "Anonymous:");
  if (exact > seen->anon)
    seen->anon = exact;
  seen->rss = kilobytes("/proc/self/status", "VmHWM:");
  if (seen->alone && is_alone(&group))
    seen->cgroup = group_number(&group, group.peak_file, true);
}

} // namespace neap
