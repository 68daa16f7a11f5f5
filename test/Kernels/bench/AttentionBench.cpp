// Speed of attention and of the row-wise kernels beside it.
//   attention-bench [lanes=16] [samples=9] [threads=1] [only=TEXT]
// Everything runs on one thread; `threads` is what the kernels are compiled
// for. Attention's rate counts whole 64 x 64 tiles up to the diagonal, two
// products forward and five backward, whatever the kernel skips or computes
// again.
#include "passes/Lower/KernelTiles.h"
#include "test/Kernels/KernelHarness.h"
#include "test/Kernels/bench/BenchClock.h"
#include "test/Kernels/bench/BenchOptions.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>

using namespace neap;
using namespace neap::bench;

namespace {
constexpr const char *usage =
    "usage: attention-bench [NAME=VALUE]...\n"
    "Times attention and row-wise kernels on one thread; one line per kernel.\n"
    "  lanes=N    floats of a vector: 4, 8 or 16 (default: this processor's)\n"
    "  samples=N  of each kernel (default 9)\n"
    "  threads=N  that kernels are compiled for (default 1)\n"
    "  only=TEXT  kernels whose name contains it\n";

struct Job {
  std::string name, source;
  std::vector<int64_t> inputs, outputs; ///< columns; negative: fixed floats
  double flops;                         ///< of one call; 0: report bytes
};

std::string activation(int64_t columns) {
  return "tensor<?x" + std::to_string(columns) + "xf32>";
}

std::string makeSource(const std::string &op,
                       const std::vector<std::string> &operands,
                       const std::string &attributes,
                       const std::vector<std::string> &results) {
  std::string arguments, names, types, resultTypes;
  for (size_t i = 0; i < operands.size(); ++i) {
    std::string comma = i ? ", " : "", name = "%a" + std::to_string(i);
    arguments += comma + name + ": " + operands[i];
    names += comma + name;
    types += comma + operands[i];
  }
  for (const std::string &result : results)
    resultTypes += (resultTypes.empty() ? "" : ", ") + result;
  return "func.func @f(" + arguments +
         ") { %y:" + std::to_string(results.size()) + " = " + op + " " + names +
         " " + attributes + " : (" + types + ") -> (" + resultTypes +
         ") return }";
}

Job attention(bool backward, int64_t heads, int64_t kvHeads, int64_t headDim,
              int64_t tokens) {
  int64_t q = heads * headDim, k = kvHeads * headDim;
  std::string attributes = "{heads = " + std::to_string(heads) +
                           " : i64, kv_heads = " + std::to_string(kvHeads) +
                           " : i64, head_dim = " + std::to_string(headDim) +
                           " : i64, scale = 1.250000e-01 : f32}";
  std::string name = (backward ? "backward " : "forward ") +
                     std::to_string(heads) + "/" + std::to_string(kvHeads) +
                     " d=" + std::to_string(headDim);
  double blocks = double((tokens + 63) / 64);
  double tileFlops = 2.0 * 64 * 64 * double(headDim);
  double flops = double(heads) * blocks * (blocks + 1) / 2 * tileFlops;
  std::string Q = activation(q), K = activation(k), L = activation(heads);
  if (backward)
    return {name,
            makeSource("graph.attention_backward", {Q, K, K, Q, L, Q},
                       attributes, {Q, K, K}),
            {q, k, k, q, heads, q},
            {q, k, k},
            5 * flops};
  return {name,
          makeSource("graph.attention", {Q, K, K}, attributes, {Q, L}),
          {q, k, k},
          {q, heads},
          2 * flops};
}

Job rows(const std::string &op, int64_t columns, size_t operands,
         size_t results, const std::string &attributes, bool weight = false) {
  std::vector<std::string> types(operands, activation(columns));
  std::vector<int64_t> inputs(operands, columns);
  if (weight) {
    types.push_back("!graph.weight<" + std::to_string(columns) + "xf32>");
    inputs.push_back(-columns);
  }
  return {op + " " + std::to_string(columns),
          makeSource(op, types, attributes,
                     std::vector<std::string>(results, activation(columns))),
          inputs, std::vector<int64_t>(results, columns), 0};
}

std::unique_ptr<float, void (*)(void *)> makeBuffer(int64_t floats) {
  size_t bytes = size_t(floats * 4 + 8191) / 4096 * 4096;
  auto *data = static_cast<float *>(std::aligned_alloc(4096, bytes));
  uint32_t state = 1;
  for (int64_t i = 0; i < floats; ++i) {
    state = state * 1664525u + 1013904223u;
    data[i] = float(state >> 9) * (1.0f / 8388608.0f) - 0.5f;
  }
  return {data, std::free};
}

/// All tasks on the calling thread: a kernel with several parallel loops is
/// timed as one.
void runTasks(neap_context *ctx, neap_task task, void *args, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    task(ctx, args, i, 0);
}

struct Timing {
  double seconds, peak;
};
/// Medians of this thread's own time and of the FMA rate measured between.
Timing measureCalls(const std::function<void()> &call, int lanes, int samples) {
  std::vector<double> seconds, peaks;
  call();
  for (int i = 0; i < samples; ++i) {
    double start = getThreadSeconds();
    int calls = 0;
    do
      call();
    while (++calls, getThreadSeconds() - start < 0.02);
    seconds.push_back((getThreadSeconds() - start) / calls);
    peaks.push_back(measurePeak(lanes));
  }
  std::sort(seconds.begin(), seconds.end());
  std::sort(peaks.begin(), peaks.end());
  return {seconds[seconds.size() / 2], peaks[peaks.size() / 2]};
}

void runJob(const Job &job, int64_t tokens, const KernelTarget &target,
            int samples) {
  test::CompiledKernel kernel(job.source, target);
  std::vector<std::unique_ptr<float, void (*)(void *)>> buffers;
  std::vector<const void *> inputs;
  std::vector<void *> outputs;
  double bytes = 0;
  auto add = [&](int64_t columns) {
    int64_t floats = columns < 0 ? -columns : columns * tokens;
    bytes += 4 * double(floats);
    buffers.push_back(makeBuffer(floats));
    return static_cast<void *>(buffers.back().get());
  };
  for (int64_t columns : job.inputs)
    inputs.push_back(add(columns));
  for (int64_t columns : job.outputs)
    outputs.push_back(add(columns));
  std::vector<void *> cells = kernel.bind(inputs, outputs);
  kernel.context.token_count = tokens;
  kernel.context.parallel_for = runTasks;
  kernel.context.thread_count = 1;
  Timing sample = measureCalls([&] { kernel.call(cells); },
                               int(target.vectorFloats), samples);
  std::printf("%-30s S=%-4lld %9.1f us ", job.name.c_str(),
              static_cast<long long>(tokens), sample.seconds * 1e6);
  if (job.flops > 0)
    std::printf("%7.1f GF/s %5.1f %% of %.1f", job.flops / sample.seconds / 1e9,
                100 * job.flops / sample.seconds / sample.peak,
                sample.peak / 1e9);
  else
    std::printf("%7.1f GB/s", bytes / sample.seconds / 1e9);
  std::printf("  code %lld scratch %lld\n",
              static_cast<long long>(kernel.getCodeBytes()),
              static_cast<long long>(kernel.getScratchBytes()));
  std::fflush(stdout);
}
} // namespace

int main(int argc, char **argv) {
  BenchOptions options(argc, argv, usage,
                       {"lanes", "samples", "threads", "only"});
  int64_t lanes =
      options.number("lanes", test::getHostTarget(1, 1).vectorFloats);
  KernelTarget target = getDefaultTiles(lanes);
  target.maxThreads = options.number("threads", 1);
  auto run = [&](const Job &job, int64_t tokens) {
    target.maxTokens = tokens;
    if (job.name.find(options.text("only")) != std::string::npos)
      runJob(job, tokens, target, int(options.number("samples", 9)));
  };
  for (bool backward : {false, true}) {
    for (int64_t tokens : {64, 128, 512, 1024})
      run(attention(backward, 8, 8, 64, tokens), tokens);
    run(attention(backward, 9, 3, 64, 512), 512);
    run(attention(backward, 8, 2, 128, 512), 512);
    run(attention(backward, 8, 8, 80, 512), 512);
  }
  std::string silu = "{kind = #graph<kind silu>}";
  std::string gelu = "{kind = #graph<kind gelu>}";
  std::string epsilon = "{epsilon = 1.000000e-05 : f32}";
  run(rows("graph.glu", 4864, 2, 1, silu), 128);
  run(rows("graph.glu_backward", 4864, 3, 2, silu), 128);
  run(rows("graph.activation", 4864, 1, 1, gelu), 128);
  run(rows("graph.add", 896, 2, 1, ""), 512);
  run(rows("graph.rms_norm", 896, 1, 1, epsilon, true), 512);
  run(rows("graph.rms_norm_backward", 896, 2, 1, epsilon, true), 512);
  run(rows("graph.layer_norm", 896, 1, 1, epsilon, true), 512);
  run(rows("train.dropout", 896, 1, 1,
           "{probability = 1.000000e-01 : f32, stream = 0 : i64}"),
      512);
  return 0;
}
