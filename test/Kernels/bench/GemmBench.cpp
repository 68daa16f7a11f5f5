// Speed of matrix product kernels against the processor's FMA peak.
//
//   gemm-bench [lanes=16] [rows=8] [vectors=2] [block=512] [group=8]
//              [samples=9] [threads=2] [only=TEXT]
//
// Takes samples of all kernels in turn and prints one line per kernel: medians
// of one thread's operations per second, in percent of the peak measured beside
// each sample (the best sample in parentheses), code bytes, and the gain of a
// second thread over the sample of one beside it: by wall time, with the number
// of samples that another process disturbed, and by the processor time that
// both threads need for the work.
#include "passes/Lower/KernelTiles.h"
#include "test/Kernels/KernelHarness.h"
#include "test/Kernels/bench/BenchClock.h"
#include "test/Kernels/bench/BenchOptions.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

using namespace neap;
using namespace neap::bench;

namespace {
constexpr const char *usage =
    "usage: gemm-bench [NAME=VALUE]...\n"
    "Times matrix product kernels in turn; one line per kernel.\n"
    "  lanes=N    floats of a vector: 4, 8 or 16 (default: this processor's)\n"
    "  rows=N, vectors=N, block=N, group=N\n"
    "             tile: rows, vectors, contraction block, panels of a group\n"
    "             (default: as compiled for these lanes)\n"
    "  samples=N  of each kernel (default 9)\n"
    "  threads=N  1 or 2 (default 2)\n"
    "  only=TEXT  kernels whose name contains it\n";

/// A kernel, its operands as (type, bytes per token, bytes besides), whether
/// it has a result, and its work.
struct Job {
  std::string name, op, result;
  std::vector<std::string> types;
  std::vector<std::pair<int64_t, int64_t>> inputs;
  int64_t outputBytes;
  double flopsPerToken;
};

std::string activation(int64_t columns) {
  return "tensor<?x" + std::to_string(columns) + "xf32>";
}
std::string matrix(const std::string &type, int64_t rows, int64_t columns,
                   const std::string &element) {
  return "!" + type + "<" + std::to_string(rows) + "x" +
         std::to_string(columns) + "x" + element + ">";
}

Job linear(bool backward, int64_t n, int64_t k, const std::string &type) {
  int64_t in = backward ? n : k, out = backward ? k : n;
  return {std::string(backward ? "bwd " : "fwd ") + type + " " +
              std::to_string(out) + "x" + std::to_string(in),
          backward ? "graph.linear_backward" : "graph.linear",
          activation(out),
          {activation(in), matrix("graph.weight", n, k, type)},
          {{in * 4, 0}, {0, n * k * (type == "f32" ? 4 : 2)}},
          out * 4,
          2.0 * double(n) * double(k)};
}
Job head(int64_t v, int64_t k, const std::string &type) {
  return {"head " + type + " " + std::to_string(v) + "x" + std::to_string(k),
          "train.linear_cross_entropy",
          activation(k),
          {activation(k), matrix("graph.weight", v, k, type), "tensor<?xi32>"},
          {{k * 4, 0}, {0, v * k * (type == "f32" ? 4 : 2)}, {4, 0}},
          k * 4,
          4.0 * double(v) * double(k)};
}
Job lora(const std::string &kind, int64_t r, int64_t n) {
  std::string factor = matrix("train.adapter", r, n, "f32");
  double flops = 2.0 * double(r) * double(n);
  std::string name = kind + " " + std::to_string(r) + "x" + std::to_string(n);
  if (kind == "down")
    return {name,
            "train.lora_down",
            activation(r),
            {activation(n), factor},
            {{n * 4, 0}, {0, r * n * 4}},
            r * 4,
            flops};
  if (kind == "up")
    return {name,
            "train.lora_up",
            activation(n),
            {activation(r), factor, activation(n)},
            {{r * 4, 0}, {0, r * n * 4}, {n * 4, 0}},
            n * 4,
            flops};
  return {name,
          "train.accumulate_outer",
          "",
          {activation(r), activation(n), factor},
          {{r * 4, 0}, {n * 4, 0}, {0, r * n * 4}},
          0,
          flops};
}

std::string getSource(const Job &job) {
  std::string arguments, operands, types;
  for (size_t i = 0; i < job.types.size(); ++i) {
    std::string comma = i ? ", " : "", value = "%a" + std::to_string(i);
    arguments += comma + value + ": " + job.types[i];
    operands += comma + value;
    types += comma + job.types[i];
  }
  std::string result = job.result.empty() ? "" : "%y = ";
  std::string type =
      job.result.empty() ? types : "(" + types + ") -> " + job.result;
  return "func.func @f(" + arguments + ") { " + result + job.op + " " +
         operands + " : " + type + " return }";
}

/// Page-aligned memory, filled with small numbers that are also valid labels.
struct Buffer {
  explicit Buffer(int64_t bytes)
      : data(std::aligned_alloc(4096, size_t(bytes + 8191) / 4096 * 4096)) {
    std::memset(data, 0, size_t(bytes));
  }
  ~Buffer() { std::free(data); }
  Buffer(const Buffer &) = delete;
  void *data;
};

/// A kernel at one token count, ready to be timed again and again.
class TimedJob {
public:
  TimedJob(const Job &job, int64_t tokens, const KernelTarget &target)
      : name(job.name), tokens(tokens), lanes(int(target.vectorFloats)),
        flops(job.flopsPerToken * double(tokens)),
        kernel(getSource(job), target) {
    std::vector<const void *> inputs;
    for (auto [perToken, fixed] : job.inputs) {
      buffers.push_back(std::make_unique<Buffer>(perToken * tokens + fixed));
      inputs.push_back(buffers.back()->data);
    }
    std::vector<void *> outputs;
    if (!job.result.empty()) {
      buffers.push_back(std::make_unique<Buffer>(job.outputBytes * tokens));
      outputs.push_back(buffers.back()->data);
    }
    cells = kernel.bind(inputs, outputs);
    kernel.context.token_count = tokens;
    kernel.context.parallel_for = parallelFor;
    run(1);
  }

  /// One sample with one thread and, if asked for, one with two beside it.
  void sample(int threads) {
    Sample one = run(1);
    rates.push_back(flops / one.processor * 1e-9);
    if (one.peak > 0)
      shares.push_back(100 * flops / one.processor / one.peak);
    if (threads < 2)
      return;
    Sample two = run(2);
    stopThreads();
    disturbed += two.disturbed;
    gains.push_back(one.seconds / two.seconds);
    processorGains.push_back(2 * one.processor / two.processor);
  }

  void print() const {
    std::printf("%-24s M=%-4lld %7.1f GF/s", name.c_str(),
                static_cast<long long>(tokens), getMedian(rates));
    if (!shares.empty())
      std::printf(" %5.1f %% (%.1f)", getMedian(shares),
                  *std::max_element(shares.begin(), shares.end()));
    std::printf("  %5lld bytes of code",
                static_cast<long long>(kernel.getCodeBytes()));
    if (!gains.empty())
      std::printf("  2 threads x%.2f, by processor time x%.2f",
                  getMedian(gains), getMedian(processorGains));
    if (disturbed)
      std::printf(" (%d of %zu samples disturbed)", disturbed, gains.size());
    std::puts("");
    std::fflush(stdout);
  }

private:
  Sample run(int64_t threads) {
    kernel.context.thread_count = threads;
    return takeSample([&] { kernel.call(cells); }, lanes);
  }

  std::string name;
  int64_t tokens;
  int lanes;
  double flops;
  test::CompiledKernel kernel;
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<void *> cells;
  std::vector<double> rates, shares, gains, processorGains;
  int disturbed = 0;
};

std::vector<Job> getJobs() {
  std::vector<Job> jobs;
  for (const char *type : {"f32", "f16"})
    for (auto [n, k] :
         {std::pair<int64_t, int64_t>{2048, 2048}, {4864, 896}, {896, 4864}})
      for (bool backward : {false, true})
        jobs.push_back(linear(backward, n, k, type));
  for (const char *kind : {"down", "up", "outer"})
    jobs.push_back(lora(kind, 8, 2048));
  jobs.push_back(head(16000, 896, "f16"));
  return jobs;
}
} // namespace

int main(int argc, char **argv) {
  BenchOptions options(argc, argv, usage,
                       {"lanes", "rows", "vectors", "block", "group", "samples",
                        "threads", "only"});
  int64_t lanes =
      options.number("lanes", test::getHostTarget(1, 1).vectorFloats);
  KernelTarget target = getDefaultTiles(lanes);
  target.tileRows = options.number("rows", target.tileRows);
  target.tileVectors = options.number("vectors", target.tileVectors);
  target.contractionBlock = options.number("block", target.contractionBlock);
  target.panelGroup = options.number("group", target.panelGroup);
  target.maxThreads = 2;
  std::vector<std::unique_ptr<TimedJob>> jobs;
  for (const Job &job : getJobs())
    for (int64_t tokens : {64, 128, 512}) {
      target.maxTokens = tokens;
      std::string name = job.name + " M=" + std::to_string(tokens);
      if (name.find(options.text("only")) != std::string::npos)
        jobs.push_back(std::make_unique<TimedJob>(job, tokens, target));
    }
  // In turn, so that a slow spell of the machine meets every kernel.
  for (int64_t round = 0; round < options.number("samples", 9); ++round)
    for (const std::unique_ptr<TimedJob> &job : jobs)
      job->sample(int(options.number("threads", 2)));
  for (const std::unique_ptr<TimedJob> &job : jobs)
    job->print();
  return 0;
}
