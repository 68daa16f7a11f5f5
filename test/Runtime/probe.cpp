// The runtime's parts under a command line of their own:
//   probe number           doubles (8 bytes each) on stdin, one text per line
//   probe fixed DIGITS     the same with a fixed number of digits
//   probe schedule KIND TOTAL WARMUP(raw double on stdin: rate, warm-up)
//   probe hash FILE        SHA-256 and XXH64
//   probe permute SEED EPOCH COUNT
//   probe half             16-bit patterns on stdin, floats (raw) on stdout
//   probe features LIST
//   probe loops THREADS    parallel_for against its contract
#include "../../runtime/core/number.h"
#include "../../runtime/core/pool.h"
#include "../../runtime/core/processor.h"
#include "../../runtime/core/random.h"
#include "../../runtime/core/reader.h"
#include "../../runtime/core/safetensors.h"
#include "../../runtime/core/schedule.h"
#include "../../runtime/core/sha256.h"
#include "../../runtime/core/xxh64.h"

#include <string.h>
#include <unistd.h>

using namespace neap;

static char out_buffer[65536];
static writer out;

static bool read_exactly(void *to, int64_t size) {
  char *at = static_cast<char *>(to);
  while (size > 0) {
    ssize_t got = read(STDIN_FILENO, at, size);
    if (got <= 0)
      return false;
    at += got;
    size -= got;
  }
  return true;
}

static int64_t number(const char *text) {
  int64_t value = 0;
  parse_integer(text, &value);
  return value;
}

static void numbers(int digits) {
  double value;
  while (read_exactly(&value, sizeof value))
    put(&out, digits < 0 ? piece(value) : fixed(value, digits), "\n");
}

static void schedule(int kind, int64_t total) {
  double inputs[2];
  if (!read_exactly(inputs, sizeof inputs))
    return;
  neap_training training = {};
  training.schedule = kind;
  training.learning_rate = inputs[0];
  training.warmup_steps = inputs[1];
  for (int64_t i = 0; i < total; ++i)
    put(&out, schedule_learning_rate(&training, i, total), "\n");
}

static void hashes(const char *path) {
  static uint8_t buffer[4096];
  reader in;
  if (reader_open(&in, path, bad_data, buffer, sizeof buffer) != ok)
    return;
  sha256 sha;
  xxh64 xxh;
  sha256_start(&sha);
  xxh64_start(&xxh);
  int64_t taken;
  while (const uint8_t *data = reader_take(&in, sizeof buffer, &taken)) {
    sha256_add(&sha, data, taken);
    xxh64_add(&xxh, data, taken);
  }
  char hex[65];
  sha256_finish(&sha, hex);
  put(&out, hex, "\n", static_cast<int64_t>(xxh64_finish(&xxh)), "\n");
}

struct loop {
  int64_t runs[1000];
  int64_t wrong_threads;
};

static void loop_task(neap_context *ctx, void *args, int64_t task,
                      int64_t thread) {
  loop *l = static_cast<loop *>(args);
  __atomic_add_fetch(&l->runs[task], 1, __ATOMIC_RELAXED);
  if (thread < 0 || thread >= ctx->thread_count)
    __atomic_add_fetch(&l->wrong_threads, 1, __ATOMIC_RELAXED);
}

// Many loops of many lengths, with rests in between so that workers fall
// asleep; each task must have run exactly once when its loop returns.
static int loops(int64_t threads) {
  alignas(64) static uint8_t stacks[15 * 65536];
  static struct neap_image image;
  static neap_context context;
  image.max_threads = 16;
  image.stacks = {0, sizeof stacks};
  context.arena = stacks;
  context.thread_count = threads;
  pinning pins = {};
  if (pool_start(&image, &context, &pins) != ok)
    return 1;
  static loop l;
  for (int64_t round = 0; round < 20000; ++round) {
    int64_t count = round % 7 == 0 ? round % 1000 : round % 13;
    memset(&l, 0, sizeof l);
    context.parallel_for(&context, loop_task, &l, count);
    for (int64_t i = 0; i < 1000; ++i)
      if (l.runs[i] != (i < count))
        return 1;
    if (l.wrong_threads)
      return 1;
    if (round % 500 == 0)
      usleep(2000);
  }
  put(&out, "done\n");
  return 0;
}

int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "";
  int result = 0;
  writer_open(&out, STDOUT_FILENO, out_buffer, sizeof out_buffer);
  if (strcmp(what, "number") == 0) {
    numbers(-1);
  } else if (strcmp(what, "fixed") == 0) {
    numbers(static_cast<int>(number(arguments[2])));
  } else if (strcmp(what, "schedule") == 0) {
    schedule(static_cast<int>(number(arguments[2])), number(arguments[3]));
  } else if (strcmp(what, "hash") == 0) {
    hashes(arguments[2]);
  } else if (strcmp(what, "permute") == 0) {
    int64_t rows = number(arguments[4]);
    for (int64_t i = 0; i < rows; ++i)
      put(&out,
          random_permuted(number(arguments[2]), number(arguments[3]), rows, i),
          "\n");
  } else if (strcmp(what, "half") == 0) {
    uint16_t bits;
    while (read_exactly(&bits, sizeof bits)) {
      float value = half_to_float(bits);
      put_bytes(&out, &value, sizeof value);
    }
  } else if (strcmp(what, "features") == 0) {
    result = processor_check(arguments[2]);
  } else if (strcmp(what, "loops") == 0) {
    result = loops(number(arguments[2]));
  }
  writer_flush(&out);
  return result;
}
