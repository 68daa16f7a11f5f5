//===- NeapSolveTest.cpp - neap-solve as a user sees it -------------------===//

#include "passes/Solvers/AllocationCsv.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <sys/stat.h>
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

std::string withoutSeconds(const std::string &text) {
  return std::regex_replace(text, std::regex("\"seconds\":[0-9.]+"), "");
}

long filesIn(const std::filesystem::path &folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

class NeapSolve : public testing::Test {
protected:
  void SetUp() override {
    std::string name =
        testing::UnitTest::GetInstance()->current_test_info()->name();
    folder = std::filesystem::path(testing::TempDir()) / ("neap-solve-" + name);
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string &name, const std::string &text) {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }

  Execution run(const std::string &arguments) {
    std::string errorPath = (folder / "errors").string();
    std::string command = std::string("'") + NEAP_SOLVE_PATH + "' " +
                          arguments + " 2>'" + errorPath + "'";
    FILE *pipe = popen(command.c_str(), "r");
    std::string output;
    std::array<char, 256> chunk;
    while (fgets(chunk.data(), chunk.size(), pipe))
      output += chunk.data();
    int status = pclose(pipe);
    return {WEXITSTATUS(status), output, contentsOf(errorPath)};
  }

  std::filesystem::path folder;
};

const char *const smallTable = "id,lower,upper,size\nb1,0,3,4\nb2,3,9,4\n"
                               "b3,0,9,4\nb4,9,21,4\nb5,0,21,4\n";

TEST_F(NeapSolve, PrintsOneLineAndWritesOffsets) {
  std::string input = write("in.csv", smallTable);
  std::string output = (folder / "out.csv").string();
  Execution result = run("allocate '" + input + "' -o '" + output + "'");
  EXPECT_EQ(result.exitCode, 0) << result.errors;
  EXPECT_TRUE(std::regex_match(
      result.output,
      std::regex("\\{\"height\":12,\"lower_bound\":12,\"optimal\":true,"
                 "\"seconds\":[0-9.]+\\}\n")))
      << result.output;

  std::ifstream written(output);
  std::string error;
  std::optional<AllocationTable> table =
      readAllocationCsv(written, "out.csv", error);
  ASSERT_TRUE(table.has_value()) << error;
  EXPECT_EQ(table->columns.back(), "offset");
  AllocationSolution solution;
  for (const Buffer &buffer : table->problem.buffers)
    solution.offsets.push_back(buffer.fixedOffset.value_or(-1));
  solution.heightBytes = 12;
  EXPECT_EQ(validateAllocation(table->problem, solution), std::nullopt);
  EXPECT_EQ(filesIn(folder), 3); // errors, in.csv, out.csv
}

TEST_F(NeapSolve, WritesThroughLinksAndIntoDevices) {
  namespace fs = std::filesystem;
  std::string input = write("in.csv", smallTable);
  std::string graph =
      write("in.json",
            R"({"nodes": [{"id": 1, "bytes": 6, "flop": 1, "deps": []}]})");
  for (const std::string &command :
       {"allocate '" + input + "'", "remat '" + graph + "' --budget 1KiB"}) {
    std::string target = write("target", "old");
    fs::create_symlink("target", folder / "link");
    fs::create_symlink("new", folder / "dangling");
    fs::create_symlink("/dev/null", folder / "null");
    for (const char *name : {"link", "dangling", "null"}) {
      std::string path = (folder / name).string();
      EXPECT_EQ(run(command + " -o '" + path + "'").exitCode, 0);
      EXPECT_TRUE(fs::is_symlink(path)) << name;
    }
    EXPECT_NE(contentsOf(target), "old");
    EXPECT_EQ(withoutSeconds(contentsOf(target)),
              withoutSeconds(contentsOf(folder / "new")));
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
    std::string pipe = (folder / "pipe").string();
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    Execution piped =
        run(command + " -o '" + pipe + "' >'" + (folder / "log").string() +
            "' & cat '" + pipe + "'; wait");
    EXPECT_EQ(withoutSeconds(piped.output), withoutSeconds(contentsOf(target)));
    EXPECT_TRUE(fs::is_fifo(pipe));
    EXPECT_EQ(run(command + " -o /dev/full").errors,
              "error: /dev/full: cannot write: No space left on device\n");
    for (const char *name : {"link", "dangling", "null", "new", "pipe"})
      fs::remove(folder / name);
  }
}

TEST_F(NeapSolve, LostOutputIsAnError) {
  std::string input = write("in.csv", smallTable);
  std::string graph =
      write("in.json",
            R"({"nodes": [{"id": 1, "bytes": 6, "flop": 1, "deps": []}]})");
  for (const std::string &command :
       {"allocate '" + input + "'", "remat '" + graph + "' --budget 1KiB",
        std::string("--help"), std::string("--version")})
    for (const char *to : {">/dev/full", ">&-"}) {
      Execution result = run(command + " " + to);
      EXPECT_EQ(result.exitCode, 3) << command << to;
      EXPECT_EQ(
          result.errors.rfind("error: standard output: cannot be written: ", 0),
          0u)
          << result.errors;
    }
}

TEST_F(NeapSolve, CapacityThatFits) {
  std::string input = write("in.csv", smallTable);
  Execution result = run("allocate '" + input + "' --capacity 100");
  EXPECT_EQ(result.exitCode, 0) << result.errors;
}

TEST_F(NeapSolve, SizesHaveUnits) {
  std::string input = write("in.csv", smallTable);
  for (const char *size : {"12B", "1KiB", "'1.5 kB'", "1GiB"})
    EXPECT_EQ(run("allocate '" + input + "' --capacity " + size).exitCode, 0)
        << size;
  EXPECT_EQ(run("allocate '" + input + "' --capacity 11B").exitCode, 4);
  Execution odd = run("allocate '" + input + "' --capacity 1KiBB");
  EXPECT_EQ(odd.exitCode, 2);
  EXPECT_EQ(odd.errors,
            "error: allocate: expected '--capacity' to be a size such as "
            "1048576, 512MiB or 1.5GB, but found '1KiBB'\n");
  std::string graph =
      write("in.json", R"({"nodes": [{"id": 1, "bytes": 600, "flop": 1,
                                      "deps": []}]})");
  EXPECT_EQ(run("remat '" + graph + "' --budget 1KiB").exitCode, 0);
  EXPECT_EQ(run("remat '" + graph + "' --budget 0.5KiB").exitCode, 4);
  EXPECT_EQ(run("remat '" + graph + "' --budget 1K").exitCode, 2);
}

TEST_F(NeapSolve, CapacityThatDoesNotFitWritesNothing) {
  std::string input = write("in.csv", smallTable);
  std::string output = (folder / "out.csv").string();
  Execution result =
      run("allocate '" + input + "' --capacity 11 -o '" + output + "'");
  EXPECT_EQ(result.exitCode, 4);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors, "error: expected a height of at most 11 bytes, but "
                           "at least 12 are needed\n");
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST_F(NeapSolve, BadInput) {
  std::string input = write("in.csv", "id,lower,upper,size\na,0,1,oops\n");
  Execution result = run("allocate '" + input + "'");
  EXPECT_EQ(result.exitCode, 3);
  EXPECT_EQ(result.errors,
            "error: " + input +
                ":2: expected an integer in column 'size', but found 'oops'\n");
  EXPECT_EQ(run("allocate '" + input + ".missing'").exitCode, 3);
  std::string good = write("good.csv", smallTable);
  Execution unwritable =
      run("allocate '" + good + "' -o '" + input + ".missing/out.csv'");
  EXPECT_EQ(unwritable.exitCode, 3);
  EXPECT_EQ(unwritable.output, "");
}

TEST_F(NeapSolve, ControlCharactersAreMasked) {
  std::string input = write("in.csv", "id,lower,upper,size\na,0,1,\x1b[31m\n");
  EXPECT_NE(run("allocate '" + input + "'").errors.find("'\\x1b[31m'"),
            std::string::npos);
  std::string graph = write("in.json", "{\"nodes\": \"\x7f\"}");
  EXPECT_NE(run("remat '" + graph + "' --budget 1KiB").errors.find("\\x7f"),
            std::string::npos);
  EXPECT_NE(run("'\x1b'").errors.find("'\\x1b'"), std::string::npos);
}

TEST_F(NeapSolve, Usage) {
  std::string input = write("in.csv", smallTable);
  EXPECT_EQ(run("").exitCode, 2);
  EXPECT_EQ(run("frobnicate").exitCode, 2);
  EXPECT_EQ(run("allocate").exitCode, 2);
  EXPECT_EQ(run("allocate '" + input + "' '" + input + "'").exitCode, 2);
  EXPECT_EQ(run("allocate '" + input + "' --capacity").exitCode, 2);
  EXPECT_EQ(run("allocate '" + input + "' --capacity 1k").exitCode, 2);
  EXPECT_EQ(run("allocate '" + input + "' --time-limit -1").exitCode, 2);
  Execution unknown = run("allocate '" + input + "' --fast");
  EXPECT_EQ(unknown.exitCode, 2);
  EXPECT_EQ(unknown.errors, "error: allocate: unknown option '--fast'\n");
  EXPECT_EQ(run("--help").exitCode, 0);
  Execution version = run("--version");
  EXPECT_EQ(version.exitCode, 0);
  EXPECT_EQ(version.output.find("neap-solve "), 0u) << version.output;
}

} // namespace
