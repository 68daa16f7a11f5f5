//===- RematValidateTest.cpp - What the remat validator rejects -----------===//

#include "passes/Solvers/Remat.h"

#include <gtest/gtest.h>

#include <limits>

using namespace neap;

namespace {

/// 0 (4 bytes, cost 3) -> 1 (2, 5) -> 2 (5, 7); 3 (1, 1) reads 0 and 1.
RematProblem smallProblem(int64_t budgetBytes) {
  RematProblem problem;
  problem.nodes = {
      {0, 4, 3, {}}, {1, 2, 5, {0, 0}}, {2, 5, 7, {1}}, {3, 1, 1, {0, 1}}};
  problem.budgetBytes = budgetBytes;
  return problem;
}

RematStep compute(int node) { return {node, false}; }
RematStep drop(int node) { return {node, true}; }

RematSolution recomputing() {
  RematSolution solution;
  solution.status = RematStatus::Found;
  solution.steps = {compute(0), compute(1), drop(0),   compute(2),
                    drop(2),    compute(0), compute(3)};
  solution.cost = solution.lowerBound = 19;
  solution.recomputedCost = 3;
  solution.optimal = true;
  solution.peakBytes = 7;
  return solution;
}

std::string complaint(const RematProblem &problem,
                      const RematSolution &solution) {
  return validateRemat(problem, solution).value_or("");
}

TEST(RematValidate, AcceptsTheRightAnswer) {
  EXPECT_EQ(complaint(smallProblem(7), recomputing()), "");
}

TEST(RematValidate, RejectsWrongSteps) {
  RematProblem problem = smallProblem(7);
  auto withSteps = [&](std::vector<RematStep> steps) {
    RematSolution solution = recomputing();
    solution.steps = std::move(steps);
    return complaint(problem, solution);
  };
  EXPECT_EQ(withSteps({compute(1)}),
            "step 0: node 1 is computed without its input node 0");
  EXPECT_EQ(withSteps({compute(0), compute(0)}),
            "step 1: node 0 is computed while it is held");
  EXPECT_EQ(withSteps({drop(0)}), "step 0: node 0 is dropped but not held");
  EXPECT_EQ(withSteps({compute(4)}), "step 0: a step names no node");
  EXPECT_EQ(withSteps({compute(0), compute(1), compute(2)}),
            "step 2: node 2 needs 11 bytes of a budget of 7");
  EXPECT_EQ(withSteps({compute(0), compute(1), compute(3)}),
            "step 2: node 3 is computed before node 2");
  EXPECT_EQ(withSteps({compute(0), compute(1), drop(0)}),
            "node 2 is never computed");
  problem.nodes[0].scratchBytes = 4;
  EXPECT_EQ(withSteps({compute(0)}),
            "step 0: node 0 needs 8 bytes of a budget of 7");
}

TEST(RematValidate, ChecksTheOrderWithinAStage) {
  RematProblem problem = smallProblem(20);
  RematSolution solution = recomputing();
  solution.steps = {compute(0), compute(1), drop(0),    compute(2),
                    drop(1),    compute(0), compute(1), compute(3)};
  solution.cost = solution.lowerBound = 24;
  solution.recomputedCost = 8;
  solution.peakBytes = 12;
  EXPECT_EQ(complaint(problem, solution), "");
  // 1 from the 0 of the stage before, then 0: backwards within a stage.
  solution.steps = {compute(0), compute(1), drop(1), compute(2)};
  EXPECT_EQ(complaint(problem, solution),
            "step 3: node 2 is computed without its input node 1");
  solution.steps = {compute(0), compute(1), compute(2), drop(1),
                    compute(1), drop(0),    compute(0), compute(3)};
  EXPECT_EQ(complaint(problem, solution),
            "step 6: node 0 is out of order in the stage of node 3");
  problem.order = RematOrder::Free;
  EXPECT_EQ(complaint(problem, solution), "");
  problem.nodes[1].rerunnable = false;
  EXPECT_EQ(complaint(problem, solution),
            "step 4: node 1 is computed twice but must not be");
}

TEST(RematValidate, RejectsWrongSums) {
  RematProblem problem = smallProblem(7);
  RematSolution solution = recomputing();
  solution.cost = 16;
  EXPECT_EQ(complaint(problem, solution),
            "the cost is 19.000000, not 16.000000");
  solution = recomputing();
  solution.recomputedCost = 0;
  EXPECT_EQ(complaint(problem, solution),
            "recomputation costs 3.000000, not 0.000000");
  solution = recomputing();
  solution.peakBytes = 6;
  EXPECT_EQ(complaint(problem, solution), "the peak is 7 bytes, not 6");
  solution = recomputing();
  solution.lowerBound = 20;
  EXPECT_EQ(complaint(problem, solution),
            "the lower bound lies above the cost");
  solution.lowerBound = 18;
  EXPECT_EQ(complaint(problem, solution),
            "called optimal, but the lower bound lies below the cost");
  solution.status = RematStatus::Unknown;
  EXPECT_EQ(complaint(problem, solution), "there is no answer");
}

TEST(RematValidate, RejectsWrongProblems) {
  auto complaintAbout = [](auto change) {
    RematProblem problem = smallProblem(7);
    change(problem);
    return validateRematProblem(problem).value_or("");
  };
  EXPECT_EQ(complaintAbout([](RematProblem &p) { p.budgetBytes = -1; }),
            "the budget is -1 bytes");
  EXPECT_EQ(complaintAbout([](RematProblem &p) { p.nodes[1].bytes = -2; }),
            "node 1 has -2 bytes");
  EXPECT_EQ(
      complaintAbout([](RematProblem &p) { p.nodes[1].scratchBytes = -2; }),
      "node 1 has -2 bytes of scratch memory");
  EXPECT_EQ(complaintAbout([](RematProblem &p) {
              p.nodes[2].cost = std::numeric_limits<double>::infinity();
            }),
            "node 2 costs inf");
  EXPECT_EQ(complaintAbout([](RematProblem &p) { p.nodes[2].deps = {2}; }),
            "node 2 depends on what is no earlier node");
}

TEST(Remat, WorkingSetAndKeepAllPeak) {
  RematProblem problem = smallProblem(7);
  EXPECT_EQ(rematWorkingSet(problem), 7);
  EXPECT_EQ(rematKeepAllPeak(problem), 11);
  problem.nodes[2].scratchBytes = 10;
  EXPECT_EQ(rematWorkingSet(problem), 17);
  problem.nodes[2].required = false;
  EXPECT_EQ(rematWorkingSet(problem), 7);
  EXPECT_EQ(rematKeepAllPeak(problem), 7);
}

TEST(Remat, NodeLimitLeavesABound) {
  // A chain and its reverse: 24 equal outputs, room for 6.
  RematProblem problem;
  for (int i = 0; i < 48; ++i) {
    RematNode node{i, 1, 1.0 + i % 7, {}};
    if (i > 0)
      node.deps.push_back(i - 1);
    if (i >= 24)
      node.deps.push_back(47 - i);
    problem.nodes.push_back(node);
  }
  problem.budgetBytes = 6;
  RematOptions options;
  options.nodeLimit = 500;
  RematSolution solution = solveRemat(problem, options);
  ASSERT_EQ(solution.status, RematStatus::Found);
  EXPECT_EQ(validateRemat(problem, solution), std::nullopt);
  EXPECT_LE(solution.nodes, 500);
  EXPECT_FALSE(solution.optimal);
  EXPECT_LT(solution.lowerBound, solution.cost);
  EXPECT_EQ(solveRemat(problem, options).cost, solution.cost);
}

} // namespace
