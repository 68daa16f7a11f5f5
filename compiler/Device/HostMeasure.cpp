#include "compiler/Device/HostMeasure.h"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <pthread.h>
#include <sched.h>
#include <sys/types.h>
#include <thread>
#include <time.h>
#include <unistd.h>

namespace neap {

namespace {

using Clock = std::chrono::steady_clock;

/// Processor time of this thread: a busy machine delays the measurement, but
/// does not lower it.
double threadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void pinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  // Without permission the thread floats, and the figure is only less exact.
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/// Runs `work(index)` on every processor at once.
template <typename Work>
void onEach(const std::vector<int> &cpus, const Work &work) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < cpus.size(); ++i)
    threads.emplace_back([&, i] {
      pinTo(cpus[i]);
      work(i);
    });
  for (std::thread &thread : threads)
    thread.join();
}

// Twelve accumulators cover latency 4 x 2 units and fit 16 registers with the
// two operands. The empty assembly keeps the loop from being folded.
constexpr int accumulators = 12;
constexpr int64_t roundsPerBlock = 20000;

// clang-format off
#define NEAP_FLOAT_LOOP(NAME, FLOATS)                                          \
  int64_t NAME() {                                                             \
    typedef float Vector __attribute__((vector_size(FLOATS * sizeof(float)))); \
    Vector acc[accumulators] = {};                                             \
    Vector a = Vector{} + 0.5f, b = Vector{} + 0.25f;                          \
    for (int64_t round = 0; round < roundsPerBlock; ++round) {                 \
      _Pragma("clang loop unroll(full)")                                       \
      for (int i = 0; i < accumulators; ++i)                                   \
        acc[i] = __builtin_elementwise_fma(acc[i], a, b);                      \
      asm volatile("" : "+x"(a), "+x"(b));                                     \
    }                                                                          \
    for (int i = 0; i < accumulators; ++i)                                     \
      asm volatile("" ::"x"(acc[i]));                                          \
    return roundsPerBlock * accumulators * FLOATS * 2;                         \
  }

#if defined(__x86_64__)
__attribute__((target("avx512f")))
NEAP_FLOAT_LOOP(floatLoop16, 16)
__attribute__((target("avx2,fma")))
NEAP_FLOAT_LOOP(floatLoop8, 8)
NEAP_FLOAT_LOOP(floatLoop4, 4)

/// Returns the floating point operations of one block.
int64_t floatBlock(int vectorFloats) {
  return vectorFloats == 16  ? floatLoop16()
         : vectorFloats == 8 ? floatLoop8()
                             : floatLoop4();
}
#else
int64_t floatBlock(int) { return 0; }
#endif
// clang-format on
#undef NEAP_FLOAT_LOOP

} // namespace

FloatRates measureFloatRates(const std::vector<int> &cpus, int vectorFloats,
                             double seconds) {
  std::vector<FloatRates> rates(cpus.size());
  onEach(cpus, [&](size_t index) {
    double operations = 0, best = 0;
    double start = threadSeconds(), now = start;
    while (now - start < seconds) {
      double blockStart = now;
      double block = floatBlock(vectorFloats);
      now = threadSeconds();
      best = std::max(best, block / (now - blockStart));
      operations += block;
    }
    rates[index] = {best / 1e9, operations / (now - start) / 1e9};
  });
  FloatRates result;
  for (const FloatRates &rate : rates) {
    result.peakGflops = std::max(result.peakGflops, rate.peakGflops);
    result.sustainedGflops += rate.sustainedGflops / rates.size();
  }
  return result;
}

double measureMemoryBandwidth(const std::vector<int> &cpus,
                              int64_t bufferBytes) {
  constexpr int rounds = 4;
  std::vector<std::unique_ptr<char[]>> sources, targets;
  for (size_t i = 0; i < cpus.size(); ++i) {
    sources.emplace_back(new char[bufferBytes]);
    targets.emplace_back(new char[bufferBytes]);
  }
  onEach(cpus, [&](size_t i) { // pages appear before the clock runs
    memset(sources[i].get(), 1, bufferBytes);
    memset(targets[i].get(), 2, bufferBytes);
  });
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    Clock::time_point start = Clock::now();
    onEach(cpus, [&](size_t i) {
      memcpy(targets[i].get(), sources[i].get(), bufferBytes);
      asm volatile("" ::"r"(targets[i].get()) : "memory");
    });
    best = std::max(best, 2.0 * bufferBytes * cpus.size() /
                              secondsSince(start) / 1e9);
  }
  return best;
}

namespace {

constexpr int64_t chunkBytes = 1 << 20;
constexpr int64_t requestBytes = 4096;
constexpr int latencyRequests = 64;

/// An unlinked file open for direct I/O, and an aligned buffer.
class DirectFile {
public:
  explicit DirectFile(const std::string &directory) {
    std::string path = directory + "/.neap-probe-XXXXXX";
    int created = mkstemp(path.data());
    if (created < 0)
      return;
    descriptor = open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
    unlink(path.c_str());
    close(created);
    void *memory = nullptr;
    if (posix_memalign(&memory, requestBytes, chunkBytes) == 0) {
      buffer = static_cast<char *>(memory);
      memset(buffer, 0x5a, chunkBytes);
    }
  }
  ~DirectFile() {
    if (descriptor >= 0)
      close(descriptor);
    free(buffer);
  }
  DirectFile(const DirectFile &) = delete;
  DirectFile &operator=(const DirectFile &) = delete;

  bool valid() const { return descriptor >= 0 && buffer; }
  bool write(int64_t offset, int64_t bytes) {
    return pwrite(descriptor, buffer, bytes, offset) == bytes;
  }
  bool read(int64_t offset, int64_t bytes) {
    return pread(descriptor, buffer, bytes, offset) == bytes;
  }
  bool sync() { return fdatasync(descriptor) == 0; }

private:
  int descriptor = -1;
  char *buffer = nullptr;
};

} // namespace

std::optional<DiskRates> measureDisk(const std::string &directory,
                                     int64_t bytes) {
  DirectFile file(directory);
  if (!file.valid())
    return std::nullopt;
  DiskRates rates;
  bool ok = true;
  Clock::time_point start = Clock::now();
  for (int64_t offset = 0; offset < bytes && ok; offset += chunkBytes)
    ok = file.write(offset, chunkBytes);
  ok = ok && file.sync();
  rates.writeMBps = bytes / secondsSince(start) / 1e6;

  start = Clock::now();
  for (int64_t offset = 0; offset < bytes && ok; offset += chunkBytes)
    ok = file.read(offset, chunkBytes);
  rates.readMBps = bytes / secondsSince(start) / 1e6;

  // A stride that is no power of two leaves read-ahead nothing to guess.
  auto offsetOf = [&](int i) {
    return int64_t(i) * 7919 * requestBytes % (bytes - requestBytes) /
           requestBytes * requestBytes;
  };
  start = Clock::now();
  for (int i = 0; i < latencyRequests && ok; ++i)
    ok = file.read(offsetOf(i), requestBytes);
  rates.readLatencyUs = secondsSince(start) / latencyRequests * 1e6;
  start = Clock::now();
  for (int i = 0; i < latencyRequests && ok; ++i)
    ok = file.write(offsetOf(i), requestBytes);
  rates.writeLatencyUs = secondsSince(start) / latencyRequests * 1e6;
  if (!ok)
    return std::nullopt;
  return rates;
}

} // namespace neap
