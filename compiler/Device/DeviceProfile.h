// What a device offers and what a job may use of it. docs/device-profiles.md
// describes the file format.
#ifndef NEAP_COMPILER_DEVICE_DEVICEPROFILE_H
#define NEAP_COMPILER_DEVICE_DEVICEPROFILE_H

#include "compiler/Device/Features.h"
#include "compiler/Spec/InputError.h"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neap {

/// How far a figure can be trusted.
enum class FigureSource { Measured, Public, Guessed };

/// A number with its origin; `note` says where a public one was published.
template <typename T> struct Figure {
  T value{};
  FigureSource source = FigureSource::Guessed;
  std::string note;
};
using NumberFigure = Figure<double>;
using ByteFigure = Figure<int64_t>;

/// Cores of one kind. Rates are per core, fp32, a fused multiply-add being two
/// operations.
struct CpuCluster {
  int64_t count = 0;
  std::vector<std::string> features; ///< at least the profile's own
  NumberFigure gflopsPeak;           ///< in registers
  NumberFigure gflopsSustained;      ///< of a long GEMM with every core busy
  ByteFigure l1d;                    ///< of one core
  ByteFigure l2;                     ///< that one core can use, shared or not
};

struct Flash {
  NumberFigure readMBps, writeMBps;            ///< 10^6 bytes per second
  NumberFigure readLatencyUs, writeLatencyUs;  ///< of one 4 KiB request
  std::optional<ByteFigure> writeBudgetPerJob; ///< bytes; absent: no limit
};

/// What the limit counts.
enum class BudgetKind { Rss, Anon, Cgroup, IosFootprint, AndroidLimiter };

struct MemoryBudget {
  BudgetKind kind = BudgetKind::Rss;
  ByteFigure limit;        ///< of the whole process
  ByteFigure swap;         ///< on top of the limit where that counts swap
  ByteFigure hostReserved; ///< of the limit, for what is not the trainer
  std::string osVersion, appState;
};

struct DeviceProfile {
  std::string file; ///< where it was read from, empty for a probed one
  std::string name, description;
  std::string triple;
  std::vector<std::string> features; ///< LLVM names that every core has
  std::vector<CpuCluster> clusters;  ///< fastest first, never empty
  ByteFigure ram;
  ByteFigure l3;                    ///< 0 where there is none
  NumberFigure memoryBandwidthGBps; ///< 10^9 bytes per second, all cores
  Flash flash;
  MemoryBudget budget;

  Architecture architecture() const { return architectureOf(triple); }
  int64_t coreCount() const;
  /// Sum over the cores.
  double gflopsSustained() const;
  /// Whether pages that were swapped out leave what the limit counts, so that
  /// swap space adds to it: a group's charge does, a process's does not.
  bool swapExtendsLimit() const {
    return budget.kind == BudgetKind::Cgroup ||
           budget.kind == BudgetKind::AndroidLimiter;
  }
  /// The limit less what the host process keeps, swap added where it counts:
  /// what a job may plan for.
  int64_t jobBudgetBytes() const;
  /// Floats per vector register that every core has.
  int vectorFloats() const {
    return neap::vectorFloats(architecture(), features);
  }
  /// "+avx2,+fma", as LLVM's TargetMachine takes it.
  std::string llvmFeatures() const;
};

/// Parses the text of a profile. Unknown fields, features and figures without
/// a source are errors with their JSON path.
InputOr<DeviceProfile> parseDeviceProfile(std::string_view text,
                                          const std::string &file);
InputOr<DeviceProfile> readDeviceProfile(const std::string &file);

/// The text parseDeviceProfile reads back as the same profile.
std::string renderDeviceProfile(const DeviceProfile &profile);

const char *budgetKindName(BudgetKind kind);
const char *figureSourceName(FigureSource source);

/// `<prefix>/share/neap/devices` of the installation whose `bin` holds the
/// running program.
std::string shippedDevicesDirectory();

/// Names of the profiles in `directory`, sorted.
std::vector<std::string> shippedDeviceNames(const std::string &directory);

/// `nameOrFile` is a file where it holds a slash or ends in .json, else the
/// name of a profile in `directory`.
InputOr<DeviceProfile> findDeviceProfile(const std::string &nameOrFile,
                                         const std::string &directory);

} // namespace neap

#endif // NEAP_COMPILER_DEVICE_DEVICEPROFILE_H
