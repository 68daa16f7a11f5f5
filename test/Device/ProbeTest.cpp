#include "compiler/Device/Probe.h"
#include "compiler/Device/HostMeasure.h"
#include "test/Spec/SpecTesting.h"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <unistd.h>

using namespace neap;

namespace {

std::string cpuFlags() {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);)
    if (line.compare(0, 5, "flags") == 0)
      return line.substr(line.find(':') + 1) + " ";
  return "";
}

#if defined(__x86_64__)

/// One probe for all tests that only read it.
const InputOr<DeviceProfile> &probedHost() {
  static const InputOr<DeviceProfile> profile =
      probeHost(std::filesystem::temp_directory_path().string());
  return profile;
}

TEST(Probe, WritesAProfileThatReadsBack) {
  const InputOr<DeviceProfile> &profile = probedHost();
  ASSERT_TRUE(profile) << errorText(profile);
  std::string text = renderDeviceProfile(*profile);
  InputOr<DeviceProfile> back = parseDeviceProfile(text, "host.json");
  ASSERT_TRUE(back) << errorText(back) << text;
  EXPECT_EQ(renderDeviceProfile(*back), text);

  cpu_set_t set;
  ASSERT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
  EXPECT_EQ(profile->coreCount(), CPU_COUNT(&set));
  EXPECT_GT(profile->jobBudgetBytes(), 16 << 20);
  EXPECT_LE(profile->jobBudgetBytes(), profile->ram.value);
  EXPECT_GT(profile->clusters[0].gflopsPeak.value, 1);
  EXPECT_GT(profile->memoryBandwidthGBps.value, 0.1);
}

TEST(Probe, FeaturesAreThoseTheKernelReports) {
  std::string flags = cpuFlags();
  if (flags.empty())
    GTEST_SKIP() << "/proc/cpuinfo lists no flags";
  const InputOr<DeviceProfile> &profile = probedHost();
  ASSERT_TRUE(profile);
  auto has = [&](const char *name) {
    return std::count(profile->features.begin(), profile->features.end(),
                      name) == 1;
  };
  // The kernel's names differ for some features; these are spelt alike.
  for (const char *name :
       {"avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "bmi2", "popcnt"})
    EXPECT_EQ(has(name),
              flags.find(std::string(" ") + name + " ") != std::string::npos)
        << name;
}

TEST(Probe, WiderVectorsAreNotSlower) {
  const InputOr<DeviceProfile> &profile = probedHost();
  ASSERT_TRUE(profile);
  if (profile->vectorFloats() < 8)
    GTEST_SKIP() << "this machine has no wider vectors than SSE2";
  double narrow = measureFloatRates({0}, 4, 0.02).peakGflops;
  double wide =
      measureFloatRates({0}, profile->vectorFloats(), 0.02).peakGflops;
  EXPECT_GT(wide, 1.2 * narrow);
}

TEST(Probe, FlashIsGuessedWhereItCannotBeMeasured) {
  InputOr<DeviceProfile> profile = probeHost("/nonexistent");
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->flash.readMBps.source, FigureSource::Guessed);
  EXPECT_EQ(profile->flash.readMBps.note, "direct I/O could not be measured");
}

#else

TEST(Probe, OtherMachinesAreRefused) {
  EXPECT_EQ(errorText(probeHost()),
            "device: only x86-64 Linux machines can be probed");
}

#endif

TEST(Probe, MeasuringLeavesNoFile) {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() /
      ("neap-probe-test-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  measureDisk(folder.string(), 1 << 20);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
}

} // namespace
