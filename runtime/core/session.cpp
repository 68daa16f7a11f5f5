#include "session.h"

#include "memory.h"
#include "processor.h"
#include "weights.h"

#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace neap {

double seconds_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

// A trainer whose parts disagree is a bug of the compiler, not of its user.
static status check_image(const struct neap_image *image) {
  if (image->abi_version != NEAP_ABI_VERSION)
    return fail(bug, "the image has ABI version ", image->abi_version,
                ", the runtime ", NEAP_ABI_VERSION);
  if (image->io.bytes < neap_io_bytes(image->parameter_count))
    return fail(bug, "the plan has ", image->io.bytes,
                " bytes for I/O buffers, the runtime needs ",
                neap_io_bytes(image->parameter_count));
  if (image->stacks.bytes < (image->max_threads - 1) * int64_t{16384})
    return fail(bug, "the plan has ", image->stacks.bytes,
                " bytes for the stacks of ", image->max_threads - 1,
                " workers");
  return ok;
}

static status choose_threads(const struct neap_image *image,
                             const options *opts, int64_t *threads) {
  int64_t available = opts->pins.active ? CPU_COUNT(&opts->pins.processors)
                                        : processors_allowed();
  int64_t limit = image->max_threads;
  if (opts->threads > limit)
    return fail(bad_usage, "--threads ", opts->threads,
                " exceeds the planned limit of ", limit,
                " (the plan holds the memory of that many)");
  *threads = opts->threads       ? opts->threads
             : available < limit ? available
                                 : limit;
  return ok;
}

// A poisoned image must not find zeros by accident.
static void poison(const struct neap_image *image, uint8_t *arena) {
  memset(arena, 0xff, image->arena_bytes);
  const neap_range *kept[] = {&image->values, &image->gradients,
                              &image->moment1, &image->moment2};
  for (const neap_range *range : kept)
    memset(arena + range->offset, 0, range->bytes);
}

// The file of that name in the trainer's folder; null if that is unknown.
static const char *beside_trainer(const char *name, char path[PATH_MAX]) {
  const int64_t size = static_cast<int64_t>(strlen(name)) + 1;
  const int64_t room = PATH_MAX - size;
  int64_t length = readlink("/proc/self/exe", path, room);
  if (length < 0 || length == room)
    return nullptr;
  while (length > 0 && path[length - 1] != '/')
    --length;
  memcpy(path + length, name, size);
  return path;
}

// --weights, or model.weights beside the trainer; null if that is unknown.
static const char *weights_path(const session *self, char beside[PATH_MAX]) {
  return self->opts->weights ? self->opts->weights
                             : beside_trainer("model.weights", beside);
}

static status open_weights(session *self) {
  char beside[PATH_MAX];
  const char *path = weights_path(self, beside);
  if (!path)
    return fail(mismatch, "the trainer's own folder cannot be found: "
                          "expected --weights FILE");
  return weights_open(self->image, &self->context, path, self->tensors.io.read,
                      NEAP_IO_READ_BYTES);
}

static const char *adapter_folder(const options *opts) {
  return opts->command == command_train ? opts->init : opts->adapter;
}

// train starts from --init or a fresh adapter; eval without --adapter from
// zeros, which is the base model.
static status open_adapter(session *self) {
  adapter_sort(&self->tensors);
  const char *from = adapter_folder(self->opts);
  if (from)
    return adapter_load(&self->tensors, from);
  if (self->opts->command == command_train)
    adapter_initialise(&self->tensors, self->seed);
  return ok;
}

static status open_data(session *self) {
  const options *opts = self->opts;
  dataset_options data = {opts->data ? opts->data : opts->tokens,
                          opts->data != nullptr, opts->skip_bad_rows};
  if (opts->data && self->image->training.tokenizer == NEAP_TOKENIZER_NONE)
    return fail(bad_usage, "--data: the trainer was compiled without a "
                           "tokenizer: expected --tokens");
  return dataset_open(&self->data, self->image, self->context.arena,
                      &self->tensors.io, &data);
}

// Writing the log must not destroy what the job reads.
static bool same_file(const char *a, const char *b) {
  struct stat first, second;
  return a && b && stat(a, &first) == 0 && stat(b, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static bool is_input(const session *self, const char *path) {
  const options *opts = self->opts;
  char other[PATH_MAX];
  if (same_file(path, opts->data) || same_file(path, opts->tokens) ||
      same_file(path, weights_path(self, other)) ||
      same_file(path, beside_trainer("plan.json", other)))
    return true;
  const char *from = adapter_folder(opts);
  for (const char *name : adapter_files)
    if (from && adapter_path(other, from, name) && same_file(path, other))
      return true;
  return false;
}

// Whether the log would take the place of a file of --out.
static bool is_output(const session *self, const char *path) {
  char parent[PATH_MAX];
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  size_t length = slash ? static_cast<size_t>(slash + 1 - path) : 0;
  if (length >= sizeof parent)
    return false;
  memcpy(parent, path, length);
  parent[length] = 0;
  struct stat log, out;
  if (stat(length ? parent : ".", &log) != 0 ||
      fstat(self->out.fd, &out) != 0 || log.st_dev != out.st_dev ||
      log.st_ino != out.st_ino)
    return false;
  for (const char *file : adapter_files) {
    size_t own = strlen(file);
    if (strncmp(name, file, own) == 0 &&
        (name[own] == 0 || strcmp(name + own, ".tmp") == 0))
      return true;
  }
  return false;
}

static status open_outputs(session *self) {
  const options *opts = self->opts;
  if (opts->log && is_input(self, opts->log))
    return fail(bad_usage, "--log: ", opts->log, " is an input of the job");
  status result = ok;
  if (opts->out)
    result = folder_open(&self->out, opts->out);
  if (result == ok && opts->out && opts->log && is_output(self, opts->log))
    result = fail(bad_usage, "--log: ", opts->log, " is a file of --out");
  if (result == ok && opts->out)
    result = folder_claim(&self->out);
  if (result == ok && opts->dump_grads)
    result = folder_open(&self->gradients, opts->dump_grads);
  return result == ok ? log_open(&self->log, opts->log) : result;
}

static status open_memory(session *self) {
  const struct neap_image *image = self->image;
  status result = memory_map(image->arena_bytes, &self->context.arena);
  if (result != ok)
    return result;
  if (image->poisoned)
    poison(image, self->context.arena);
  self->tensors.image = image;
  self->tensors.arena = self->context.arena;
  io_divide(image, self->context.arena, &self->tensors.io);
  return ok;
}

status session_open(session *self, const struct neap_image *image,
                    const options *opts) {
  self->image = image;
  self->opts = opts;
  self->seed = opts->seed >= 0 ? static_cast<uint64_t>(opts->seed)
                               : image->training.seed;
  self->context.runtime = self;
  self->context.dropout_seed = self->seed;
  self->context.grad_scale = 1;
  winsize size;
  self->terminal = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

  status result = check_image(image);
  if (result == ok)
    result = choose_threads(image, opts, &self->context.thread_count);
  if (result == ok)
    result = processor_check(image->features);
  if (result == ok)
    result = open_memory(self);
  if (result == ok)
    result = open_outputs(self);
  if (result == ok)
    result = open_weights(self);
  if (result == ok)
    result = open_adapter(self);
  if (result == ok)
    result = open_data(self);
  return result == ok ? pool_start(image, &self->context, &opts->pins) : result;
}

status session_ready(session *self, int64_t steps) {
  if (self->opts->seal) {
    status result = memory_seal();
    if (result != ok)
      return result;
  }
  peaks_start(&self->memory);
  start_facts facts = {self->opts->command == command_train ? "train" : "eval",
                       self->context.thread_count,
                       static_cast<int64_t>(self->seed),
                       self->data.rows,
                       steps,
                       self->data.untrained_rows,
                       self->data.cut_rows};
  dataset_warn(&self->data);
  return log_start(&self->log, self->image, &facts);
}

// What the data check found and the result does not show.
static void print_notes(const dataset *data) {
  int64_t bad = data->bad_rows, empty = data->empty_rows, cut = data->cut_rows;
  if (bad)
    print(STDERR_FILENO, "note: skipped ", bad, " malformed ",
          by_count(bad, "row", "rows"), "\n");
  if (empty)
    print(STDERR_FILENO, "note: ", empty,
          by_count(empty, " row has no content and contributes nothing\n",
                   " rows have no content and contribute nothing\n"));
  if (cut)
    print(STDERR_FILENO, "note: ", cut, " of ", data->rows, " rows ",
          by_count(cut, "is", "are"), " cut to ", data->image->max_tokens,
          " tokens\n");
}

status session_end(session *self, const char *reason, int64_t steps) {
  peaks_finish(&self->memory);
  print_notes(&self->data);
  return log_end(&self->log, self->image, reason, steps, &self->memory);
}

} // namespace neap
