#include "fetcher.h"

#include "session.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace neap {

namespace {

struct request {
  int64_t offset; // in the file
  int64_t bytes;
  uint8_t *to;
};

constexpr uint32_t capacity = 64;

// Request n lies in requests[n % capacity]. [0, served) are done, and
// [served, made) are waiting; both count modulo 2^32.
struct fetcher {
  alignas(64) uint32_t made;   // written by the thread that computes
  alignas(64) uint32_t served; // written by the thread that reads
  request requests[capacity];
  int file;
  bool direct; // the page cache is not used
  fetch_counts counts;
};

fetcher the_fetcher;

// The computation cannot go on without the bytes, and has nothing to lose but
// the steps since the last save.
[[noreturn]] void give_up(int error) {
  fail(io_failed, "the weights file cannot be read any more: ",
       error ? system_error(error) : "it has been cut");
  _exit(io_failed);
}

void serve(fetcher *f, const request *r) {
  for (int64_t done = 0; done < r->bytes;) {
    ssize_t got =
        pread(f->file, r->to + done, r->bytes - done, r->offset + done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno == EINVAL && f->direct) {
      // Some file systems refuse direct input only when it is tried.
      f->direct = false;
      fcntl(f->file, F_SETFL, O_RDONLY);
      continue;
    }
    if (got <= 0)
      give_up(got < 0 ? errno : 0);
    done += got;
  }
  if (!f->direct)
    posix_fadvise(f->file, r->offset, r->bytes, POSIX_FADV_DONTNEED);
}

void *fetcher_main(void *self) {
  fetcher *f = static_cast<fetcher *>(self);
  for (;;) {
    uint32_t served = f->served, made;
    while ((made = __atomic_load_n(&f->made, __ATOMIC_ACQUIRE)) == served)
      futex_wait(&f->made, made);
    serve(f, &f->requests[served % capacity]);
    __atomic_store_n(&f->served, served + 1, __ATOMIC_SEQ_CST);
    futex_wake(&f->served, 1);
  }
}

// Until fewer than `waiting` of the requests made so far are not served.
void await_served(fetcher *f, uint32_t waiting) {
  uint32_t served = __atomic_load_n(&f->served, __ATOMIC_SEQ_CST);
  if (f->made - served < waiting)
    return;
  double start = seconds_now();
  while (f->made - served >= waiting) {
    futex_wait(&f->served, served);
    served = __atomic_load_n(&f->served, __ATOMIC_SEQ_CST);
  }
  f->counts.wait_seconds += seconds_now() - start;
}

void fetch(neap_context *context, const void *from, int64_t bytes, void *to) {
  fetcher *f = &the_fetcher;
  await_served(f, capacity);
  f->requests[f->made % capacity] = {static_cast<const uint8_t *>(from) -
                                         context->weights,
                                     bytes, static_cast<uint8_t *>(to)};
  f->counts.bytes += bytes;
  __atomic_store_n(&f->made, f->made + 1, __ATOMIC_SEQ_CST);
  futex_wake(&f->made, 1);
}

void await(neap_context *, const void *at) {
  fetcher *f = &the_fetcher;
  uint32_t waiting = f->made - __atomic_load_n(&f->served, __ATOMIC_ACQUIRE);
  // The newest request for these bytes is the one that counts.
  for (uint32_t age = 1; age <= waiting; ++age)
    if (f->requests[(f->made - age) % capacity].to == at)
      return await_served(f, age);
}

} // namespace

status fetcher_start(const struct neap_image *image, neap_context *context,
                     const char *path) {
  fetcher *f = &the_fetcher;
  f->file = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
  f->direct = f->file >= 0;
  if (!f->direct)
    f->file = open(path, O_RDONLY | O_CLOEXEC);
  if (f->file < 0)
    return fail(mismatch, path, ": ", system_error(errno));
  context->fetch = fetch;
  context->await = await;
  return thread_start(fetcher_main, f,
                      context->arena + image->fetch_stack.offset,
                      image->fetch_stack.bytes);
}

fetch_counts fetcher_counts() { return the_fetcher.counts; }

} // namespace neap
