#include "compiler/Device/DeviceProfile.h"
#include "test/Spec/SpecTesting.h"

using namespace neap;
using Json = nlohmann::json;

namespace {

constexpr const char *minimal = R"({
  "schema_version": 1, "name": "d", "triple": "x86_64-unknown-linux-musl",
  "features": ["avx2", "fma"],
  "clusters": [{"count": 4, "features": ["avx2", "fma"],
    "gflops_peak": {"value": 96, "source": "guessed"},
    "gflops_sustained": {"value": 72.5, "source": "measured"},
    "l1d": {"value": "32KiB", "source": "guessed"},
    "l2": {"value": 524288, "source": "guessed"}}],
  "ram": {"value": "8GiB", "source": "public", "note": "data sheet"},
  "l3": {"value": 0, "source": "guessed"},
  "memory_bandwidth_gb_per_s": {"value": 30, "source": "guessed"},
  "flash": {"read_mb_per_s": {"value": 3500, "source": "guessed"},
    "write_mb_per_s": {"value": 3000, "source": "guessed"},
    "read_latency_us": {"value": 100, "source": "guessed"},
    "write_latency_us": {"value": 100, "source": "guessed"}},
  "budget": {"kind": "rss",
    "limit_bytes": {"value": "1GiB", "source": "guessed"},
    "host_reserved_bytes": {"value": "24MiB", "source": "guessed"}}
})";

/// The minimal profile with the value at a JSON pointer replaced, or removed
/// where it is null.
std::string with(const std::string &pointer, const Json &value) {
  Json document = Json::parse(minimal);
  bool exists = document.contains(Json::json_pointer(pointer));
  const char *op = value.is_null() ? "remove" : exists ? "replace" : "add";
  Json patch = {{"op", op}, {"path", pointer}, {"value", value}};
  return document.patch(Json::array({patch})).dump();
}

std::string parseError(const std::string &pointer, const Json &value) {
  return errorText(parseDeviceProfile(with(pointer, value), "d.json"));
}

TEST(DeviceProfile, ReadsEveryField) {
  InputOr<DeviceProfile> profile = parseDeviceProfile(minimal, "d.json");
  ASSERT_TRUE(profile) << errorText(profile);
  EXPECT_EQ(profile->name, "d");
  EXPECT_EQ(profile->architecture(), Architecture::X86_64);
  EXPECT_EQ(profile->features, (std::vector<std::string>{"avx2", "fma"}));
  EXPECT_EQ(profile->llvmFeatures(), "+avx2,+fma");
  EXPECT_EQ(profile->vectorFloats(), 8);
  ASSERT_EQ(profile->clusters.size(), 1u);
  EXPECT_EQ(profile->coreCount(), 4);
  EXPECT_EQ(profile->gflopsSustained(), 290);
  EXPECT_EQ(profile->clusters[0].gflopsSustained.source,
            FigureSource::Measured);
  EXPECT_EQ(profile->clusters[0].l1d.value, 32768);
  EXPECT_EQ(profile->clusters[0].l2.value, 524288);
  EXPECT_EQ(profile->ram.value, 8ll << 30);
  EXPECT_EQ(profile->ram.note, "data sheet");
  EXPECT_EQ(profile->budget.kind, BudgetKind::Rss);
  EXPECT_EQ(profile->budget.swap.value, 0);
  EXPECT_EQ(profile->jobBudgetBytes(), 1000ll << 20);
  EXPECT_FALSE(profile->flash.writeBudgetPerJob);
}

TEST(DeviceProfile, OptionalFields) {
  InputOr<DeviceProfile> profile =
      parseDeviceProfile(with("/flash/write_budget_bytes_per_job",
                              {{"value", "2GB"}, {"source", "guessed"}}),
                         "d.json");
  ASSERT_TRUE(profile) << errorText(profile);
  ASSERT_TRUE(profile->flash.writeBudgetPerJob);
  EXPECT_EQ(profile->flash.writeBudgetPerJob->value, 2000000000);
}

TEST(DeviceProfile, SwapAddsToAGroupsLimitAlone) {
  for (auto [kind, extends] : {std::pair("cgroup", true),
                               {"android_limiter", true},
                               {"rss", false},
                               {"anon", false},
                               {"ios_footprint", false}}) {
    InputOr<DeviceProfile> profile =
        parseDeviceProfile(with("/budget/kind", kind), "d.json");
    ASSERT_TRUE(profile) << errorText(profile);
    int64_t own = profile->jobBudgetBytes();
    profile->budget.swap.value = 4096;
    EXPECT_EQ(profile->swapExtendsLimit(), extends) << kind;
    EXPECT_EQ(profile->jobBudgetBytes(), own + (extends ? 4096 : 0)) << kind;
    profile->budget.swap.value = std::numeric_limits<int64_t>::max();
    EXPECT_GE(profile->jobBudgetBytes(), own) << "overflow";
  }
}

TEST(DeviceProfile, RendersWhatItReads) {
  InputOr<DeviceProfile> profile = parseDeviceProfile(
      with("/flash/write_budget_bytes_per_job",
           {{"value", 7}, {"source", "public"}, {"note", "n"}}),
      "d.json");
  ASSERT_TRUE(profile);
  profile->budget.osVersion = "Linux";
  profile->budget.appState = "foreground";
  profile->description = "text";
  std::string text = renderDeviceProfile(*profile);
  InputOr<DeviceProfile> back = parseDeviceProfile(text, "d.json");
  ASSERT_TRUE(back) << errorText(back);
  EXPECT_EQ(renderDeviceProfile(*back), text);
  EXPECT_EQ(back->flash.writeBudgetPerJob->note, "n");
  EXPECT_EQ(back->budget.appState, "foreground");
}

TEST(DeviceProfile, BadFieldsAreErrorsWithTheirPath) {
  EXPECT_EQ(parseError("/schema_version", 2),
            "d.json: schema_version: expected 1, but found 2");
  EXPECT_EQ(parseError("/triple", "riscv64-linux"),
            "d.json: triple: expected an x86_64 or aarch64 target triple, but "
            "found \"riscv64-linux\"");
  EXPECT_EQ(parseError("/features/1", "fmaa"),
            "d.json: features[1]: \"fmaa\" is not a feature Neap knows for "
            "this target");
  EXPECT_EQ(parseError("/features/1", "avx2"),
            "d.json: features[1]: \"avx2\" is listed twice");
  EXPECT_EQ(parseError("/clusters/0/features", {"fma"}),
            "d.json: clusters[0].features: lacks \"avx2\", which the profile "
            "lists for every core");
  EXPECT_EQ(parseError("/clusters", Json::array()),
            "d.json: clusters: expected a list of one or more clusters, but "
            "found []");
  EXPECT_EQ(parseError("/clusters/0", 3),
            "d.json: clusters[0]: expected an object, but found 3");
  EXPECT_EQ(parseError("/clusters/0/count", 0),
            "d.json: clusters[0].count: expected an integer >= 1 and <= 256, "
            "but found 0");
  EXPECT_EQ(parseError("/clusters/0/gflops_sustained/value", 97),
            "d.json: clusters[0].gflops_sustained: is above gflops_peak");
  EXPECT_EQ(parseError("/clusters/0/gflops_peak/value", 0),
            "d.json: clusters[0].gflops_peak.value: expected a number > 0 and "
            "<= 1e+09, but found 0");
  EXPECT_EQ(parseError("/clusters/0/l1d/value", "32K"),
            "d.json: clusters[0].l1d.value: expected a size such as 1048576, "
            "512MiB or 1.5GB, but found \"32K\"");
  EXPECT_EQ(
      parseError("/clusters/0/speed", 3)
          .find("d.json: clusters[0].speed: is not a known field; known are "),
      0u);
  EXPECT_EQ(parseError("/l3/source", "rumoured"),
            "d.json: l3.source: expected one of measured, public, guessed, but "
            "found \"rumoured\"");
  EXPECT_EQ(parseError("/l3/source", "public"),
            "d.json: l3.note: is required: a public figure names its source");
  EXPECT_EQ(parseError("/l3", 0),
            "d.json: l3: expected an object, but found 0");
  EXPECT_EQ(parseError("/flash/read_latency_us/unit", "us"),
            "d.json: flash.read_latency_us.unit: is not a known field; known "
            "are note, source, value");
  EXPECT_EQ(parseError("/flash/spindle", 1)
                .find("d.json: flash.spindle: is "
                      "not a known field"),
            0u);
  EXPECT_EQ(parseError("/budget/kind", "vram"),
            "d.json: budget.kind: expected one of rss, anon, cgroup, "
            "ios_footprint, android_limiter, but found \"vram\"");
  EXPECT_EQ(parseError("/budget/host_reserved_bytes/value", "1GiB"),
            "d.json: budget.host_reserved_bytes: leaves nothing of "
            "limit_bytes");
  EXPECT_EQ(parseError("/colour", "red")
                .find("d.json: colour: is not a known "
                      "field; known are "),
            0u);
}

TEST(DeviceProfile, SurvivesMutations) {
  expectSurvivesMutations(minimal, [](const std::string &input) {
    return parseDeviceProfile(input, "m.json");
  });
}

TEST(DeviceProfile, EveryFieldButTheOptionalOnesIsRequired) {
  for (const char *pointer : {"/schema_version",
                              "/name",
                              "/triple",
                              "/features",
                              "/clusters",
                              "/ram",
                              "/l3",
                              "/memory_bandwidth_gb_per_s",
                              "/flash",
                              "/budget",
                              "/clusters/0/count",
                              "/clusters/0/features",
                              "/clusters/0/gflops_peak",
                              "/clusters/0/gflops_sustained",
                              "/clusters/0/l1d",
                              "/clusters/0/l2",
                              "/clusters/0/l2/value",
                              "/clusters/0/l2/source",
                              "/flash/read_mb_per_s",
                              "/flash/write_mb_per_s",
                              "/flash/read_latency_us",
                              "/flash/write_latency_us",
                              "/budget/kind",
                              "/budget/limit_bytes"}) {
    std::string error = parseError(pointer, nullptr);
    EXPECT_NE(error.find(": is required"), std::string::npos)
        << pointer << " " << error;
  }
}

TEST(DeviceProfile, ShippedProfilesAreFoundByName) {
  EXPECT_EQ(
      shippedDeviceNames(NEAP_SHIPPED_DEVICES),
      (std::vector<std::string>{"iphone-15-pro", "jetson-orin-nano",
                                "laptop-8gb", "pixel-8", "raspberry-pi-5"}));
  for (const std::string &name : shippedDeviceNames(NEAP_SHIPPED_DEVICES)) {
    InputOr<DeviceProfile> profile =
        findDeviceProfile(name, NEAP_SHIPPED_DEVICES);
    ASSERT_TRUE(profile) << errorText(profile);
    EXPECT_EQ(profile->name, name);
    EXPECT_FALSE(profile->description.empty());
    EXPECT_LT(profile->budget.limit.value, profile->ram.value);
    EXPECT_EQ(profile->vectorFloats(), name == "laptop-8gb" ? 8 : 4);
    for (size_t i = 1; i < profile->clusters.size(); ++i)
      EXPECT_LT(profile->clusters[i].gflopsPeak.value,
                profile->clusters[i - 1].gflopsPeak.value);
  }
}

TEST(DeviceProfile, LookupErrors) {
  EXPECT_EQ(errorText(findDeviceProfile("pixel8", NEAP_SHIPPED_DEVICES)),
            "device: no profile is called \"pixel8\"; there are host, "
            "iphone-15-pro, jetson-orin-nano, laptop-8gb, pixel-8, "
            "raspberry-pi-5 (a file needs a slash or the ending .json)");
  EXPECT_EQ(errorText(findDeviceProfile("./none", NEAP_SHIPPED_DEVICES)),
            "./none: cannot be opened: No such file or directory");
  EXPECT_EQ(errorText(findDeviceProfile("none.json", NEAP_SHIPPED_DEVICES)),
            "none.json: cannot be opened: No such file or directory");
}

TEST(Features, VectorWidth) {
  EXPECT_EQ(vectorFloats(Architecture::X86_64, {"avx512f"}), 16);
  EXPECT_EQ(vectorFloats(Architecture::X86_64, {"avx2", "fma"}), 8);
  EXPECT_EQ(vectorFloats(Architecture::X86_64, {"avx2"}), 4);
  EXPECT_EQ(vectorFloats(Architecture::X86_64, {}), 4);
  EXPECT_EQ(vectorFloats(Architecture::AArch64, {"neon"}), 4);
  EXPECT_EQ(vectorFloats(Architecture::AArch64, {}), 1);
  EXPECT_EQ(architectureOf("arm64-apple-ios17.0"), Architecture::AArch64);
}

} // namespace
