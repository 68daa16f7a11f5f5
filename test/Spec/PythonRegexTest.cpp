#include "compiler/Spec/PythonRegex.h"
#include <gtest/gtest.h>

using neap::PythonRegex;

namespace {

bool fullMatch(const char *pattern, const char *text) {
  std::string error;
  auto regex = PythonRegex::compile(pattern, error);
  EXPECT_TRUE(regex) << pattern << ": " << error;
  return regex && regex->fullMatch(text);
}

std::string compileError(const std::string &pattern) {
  std::string error;
  return PythonRegex::compile(pattern, error) ? "no error" : error;
}

TEST(PythonRegex, PatternsFromRealAdapterConfigs) {
  const char *q0 = "model.layers.0.self_attn.q_proj";
  EXPECT_TRUE(fullMatch(R"(.*\.(q_proj|v_proj)$)", q0));
  EXPECT_FALSE(fullMatch("q_proj", q0));
  EXPECT_TRUE(fullMatch(R"(^(?!.*visual).*(?:q|k|v|o)_proj)", q0));
  EXPECT_FALSE(
      fullMatch(R"(^(?!.*visual).*(?:q|k|v|o)_proj)", "visual.0.q_proj"));
  EXPECT_TRUE(fullMatch(R"(model\.layers\.\d{1,2}\..*proj)", q0));
  EXPECT_TRUE(fullMatch("(?i:.*SELF_ATTN).*", q0));
  EXPECT_TRUE(fullMatch("(?i).*Q_PROJ", q0));
  EXPECT_FALSE(fullMatch("(?i:.*SELF_ATTN).*Q_PROJ", q0));
  EXPECT_TRUE(fullMatch(R"(.*\b(?P<name>[qv])_proj\Z)", q0));
  EXPECT_FALSE(fullMatch(R"(.*layers\.[^0]\..*)", q0));
}

TEST(PythonRegex, GroupsAreThoseOfTheFirstSuccess) {
  std::string error;
  auto regex = PythonRegex::compile(R"(.*?\.[^.]*\.(\d+)\.)", error);
  auto groups = regex->match("model.layers.12.experts.3.w1");
  ASSERT_TRUE(groups);
  EXPECT_EQ((*groups)[0], "model.layers.12.");
  EXPECT_EQ((*groups)[1], "12");
  EXPECT_FALSE(regex->match("model.layers.q_proj"));
}

TEST(PythonRegex, RefusedConstructsAreNamed) {
  EXPECT_EQ(compileError(R"((a)\1)"), "backreferences are not supported at "
                                      "offset 4");
  EXPECT_EQ(compileError("(?<=a)b"),
            "lookbehind assertions are not supported at offset 2");
  EXPECT_EQ(compileError("(?>a)"),
            "atomic groups are not supported at offset 2");
  EXPECT_EQ(compileError("a*+"),
            "possessive quantifiers are not supported at offset 2");
  EXPECT_EQ(compileError("(?(1)a)"),
            "conditional groups are not supported at offset 2");
  EXPECT_EQ(compileError("(?P=x)"),
            "named backreferences are not supported at offset 2");
  EXPECT_EQ(compileError("(?x) a"),
            "the flags a, L, m, u, x are not supported at offset 2");
  EXPECT_EQ(compileError("[\xc3\xa9]"),
            "non-ASCII characters in a class are not supported at offset 1");
  EXPECT_EQ(compileError("a{1001}"),
            "repeat counts above 1000 are not supported at offset 7");
}

TEST(PythonRegex, MalformedPatternsAreErrors) {
  EXPECT_EQ(compileError("(a"),
            "missing ), unterminated subpattern at offset 0");
  EXPECT_EQ(compileError("a)"), "unbalanced parenthesis at offset 1");
  EXPECT_EQ(compileError("[a"), "unterminated character set at offset 0");
  EXPECT_EQ(compileError("*a"), "nothing to repeat at offset 0");
  EXPECT_EQ(compileError("^*"), "nothing to repeat at offset 2");
  EXPECT_EQ(compileError("a**"), "multiple repeat at offset 3");
  EXPECT_EQ(compileError("a{3,2}"),
            "min repeat greater than max repeat at offset 6");
  EXPECT_EQ(compileError("\\"), "bad escape (end of pattern) at offset 1");
  EXPECT_EQ(compileError("\\q"), "bad escape \\q at offset 1");
  EXPECT_EQ(compileError("[z-a]"), "bad character range at offset 4");
  EXPECT_EQ(compileError("a(?i)"), "global flags not at the start of the "
                                   "expression at offset 5");
  EXPECT_EQ(compileError("(?k)"), "unknown extension at offset 2");
  EXPECT_EQ(compileError("(?i"), "missing ) at offset 3");
  EXPECT_EQ(compileError("(?#x"),
            "missing ), unterminated comment at offset 0");
  EXPECT_EQ(compileError("(?P<1>a)"), "bad group name at offset 4");
  EXPECT_EQ(compileError("(?P<a>x)(?P<a>x)"),
            "redefinition of a group name at offset 12");
}

// Patterns that take a backtracking engine exponential time or a recursive one
// all of its stack.
TEST(PythonRegex, HostilePatternsStayCheap) {
  std::string text(400, 'a');
  EXPECT_FALSE(fullMatch("(a*)*b", text.c_str()));
  EXPECT_FALSE(fullMatch("(a|a|aa)+$b", text.c_str()));
  EXPECT_FALSE(fullMatch("(?=(?=(?=.*b).*).*).*", text.c_str()));
  EXPECT_TRUE(fullMatch("(((?:a?){0,20})*)*", text.c_str()));
  EXPECT_EQ(compileError("((a{1000}){1000}){1000}")
                .find("the pattern is too "
                      "large"),
            0u);
  EXPECT_EQ(compileError("(?:(?:(?:(?:){1000}){1000}){1000}){1000}")
                .find("the pattern is too large"),
            0u);
  EXPECT_EQ(compileError(std::string(5000, '('))
                .find("groups are nested too "
                      "deeply"),
            0u);
}

} // namespace
