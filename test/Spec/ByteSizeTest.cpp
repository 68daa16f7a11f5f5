#include "compiler/Spec/ByteSize.h"
#include <gtest/gtest.h>
#include <limits>

using namespace neap;

namespace {

TEST(ByteSize, PlainAndWithUnits) {
  EXPECT_EQ(parseByteSize("0"), 0);
  EXPECT_EQ(parseByteSize("1048577"), 1048577);
  EXPECT_EQ(parseByteSize("12B"), 12);
  EXPECT_EQ(parseByteSize("512MiB"), 512ll << 20);
  EXPECT_EQ(parseByteSize("512 mib"), 512ll << 20);
  EXPECT_EQ(parseByteSize("1GB"), 1000000000);
  EXPECT_EQ(parseByteSize("1.5GiB"), 3ll << 29);
  EXPECT_EQ(parseByteSize("3kb"), 3000);
  EXPECT_EQ(parseByteSize("2TiB"), 2ll << 40);
  EXPECT_EQ(parseByteSize("9223372036854775807"),
            std::numeric_limits<int64_t>::max());
}

TEST(ByteSize, RefusesEverythingElse) {
  for (const char *text : {"",
                           " ",
                           "-1",
                           "+1",
                           "MiB",
                           "1K",
                           "1M",
                           "1Mi",
                           "1 ",
                           "1  MiB",
                           "1e9",
                           "1e9B",
                           ".5GiB",
                           "1.2.3GB",
                           "1..GB",
                           "512MiBx",
                           "0x10",
                           "1PiB",
                           "nan",
                           "9007199254740996B",
                           "99999999TiB",
                           "9223372036854775808",
                           "1.5"})
    EXPECT_FALSE(parseByteSize(text)) << text;
}

TEST(ByteSize, Formats) {
  EXPECT_EQ(formatByteSize(1023), "1023 B");
  EXPECT_EQ(formatByteSize(1536), "1.50 KiB");
  EXPECT_EQ(formatByteSize(50ll << 20), "50.0 MiB");
  EXPECT_EQ(formatByteSize(512ll << 20), "512 MiB");
  EXPECT_EQ(formatByteSize(-2048), "-2.00 KiB");
}

} // namespace
