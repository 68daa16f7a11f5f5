// The chain's dynamic programme against every plan, tried one by one.
#include "passes/Solvers/Chain.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <random>

using namespace neap;

namespace {

/// Everything that `seed` decides: up to five segments with options of one or
/// two segments, some segments alike.
ChainProblem makeProblem(unsigned seed) {
  std::mt19937 random(seed);
  auto draw = [&](int low, int high) {
    return low + static_cast<int>(random() % (high - low + 1));
  };
  int kinds = draw(1, 3), count = draw(1, 5);
  std::vector<std::vector<ChainOption>> byKind(kinds);
  std::vector<ChainRun> run;
  for (std::vector<ChainOption> &options : byKind) {
    for (int i = draw(1, 3); i-- > 0;) {
      ChainOption option;
      option.length = draw(1, 2);
      option.keptBytes = draw(0, 6);
      option.extraNs = draw(0, 9);
      option.lastRunNs = draw(0, 9);
      option.peakBytes = option.keptBytes + draw(0, 4);
      options.push_back(option);
    }
    options.front().length = 1;
    run.push_back({draw(0, 2), draw(1, 9)});
  }
  ChainProblem problem;
  for (int s = 0; s < count; ++s) {
    problem.types.push_back(draw(0, kinds - 1));
    problem.options.push_back(byKind[problem.types.back()]);
  }
  problem.runs.resize(count);
  for (int a = 0; a < count; ++a) {
    int64_t ns = 0;
    for (int b = a; b < count; ++b) {
      ns += run[problem.types[b]].ns;
      problem.runs[a].push_back({run[problem.types[b]].keptBytes, ns});
    }
  }
  return problem;
}

/// The least time of [begin, end) within `bytes`, by trying everything; -1 if
/// nothing fits. `again`: a stretch, whose forward run counts.
int64_t tryAll(const ChainProblem &problem, int begin, int end, bool again,
               int64_t bytes) {
  int64_t best = -1;
  auto consider = [&](int64_t ns, int64_t kept, int next) {
    int64_t rest = next == end ? 0
                   : kept <= bytes
                       ? tryAll(problem, next, end, again, bytes - kept)
                       : -1;
    if (rest >= 0 && (best < 0 || ns + rest < best))
      best = ns + rest;
  };
  for (const ChainOption &option : problem.options[begin]) {
    int next = begin + option.length;
    if (next > end || option.peakBytes > bytes)
      continue;
    int64_t run = next == end ? option.lastRunNs
                              : problem.runs[begin][option.length - 1].ns;
    consider(option.extraNs + (again ? run : 0), option.keptBytes, next);
  }
  for (int split = begin + 1; split < end; ++split) {
    int64_t inside = tryAll(problem, begin, split, true, bytes);
    const ChainRun &run = problem.runs[begin][split - begin - 1];
    if (inside >= 0)
      consider((again ? run.ns : 0) + inside, run.keptBytes, split);
  }
  return best;
}

/// Adds up the time of pieces that cover [begin, end); fails where they do not
/// or where they need more than `bytes`.
int64_t addUp(const ChainProblem &problem, int begin, int end, bool again,
              int64_t bytes, const std::vector<ChainPiece> &pieces) {
  int64_t total = 0;
  for (const ChainPiece &piece : pieces) {
    EXPECT_EQ(piece.begin, begin);
    begin = piece.end;
    int64_t run = problem.runs[piece.begin][piece.end - piece.begin - 1].ns;
    int64_t kept = 0;
    if (piece.option >= 0) {
      const ChainOption &option = problem.options[piece.begin][piece.option];
      EXPECT_EQ(piece.begin + option.length, piece.end);
      EXPECT_LE(option.peakBytes, bytes);
      total += option.extraNs;
      run = begin == end ? option.lastRunNs : run;
      kept = begin == end ? 0 : option.keptBytes;
    } else {
      total +=
          addUp(problem, piece.begin, piece.end, true, bytes, piece.inside);
      kept = problem.runs[piece.begin][piece.end - piece.begin - 1].keptBytes;
    }
    total += again ? run : 0;
    bytes -= kept;
    EXPECT_GE(bytes, 0);
  }
  EXPECT_EQ(begin, end);
  return total;
}

TEST(ChainTest, EqualsEveryPlanTriedOneByOne) {
  constexpr int64_t most = 40;
  int deepest = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    ChainProblem problem = makeProblem(seed);
    ChainSolver solver(problem, most);
    int64_t smallest = -1;
    for (int64_t bytes = 0; bytes <= most; ++bytes) {
      int64_t best = tryAll(problem, 0, problem.size(), false, bytes);
      std::optional<ChainSolution> solution = solver.solve(bytes);
      ASSERT_EQ(solution ? solution->extraNs : -1, best)
          << "seed " << seed << ", " << bytes << " bytes";
      if (!solution)
        continue;
      smallest = smallest < 0 ? bytes : smallest;
      ASSERT_EQ(
          addUp(problem, 0, problem.size(), false, bytes, solution->pieces),
          best)
          << "seed " << seed;
      for (const ChainPiece &piece : solution->pieces)
        deepest = std::max(deepest, piece.depth());
    }
    EXPECT_EQ(solver.getSmallestLimit(INT64_MAX).value_or(-1), smallest);
  }
  EXPECT_GE(deepest, 2); // the cases reach what they are for
}

TEST(ChainTest, RoundingLeavesTheBestBetween) {
  constexpr int64_t scale = 10007, most = 20;
  for (unsigned seed = 0; seed < 500; ++seed) {
    ChainProblem problem = makeProblem(seed), scaled = problem;
    for (std::vector<ChainOption> &options : scaled.options)
      for (ChainOption &option : options) {
        option.keptBytes *= scale;
        option.peakBytes *= scale;
      }
    for (std::vector<ChainRun> &runs : scaled.runs)
      for (ChainRun &run : runs)
        run.keptBytes *= scale;
    ChainSolver up(scaled, most * scale);
    ChainSolver down(scaled, most * scale, ChainSolver::Rounding::Down);
    for (int64_t bytes = 0; bytes <= most; ++bytes) {
      int64_t best = tryAll(problem, 0, problem.size(), false, bytes);
      std::optional<ChainSolution> above = up.solve(bytes * scale),
                                   below = down.solve(bytes * scale);
      if (above)
        ASSERT_TRUE(best >= 0 && best <= above->extraNs) << seed;
      if (best >= 0)
        ASSERT_TRUE(below && below->extraNs <= best) << seed;
    }
  }
}

/// Equal blocks that keep only their input, a boundary takes one byte: with the
/// one that is being worked on and c others the fewest runs are Griewank and
/// Walther's binomial ones.
TEST(ChainTest, IsBinomialForEqualBlocks) {
  constexpr int count = 20;
  ChainProblem problem;
  for (int s = 0; s < count; ++s) {
    ChainOption option;
    option.keptBytes = 1;
    option.extraNs = 1; // the block's own second run
    problem.options.push_back({option});
    problem.types.push_back(0);
    problem.runs.emplace_back();
    for (int n = 1; s + n <= count; ++n)
      problem.runs.back().push_back({1, n});
  }
  ChainSolver solver(problem, count);
  for (int64_t boundaries = 1; boundaries <= count; ++boundaries) {
    // Griewank's f(n, c) with c checkpoints besides the chain's input: forward
    // runs of single blocks, those with a gradient included.
    std::vector<std::vector<int64_t>> runs(
        count + 1, std::vector<int64_t>(boundaries + 1, 0));
    for (int n = 1; n <= count; ++n)
      for (int64_t c = 0; c <= boundaries; ++c) {
        int64_t best = int64_t(n) * (n + 1) / 2;
        for (int k = 1; k < n && c > 0; ++k)
          best = std::min(best, k + runs[n - k][c - 1] + runs[k][c]);
        runs[n][c] = best;
      }
    std::optional<ChainSolution> solution = solver.solve(boundaries);
    ASSERT_TRUE(solution);
    // The last block's first run is one of them there, and extra here.
    EXPECT_EQ(solution->extraNs, runs[count][boundaries - 1] - (count - 1))
        << boundaries;
  }
}

TEST(ChainTest, FindsTheSmallestLimitWithinATime) {
  ChainProblem problem;
  problem.options = {{{1, 1, 9, 0, 1}, {1, 5, 0, 0, 5}}};
  problem.types = {0};
  problem.runs = {{{0, 1}}};
  ChainSolver solver(problem, 10);
  EXPECT_EQ(solver.getSmallestLimit(9), 1);
  EXPECT_EQ(solver.getSmallestLimit(8), 5);
}

TEST(ChainTest, TellsWhenNothingFits) {
  ChainProblem problem;
  problem.options = {{{1, 4, 0, 0, 8}}};
  problem.types = {0};
  problem.runs = {{{0, 1}}};
  EXPECT_FALSE(ChainSolver(problem, 7).solve(7));
  EXPECT_FALSE(ChainSolver(problem, 7).getSmallestLimit(INT64_MAX));
  EXPECT_TRUE(ChainSolver(problem, 8).solve(8));
}

} // namespace
