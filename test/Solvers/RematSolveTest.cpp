//===- RematSolveTest.cpp - neap-solve remat as a user sees it ------------===//

#include "passes/Solvers/Remat.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <sys/wait.h>

using namespace neap;

namespace {

struct Execution {
  int exitCode;
  std::string output;
  std::string errors;
};

std::string contentsOf(const std::filesystem::path &path) {
  std::ifstream input(path);
  std::ostringstream text;
  text << input.rdbuf();
  return text.str();
}

class NeapSolveRemat : public testing::Test {
protected:
  void SetUp() override {
    std::string name =
        testing::UnitTest::GetInstance()->current_test_info()->name();
    folder = std::filesystem::path(testing::TempDir()) / ("neap-remat-" + name);
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string &name, const std::string &text) {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }

  Execution run(const std::string &arguments) {
    std::string errorPath = (folder / "errors").string();
    std::string command = std::string("'") + NEAP_SOLVE_PATH + "' remat " +
                          arguments + " 2>'" + errorPath + "'";
    FILE *pipe = popen(command.c_str(), "r");
    std::string output;
    std::array<char, 256> chunk;
    while (fgets(chunk.data(), chunk.size(), pipe))
      output += chunk.data();
    int status = pclose(pipe);
    return {WEXITSTATUS(status), output, contentsOf(errorPath)};
  }

  /// Solves nodes given as JSON text; expects exit 3 with this message.
  void expectRejected(const std::string &text, const std::string &message) {
    std::string input = write("bad.json", text);
    Execution result = run("'" + input + "' --budget 9");
    EXPECT_EQ(result.exitCode, 3) << text;
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(result.errors, "error: " + input + ": " + message + "\n");
  }

  std::filesystem::path folder;
};

// The ids are keys, not places; `op` and `backward` are not read. Node 10 is
// dropped for the sake of 12 and computed again for 13: 3 + 5 + 7 + 3 + 1.
const char *const graph =
    R"({"name": "small", "nodes": [
{"id": 10, "op": "Input", "bytes": 4, "flop": 3, "backward": false, "deps": []},
{"id": 11, "bytes": 2, "flop": 5.0, "deps": [10, 10]},
{"id": 12, "bytes": 5, "flop": 7, "deps": [11]},
{"id": 13, "bytes": 1, "flop": 1, "deps": [10, 11]}]})";

TEST_F(NeapSolveRemat, PrintsOneLineAndWritesTheSchedule) {
  std::string input = write("in.json", graph);
  std::string output = (folder / "out.json").string();
  Execution result = run("'" + input + "' --budget 7 -o '" + output + "'");
  EXPECT_EQ(result.exitCode, 0) << result.errors;
  EXPECT_TRUE(std::regex_match(
      result.output,
      std::regex("\\{\"cost\":19,\"lower_bound\":19,\"optimal\":true,"
                 "\"peak\":7,\"recomputed_cost\":3,\"seconds\":[0-9.]+\\}\n")))
      << result.output;
  EXPECT_EQ(contentsOf(output),
            result.output.substr(0, result.output.size() - 2) +
                ",\n\"steps\":[\n{\"compute\":10},\n{\"compute\":11},\n"
                "{\"drop\":10},\n{\"compute\":12},\n{\"drop\":12},\n"
                "{\"compute\":10},\n{\"compute\":13}\n]}\n");
  EXPECT_FALSE(std::filesystem::exists(output + ".partial"));
}

TEST_F(NeapSolveRemat, FreeOrderNeedsNoSecondComputation) {
  std::string input = write("in.json", graph);
  Execution result = run("'" + input + "' --budget 7 --order free");
  EXPECT_EQ(result.exitCode, 0) << result.errors;
  EXPECT_EQ(result.output.substr(0, 11), "{\"cost\":16,") << result.output;
}

TEST_F(NeapSolveRemat, TooSmallABudgetNamesTheSmallestOne) {
  std::string input = write("in.json", graph);
  std::string output = (folder / "out.json").string();
  Execution result = run("'" + input + "' --budget 6 -o '" + output + "'");
  EXPECT_EQ(result.exitCode, 4);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors, "error: expected a schedule within 6 bytes, but 7 "
                           "are needed and suffice\n");
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST_F(NeapSolveRemat, TooSmallABudgetAboveTheWorkingSet) {
  // Each computation alone needs at most 10, but 0 is needed again at the end
  // and must not be computed twice.
  std::string input = write("in.json", R"({"nodes": [
{"id": 0, "bytes": 4, "flop": 1, "deps": [], "rerunnable": false},
{"id": 1, "bytes": 1, "flop": 1, "deps": [0]},
{"id": 2, "bytes": 7, "flop": 1, "deps": [1], "scratch": 2},
{"id": 3, "bytes": 1, "flop": 1, "deps": [0, 1]},
{"id": 4, "bytes": 9, "flop": 1, "deps": [], "required": false}]})");
  Execution result = run("'" + input + "' --budget 12");
  EXPECT_EQ(result.exitCode, 4);
  EXPECT_EQ(result.errors, "error: expected a schedule within 12 bytes, but 14 "
                           "are needed and suffice\n");
  EXPECT_EQ(run("'" + input + "' --budget 14").exitCode, 0);
  EXPECT_EQ(run("'" + input + "' --budget 10 --order free").exitCode, 0);
}

TEST_F(NeapSolveRemat, BadInput) {
  expectRejected("{", "not JSON: found an error at byte 2");
  expectRejected("[]", "$: expected an object, but found []");
  expectRejected("{}", "$: expected a field 'nodes', but found none");
  expectRejected(R"({"nodes": 1})", "$.nodes: expected an array, but found 1");
  expectRejected(R"({"nodes": [7]})",
                 "$.nodes[0]: expected an object, but found 7");
  auto node = [](const std::string &fields) {
    return R"({"nodes": [{"id": 0, "bytes": 1, "flop": 1, "deps": []},)"
           "{" +
           fields + "}]}";
  };
  expectRejected(node(R"("id": 1, "bytes": 1, "flop": 1)"),
                 "$.nodes[1]: expected a field 'deps', but found none");
  expectRejected(node(R"("id": 1, "bytes": 1.5, "flop": 1, "deps": [])"),
                 "$.nodes[1].bytes: expected an integer, but found 1.5");
  expectRejected(
      node(R"("id": 1, "bytes": 18446744073709551615, "flop": 1, "deps": [])"),
      "$.nodes[1].bytes: expected an integer, but found 18446744073709551615");
  expectRejected(node(R"("id": 1, "bytes": -1, "flop": 1, "deps": [])"),
                 "$.nodes[1].bytes: expected a number of bytes, but found -1");
  expectRejected(node(R"("id": 1, "bytes": 1, "flop": "1", "deps": [])"),
                 "$.nodes[1].flop: expected a number from 0 on, but found "
                 "\"1\"");
  expectRejected(node(R"("id": 1, "bytes": 1, "flop": 1, "deps": 0)"),
                 "$.nodes[1].deps: expected an array, but found 0");
  expectRejected(node(R"("id": 1, "bytes": 1, "flop": 1, "deps": [0, 1])"),
                 "$.nodes[1].deps[1]: expected the id of an earlier node, but "
                 "found 1");
  expectRejected(node(R"("id": 0, "bytes": 1, "flop": 1, "deps": [])"),
                 "$.nodes[1].id: expected an id of its own, but found 0 again");
  expectRejected(
      node(R"("id": 1, "bytes": 1, "flop": 1, "deps": [], "required": 1)"),
      "$.nodes[1].required: expected true or false, but found 1");
  expectRejected(node(R"("id": 1, "bytes": 4611686018427387904, "flop": 1,)"
                      R"( "deps": [])"),
                 "the sizes sum up to more than 2^62 bytes");
  EXPECT_EQ(run("'" + (folder / "none.json").string() + "' --budget 1").errors,
            "error: " + (folder / "none.json").string() +
                ": cannot be opened\n");
  std::string good = write("good.json", graph);
  Execution unwritable =
      run("'" + good + "' --budget 9 -o '" + good + ".missing/out.json'");
  EXPECT_EQ(unwritable.exitCode, 3);
  EXPECT_EQ(unwritable.output, "");
}

TEST_F(NeapSolveRemat, TooManyNodes) {
  std::string text =
      R"({"nodes": [{"id": 0, "bytes": 1, "flop": 1, "deps": []})";
  for (int i = 1; i <= rematMaxNodes; ++i)
    text += ",{\"id\": " + std::to_string(i) +
            R"(, "bytes": 1, "flop": 1, "deps": []})";
  expectRejected(text + "]}", "found 2049 nodes, expected at most 2048");
}

TEST_F(NeapSolveRemat, EmptyGraph) {
  std::string input = write("in.json", R"({"nodes": []})");
  Execution result = run("'" + input + "' --budget 0");
  EXPECT_EQ(result.exitCode, 0) << result.errors;
  EXPECT_EQ(result.output.substr(0, 44),
            "{\"cost\":0,\"lower_bound\":0,\"optimal\":true,\"pe");
}

TEST_F(NeapSolveRemat, Usage) {
  std::string input = write("in.json", graph);
  EXPECT_EQ(run("").exitCode, 2);
  EXPECT_EQ(run("'" + input + "'").errors,
            "error: remat: expected '--budget'\n");
  EXPECT_EQ(run("--budget 7").errors, "error: remat: expected a file\n");
  EXPECT_EQ(run("'" + input + "' --budget").exitCode, 2);
  EXPECT_EQ(run("'" + input + "' --budget 7k").exitCode, 2);
  EXPECT_EQ(run("'" + input + "' --budget -7").exitCode, 2);
  EXPECT_EQ(run("'" + input + "' --budget 7 --order any").exitCode, 2);
  EXPECT_EQ(run("'" + input + "' --budget 7 --time-limit -1").exitCode, 2);
  EXPECT_EQ(run("'" + input + "' '" + input + "' --budget 7").exitCode, 2);
  EXPECT_EQ(run("'" + input + "' --budget 7 --fast").errors,
            "error: remat: unknown option '--fast'\n");
}

} // namespace
