#include "compiler/Spec/PlainText.h"

#include <gtest/gtest.h>

namespace neap {
namespace {

TEST(PlainText, TextOfAllLanguagesIsPlain) {
  for (const char *text : {"", "a b~", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8a",
                           "\xc2\xa0", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(isPlainText(text)) << text;
    EXPECT_EQ(maskText(text), text);
  }
}

TEST(PlainText, ControlCharactersAreMasked) {
  using namespace std::string_view_literals;
  EXPECT_EQ(maskText("a\0b"sv), "a\\x00b");
  EXPECT_EQ(maskText("\x1b[31m\r\n\t\x7f"), "\\x1b[31m\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(maskText("a\nb\r", /*keepLines=*/true), "a\nb\\x0d");
  EXPECT_EQ(maskText("\xc2\x9b"
                     "1m"),
            "\\xc2\\x9b1m");
  EXPECT_FALSE(isPlainText("a\0b"sv));
  EXPECT_FALSE(isPlainText("\n"));
  EXPECT_FALSE(isPlainText("\xc2\x9b"));
}

TEST(PlainText, WhatIsNotUtf8IsMasked) {
  EXPECT_EQ(maskText("\xff"
                     "a"),
            "\\xffa");
  EXPECT_EQ(maskText("\xc3"), "\\xc3");
  EXPECT_EQ(maskText("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(maskText("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(maskText("\xe0\x80\x80"), "\\xe0\\x80\\x80");
  EXPECT_EQ(maskText("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_FALSE(isPlainText("\xe2\x82"));
}

} // namespace
} // namespace neap
