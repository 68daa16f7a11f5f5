#include "weights.h"

#include "fetcher.h"
#include "reader.h"
#include "sha256.h"
#include "xxh64.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace neap {

static status check_identity(const struct neap_image *image, reader *in,
                             neap_weights_header *header) {
  if (in->file_bytes != image->weights_bytes)
    return fail(mismatch, in->path, ": expected ", image->weights_bytes,
                " bytes, but found ", in->file_bytes);
  if (!reader_copy(in, header, sizeof *header) ||
      memcmp(header->magic, NEAP_WEIGHTS_MAGIC, sizeof header->magic) != 0)
    return fail(mismatch, in->path, ": not a weights file");
  int64_t bytes = static_cast<int64_t>(header->header_bytes);
  if (bytes < static_cast<int64_t>(sizeof *header) || bytes > in->file_bytes)
    return fail(mismatch, in->path, ": header is corrupt");
  sha256 hash;
  sha256_start(&hash);
  in->position = 0;
  in->limit = bytes;
  int64_t taken;
  while (const uint8_t *data = reader_take(in, in->capacity, &taken))
    sha256_add(&hash, data, taken);
  in->limit = in->file_bytes;
  char hex[65];
  sha256_finish(&hash, hex);
  if (in->error)
    return fail(mismatch, in->path, ": ", system_error(in->error));
  if (strcmp(hex, image->weights_sha256) != 0)
    return fail(mismatch, in->path, ": expected header hash ",
                image->weights_sha256, ", but found ", hex);
  if (header->layout_version != NEAP_WEIGHTS_LAYOUT)
    return fail(mismatch, in->path, ": expected layout version ",
                NEAP_WEIGHTS_LAYOUT, ", but found ",
                static_cast<int64_t>(header->layout_version));
  return ok;
}

// Hashes file bytes, through the buffer or in place where they are resident.
// With `drop`, bytes leave the page cache as soon as they were read.
static bool hash_chunk(reader *in, uint8_t *resident, bool drop,
                       const neap_weights_chunk *chunk, uint64_t *result) {
  xxh64 hash;
  xxh64_start(&hash);
  int64_t left = static_cast<int64_t>(chunk->bytes), taken;
  in->position = static_cast<int64_t>(chunk->offset);
  if (resident) {
    xxh64_add(&hash, resident + in->position, left);
    left = 0;
  }
  // Refilling at the position each time makes every part but the last as
  // long as the buffer, a multiple of 32 (reads of regular files are whole).
  in->filled = 0;
  for (; left > 0; left -= taken) {
    const uint8_t *data = reader_take(in, left, &taken);
    if (!data || (taken < left && taken % 32 != 0))
      return false;
    xxh64_add(&hash, data, taken);
    if (drop) // from the start: a cached unit may straddle two reads
      posix_fadvise(in->fd, 0, in->position, POSIX_FADV_DONTNEED);
  }
  *result = xxh64_finish(&hash);
  return true;
}

// Where the small weights of the next chunk go; null unless weights stream.
struct small_weights {
  uint8_t *to, *end;
};

static status take_small(reader *in, const neap_weights_chunk *chunk,
                         small_weights *small) {
  int64_t bytes = static_cast<int64_t>(chunk->small_bytes);
  if (bytes < 0 || bytes > small->end - small->to)
    return fail(mismatch, in->path, ": chunk table is corrupt");
  in->position = static_cast<int64_t>(chunk->offset);
  if (!reader_copy(in, small->to, bytes))
    return fail(mismatch, in->path, ": ", system_error(in->error));
  small->to += bytes;
  return ok;
}

static status check_chunks(reader *in, const neap_weights_header *header,
                           uint8_t *resident, small_weights *small) {
  for (uint32_t i = 0; i < header->chunk_count; ++i) {
    neap_weights_chunk chunk;
    in->position = sizeof *header + i * sizeof chunk;
    if (in->position + sizeof chunk > header->header_bytes ||
        !reader_copy(in, &chunk, sizeof chunk))
      return fail(mismatch, in->path, ": chunk table is corrupt");
    uint64_t found = 0, size = in->file_bytes;
    if (chunk.offset < header->header_bytes || chunk.offset > size ||
        chunk.bytes > size - chunk.offset)
      return fail(mismatch, in->path, ": chunk ", static_cast<int64_t>(i),
                  " lies outside the file");
    if (!hash_chunk(in, resident, small->to, &chunk, &found) ||
        found != chunk.checksum)
      return fail(mismatch, in->path, ": chunk ", static_cast<int64_t>(i),
                  " is corrupt");
    if (!small->to)
      continue;
    status result = take_small(in, &chunk, small);
    if (result != ok)
      return result;
  }
  return ok;
}

// The mapping, for the signal handler; empty without one.
static uintptr_t mapped_begin, mapped_end;

// A page of the mapping that cannot be had: the disk failed, or the file was
// cut. The computation cannot go on, and nothing can be said but so.
static void lost_page(int, siginfo_t *facts, void *) {
  uintptr_t at = reinterpret_cast<uintptr_t>(facts->si_addr);
  if (at >= mapped_begin && at < mapped_end) {
    // One thread speaks for all, and then ends them.
    static int speaking;
    while (__atomic_exchange_n(&speaking, 1, __ATOMIC_RELAXED))
      pause();
    fail(io_failed, "the weights file cannot be read any more");
    _exit(io_failed);
  }
  signal(SIGBUS, SIG_DFL); // the access is repeated
}

static void watch_mapping(const void *base, int64_t bytes) {
  mapped_begin = reinterpret_cast<uintptr_t>(base);
  mapped_end = mapped_begin + static_cast<uintptr_t>(bytes);
  struct sigaction action = {};
  action.sa_sigaction = lost_page;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

static status map_file(neap_context *context, reader *in) {
  void *base = mmap(nullptr, in->file_bytes, PROT_READ, MAP_PRIVATE, in->fd, 0);
  if (base == MAP_FAILED)
    return fail(out_of_memory, in->path, ": ", in->file_bytes,
                " bytes cannot be mapped: ", system_error(errno));
  context->weights = static_cast<const uint8_t *>(base);
  watch_mapping(base, in->file_bytes);
  return ok;
}

static status read_file(const struct neap_image *image, neap_context *context,
                        reader *in) {
  if (image->resident.bytes < in->file_bytes)
    return fail(bug, "the plan keeps ", image->resident.bytes,
                " bytes for weights of ", in->file_bytes);
  uint8_t *base = context->arena + image->resident.offset;
  in->position = 0;
  if (!reader_copy(in, base, in->file_bytes))
    return fail(mismatch, in->path, ": ", system_error(in->error));
  context->weights = base;
  return ok;
}

static status place(const struct neap_image *image, neap_context *context,
                    reader *in, const neap_weights_header *header) {
  uint8_t *range = context->arena + image->resident.offset;
  uint8_t *resident = nullptr;
  small_weights small = {nullptr, nullptr};
  status result = ok;
  switch (image->weights_place) {
  case NEAP_WEIGHTS_MAPPED:
    result = map_file(context, in);
    break;
  case NEAP_WEIGHTS_RESIDENT:
    result = read_file(image, context, in);
    resident = range;
    break;
  case NEAP_WEIGHTS_STREAMED:
    small = {range, range + image->resident.bytes};
    // What is fetched past the page cache must not fill it now: bytes read
    // ahead would come in pages too large to drop one by one.
    posix_fadvise(in->fd, 0, 0, POSIX_FADV_RANDOM);
    break;
  }
  return result == ok ? check_chunks(in, header, resident, &small) : result;
}

status weights_open(const struct neap_image *image, neap_context *context,
                    const char *path, void *buffer, int64_t capacity) {
  reader in;
  neap_weights_header header;
  status result = reader_open(&in, path, mismatch, buffer, capacity);
  if (result != ok)
    return result;
  result = check_identity(image, &in, &header);
  if (result == ok)
    result = place(image, context, &in, &header);
  reader_close(&in);
  if (result == ok && image->weights_place == NEAP_WEIGHTS_STREAMED)
    result = fetcher_start(image, context, path);
  return result;
}

} // namespace neap
