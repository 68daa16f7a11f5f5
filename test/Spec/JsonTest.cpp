#include "compiler/Spec/Json.h"
#include "test/Spec/SpecTesting.h"

using namespace neap;

namespace {

std::string parseError(const std::string &text) {
  return errorText(parseJson(text, "f.json"));
}

TEST(Json, KeepsOrderAndValues) {
  InputOr<Json> document = parseJson(
      R"({"z": 1, "a": [true, null, -2, 1.5, "x"], "m": {"k": {}}})", "f");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->dump(),
            R"({"z":1,"a":[true,null,-2,1.5,"x"],"m":{"k":{}}})");
}

TEST(Json, SyntaxErrorsNameLineAndColumn) {
  EXPECT_EQ(parseError("{\n  \"r\": 8,\n  \"x\" 3\n}"),
            "f.json: line 3, column 7: syntax error while parsing object "
            "separator - unexpected number literal; expected ':'");
  EXPECT_EQ(parseError("").find("f.json: line 1, column 1: syntax error"), 0u);
  EXPECT_EQ(parseError("{} {}").find("f.json: line 1, column 4: "), 0u);
  EXPECT_EQ(parseError("{\"a\": NaN}").find("f.json: line 1, column "), 0u);
  EXPECT_EQ(parseError("{\"a\": \"\xff\"}").find("f.json: line 1, column "),
            0u);
}

TEST(Json, DuplicateKeysAreErrorsWithTheirPath) {
  EXPECT_EQ(parseError(R"({"r": 8, "r": 8})"),
            "f.json: r: the key appears twice in its object");
  EXPECT_EQ(parseError(R"({"a": [1, {"b": {"c d": 1, "c d": 2}}]})"),
            R"(f.json: a[1].b["c d"]: the key appears twice in its object)");
}

TEST(Json, DepthIsLimited) {
  std::string deep(100000, '[');
  EXPECT_NE(parseError(deep).find("nested deeper than 128 levels"),
            std::string::npos);
}

TEST(Json, UnreadableFilesAreErrors) {
  EXPECT_EQ(errorText(readJson("/nonexistent/x.json")),
            "/nonexistent/x.json: cannot be opened: No such file or directory");
  EXPECT_EQ(errorText(readJson("/")), "/: cannot be read");
  EXPECT_EQ(errorText(readTextFile("/dev/zero", 1000)),
            "/dev/zero: is larger than 1000 bytes");
}

TEST(Json, NumbersPrintAsShortAsTheyReadBack) {
  EXPECT_EQ(formatNumber(0.005), "0.005");
  EXPECT_EQ(formatNumber(1e-8), "1e-08");
  EXPECT_EQ(formatNumber(16), "16");
}

TEST(Json, LongValuesAreShortened) {
  EXPECT_EQ(showJson(Json(std::string(100, 'a'))),
            "\"" + std::string(56, 'a') + "...");
  EXPECT_EQ(showJson(Json("a\nb")), "\"a\\nb\"");
}

TEST(FieldReader, ReportsTypeRangeAndPath) {
  Json object = Json::parse(
      R"({"i": "8", "n": 2, "b": 0, "t": 1, "l": ["x", 3], "u": 1})");
  auto message = [&](auto read) {
    FieldReader reader(object, "f", "top");
    read(reader);
    return reader.failed() ? reader.error().text() : "no error";
  };
  int64_t integer = 0;
  double number = 0;
  bool flag = false;
  std::string text;
  std::vector<std::string> list;
  EXPECT_EQ(message([&](auto &r) { r.integer("i", integer, 1); }),
            "f: top.i: expected an integer >= 1, but found \"8\"");
  EXPECT_EQ(message([&](auto &r) { r.integer("n", integer, 3, 5); }),
            "f: top.n: expected an integer >= 3 and <= 5, but found 2");
  EXPECT_EQ(
      message([&](auto &r) { r.number("n", number, {0, 1, true, true}); }),
      "f: top.n: expected a number > 0 and < 1, but found 2");
  EXPECT_EQ(message([&](auto &r) { r.boolean("b", flag); }),
            "f: top.b: expected true or false, but found 0");
  EXPECT_EQ(message([&](auto &r) { r.text("t", text); }),
            "f: top.t: expected a string, but found 1");
  EXPECT_EQ(message([&](auto &r) { r.textList("t", list); }),
            "f: top.t: expected a list of strings, but found 1");
  EXPECT_EQ(message([&](auto &r) { r.textList("l", list); }),
            "f: top.l[1]: expected a string, but found 3");
  EXPECT_EQ(message([&](auto &r) { r.require("absent", "for a reason"); }),
            "f: top.absent: is required: for a reason");
  EXPECT_EQ(message([&](auto &r) {
              for (const char *name : {"i", "n", "b", "t", "l"})
                r.find(name);
              r.refuseUnknown();
            }),
            "f: top.u: is not a known field; known are b, i, l, n, t");
  FieldReader notObject(object["l"], "f", "l");
  EXPECT_EQ(notObject.error().text(),
            "f: l: expected an object, but found [\"x\",3]");
}

TEST(FieldReader, RefusesIntegersThatDoNotFit) {
  Json object = Json::parse(R"({"a": 18446744073709551615, "b": 1e3})");
  for (const char *name : {"a", "b"}) {
    FieldReader reader(object, "f");
    int64_t value = 7;
    reader.integer(name, value);
    EXPECT_TRUE(reader.failed()) << name;
    EXPECT_EQ(value, 7);
  }
}

TEST(Json, AByteOrderMarkIsSkipped) {
  InputOr<Json> document = parseJson("\xef\xbb\xbf{\"r\": 8}", "f.json");
  ASSERT_TRUE(document) << errorText(document);
  EXPECT_EQ(document->dump(), R"({"r":8})");
}

TEST(Json, NumbersThatJsonDoesNotHaveAreNamed) {
  for (const char *word : {"NaN", "Infinity", "-Infinity"})
    EXPECT_NE(parseError(std::string("{\"a\": ") + word + "}")
                  .find(": NaN and Infinity are no JSON numbers"),
              std::string::npos)
        << parseError(std::string("{\"a\": ") + word + "}");
  EXPECT_EQ(parseError("{\"a\": 1e999}"),
            "f.json: line 1, column 11: number overflow parsing '1e999'");
  EXPECT_EQ(parseError("{\"a\": Nope}").find("no JSON numbers"),
            std::string::npos);
}

TEST(Json, NumbersForFloat32AreTestedAsFloat32) {
  auto read = [](const char *text) {
    Json object = *parseJson(std::string("{\"x\": ") + text + "}", "f.json");
    FieldReader reader(object, "f.json");
    double value = -1;
    reader.number("x", value, {0, 1, false, true, /*float32=*/true});
    return reader.failed() ? reader.error().text() : formatNumber(value);
  };
  EXPECT_EQ(read("0.9999999"), "0.9999999"); // kept as it was written
  EXPECT_EQ(read("0.9999999999"),
            "f.json: x: expected a number >= 0 and < 1, but found "
            "0.9999999999, which is 1 in float32");
  EXPECT_EQ(read("1e-60"), "f.json: x: expected a number >= 0 and < 1, but "
                           "found 1e-60, which is 0 in float32");
  EXPECT_EQ(read("1e60"), "f.json: x: expected a number >= 0 and < 1, but "
                          "found 1e+60, which is infinite in float32");
  EXPECT_EQ(read("1"),
            "f.json: x: expected a number >= 0 and < 1, but found 1");
}

} // namespace
