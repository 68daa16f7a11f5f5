#include "compiler/Device/Probe.h"
#include "compiler/Device/HostMeasure.h"
#include "compiler/Spec/ByteSize.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sched.h>
#include <sstream>
#include <unistd.h>

namespace neap {

namespace {

constexpr double floatSeconds = 0.3;
constexpr int64_t diskBytes = 64 << 20;
/// What a good GEMM keeps of the register-only rate (docs/device-profiles.md).
constexpr double gemmShare = 0.85;

std::optional<std::string> readLine(const std::string &file) {
  std::ifstream stream(file);
  std::string line;
  if (!std::getline(stream, line))
    return std::nullopt;
  return line;
}

std::optional<int64_t> readNumber(const std::string &file) {
  std::optional<std::string> line = readLine(file);
  char *end = nullptr;
  int64_t value = line ? strtoll(line->c_str(), &end, 10) : 0;
  if (!line || end == line->c_str())
    return std::nullopt;
  return value;
}

std::vector<int> allowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set))
        cpus.push_back(cpu);
  if (cpus.empty())
    cpus.push_back(0);
  return cpus;
}

std::vector<std::string> hostFeatures() {
  llvm::StringMap<bool> all = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> features;
  for (const std::string &name : knownFeatures(Architecture::X86_64))
    if (all.lookup(name))
      features.push_back(name);
  return features;
}

/// Bytes of a data cache of one processor, nothing where sysfs is silent.
std::optional<int64_t> cacheBytes(int cpu, int level) {
  std::string base =
      "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache/index";
  for (int index = 0; index < 8; ++index) {
    std::string folder = base + std::to_string(index) + "/";
    if (readNumber(folder + "level") != level ||
        readLine(folder + "type") == "Instruction")
      continue;
    // "512K", with K for 1024.
    std::optional<std::string> size = readLine(folder + "size");
    return size ? parseByteSize(*size + "iB") : std::nullopt;
  }
  return std::nullopt;
}

ByteFigure cacheFigure(int cpu, int level, int64_t guess) {
  if (std::optional<int64_t> bytes = cacheBytes(cpu, level))
    return {*bytes, FigureSource::Measured, "sysfs"};
  return {guess, FigureSource::Guessed, ""};
}

double round3(double value) {
  if (value <= 0)
    return value;
  double scale = std::pow(10.0, 2 - std::floor(std::log10(value)));
  return std::round(value * scale) / scale;
}

NumberFigure measured(double value, const std::string &note) {
  return {round3(value), FigureSource::Measured, note};
}

/// Processors of one kind have the same caches and the same top frequency.
std::vector<std::vector<int>> groupCpus(const std::vector<int> &cpus) {
  std::map<std::vector<int64_t>, std::vector<int>> groups;
  for (int cpu : cpus) {
    std::string frequency = "/sys/devices/system/cpu/cpu" +
                            std::to_string(cpu) + "/cpufreq/cpuinfo_max_freq";
    groups[{readNumber(frequency).value_or(0), cacheBytes(cpu, 2).value_or(0),
            cacheBytes(cpu, 1).value_or(0)}]
        .push_back(cpu);
  }
  std::vector<std::vector<int>> result;
  for (const auto &group : groups)
    result.push_back(group.second);
  return result;
}

void probeClusters(DeviceProfile &profile) {
  for (const std::vector<int> &cpus : groupCpus(allowedCpus())) {
    CpuCluster cluster;
    cluster.count = cpus.size();
    cluster.features = profile.features;
    FloatRates rates =
        measureFloatRates(cpus, profile.vectorFloats(), floatSeconds);
    cluster.gflopsPeak =
        measured(rates.peakGflops, "multiply-add loop in registers, one core");
    cluster.gflopsSustained =
        measured(std::min(rates.sustainedGflops, rates.peakGflops) * gemmShare,
                 "the same on all cores, times 0.85 for a GEMM");
    cluster.l1d = cacheFigure(cpus.front(), 1, 32 << 10);
    cluster.l2 = cacheFigure(cpus.front(), 2, 512 << 10);
    profile.clusters.push_back(std::move(cluster));
  }
  std::sort(profile.clusters.begin(), profile.clusters.end(),
            [](const CpuCluster &a, const CpuCluster &b) {
              return a.gflopsPeak.value > b.gflopsPeak.value;
            });
}

/// A field of /proc/meminfo in bytes.
std::optional<int64_t> memoryInfo(const std::string &field) {
  std::ifstream stream("/proc/meminfo");
  std::string name;
  int64_t kilobytes = 0;
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    if (words >> name >> kilobytes && name == field + ":")
      return kilobytes * 1024;
  }
  return std::nullopt;
}

/// The smallest limit of the cgroups above this process (v2, then v1).
std::optional<int64_t> cgroupLimit() {
  std::optional<int64_t> limit;
  auto consider = [&](const std::string &file) {
    std::optional<int64_t> value = readNumber(file); // "max" is no number
    // cgroup v1 writes "no limit" as a huge number.
    if (value && *value > 0 && *value < int64_t(1) << 60)
      limit = std::min(limit.value_or(*value), *value);
  };
  std::ifstream stream("/proc/self/cgroup");
  for (std::string line; std::getline(stream, line);) {
    size_t second = line.find(':', line.find(':') + 1);
    if (second == std::string::npos)
      continue;
    bool unified = line.compare(0, 3, "0::") == 0;
    if (!unified && line.find(":memory:") == std::string::npos)
      continue;
    std::string root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    std::string file = unified ? "/memory.max" : "/memory.limit_in_bytes";
    for (std::string path = line.substr(second + 1); !path.empty();
         path = path.substr(0, path.rfind('/')))
      consider(root + (path == "/" ? "" : path) + file);
    consider(root + file);
  }
  return limit;
}

void probeMemory(DeviceProfile &profile) {
  if (std::optional<int64_t> total = memoryInfo("MemTotal"))
    profile.ram = {*total, FigureSource::Measured, "MemTotal"};
  else
    profile.ram = {int64_t(8) << 30, FigureSource::Guessed, ""};
  std::optional<int64_t> available = memoryInfo("MemAvailable");
  std::optional<int64_t> limit = cgroupLimit();
  MemoryBudget &budget = profile.budget;
  budget.osVersion = "Linux";
  if (limit && (!available || *limit <= *available)) {
    budget.kind = BudgetKind::Cgroup;
    budget.limit = {*limit, FigureSource::Measured, "the cgroup's limit"};
    return;
  }
  budget.kind = BudgetKind::Rss;
  budget.limit = {available.value_or(profile.ram.value / 2),
                  available ? FigureSource::Measured : FigureSource::Guessed,
                  "memory available while probing"};
}

/// At most 64 MiB per buffer: probing must not disturb a small machine.
double probeBandwidth(const DeviceProfile &profile) {
  std::vector<int> cpus = allowedCpus();
  int64_t beyondCaches =
      std::max<int64_t>(16 << 20, 2 * profile.l3.value / cpus.size());
  int64_t share = profile.budget.limit.value / 8 / cpus.size();
  int64_t bytes = std::min({beyondCaches, share, int64_t(64) << 20});
  return measureMemoryBandwidth(cpus, std::max<int64_t>(bytes, 1 << 20));
}

void probeFlash(Flash &flash, const std::string &directory) {
  if (std::optional<DiskRates> rates = measureDisk(directory, diskBytes)) {
    const std::string note = "direct I/O on 64 MiB, caches of the drive warm";
    flash.readMBps = measured(rates->readMBps, note);
    flash.writeMBps = measured(rates->writeMBps, note);
    flash.readLatencyUs = measured(rates->readLatencyUs, note);
    flash.writeLatencyUs = measured(rates->writeLatencyUs, note);
    return;
  }
  const std::string note = "direct I/O could not be measured";
  flash.readMBps = {500, FigureSource::Guessed, note};
  flash.writeMBps = {300, FigureSource::Guessed, note};
  flash.readLatencyUs = {200, FigureSource::Guessed, note};
  flash.writeLatencyUs = {500, FigureSource::Guessed, note};
}

} // namespace

InputOr<DeviceProfile> probeHost(const std::string &diskProbeDirectory) {
#if !defined(__x86_64__) || !defined(__linux__)
  return InputError{"", "device", "only x86-64 Linux machines can be probed"};
#else
  DeviceProfile profile;
  profile.name = "host";
  profile.description = llvm::sys::getHostCPUName().str() + ", probed";
  profile.triple = "x86_64-unknown-linux-musl";
  profile.features = hostFeatures();
  probeClusters(profile);
  profile.l3 = cacheFigure(allowedCpus().front(), 3, 0);
  probeMemory(profile);
  profile.memoryBandwidthGBps =
      measured(probeBandwidth(profile), "copies on all cores");
  probeFlash(profile.flash, diskProbeDirectory);
  return profile;
#endif
}

} // namespace neap
