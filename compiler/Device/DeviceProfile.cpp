#include "compiler/Device/DeviceProfile.h"
#include "compiler/Spec/ByteSize.h"
#include "compiler/Spec/Json.h"
#include "compiler/Spec/PlainText.h"
#include <algorithm>
#include <filesystem>
#include <limits>

namespace neap {

namespace {

constexpr NumberRange positive{0, 1e9, /*openBelow=*/true, false};
constexpr const char *sourceNames[] = {"measured", "public", "guessed"};
constexpr const char *kindNames[] = {"rss", "anon", "cgroup", "ios_footprint",
                                     "android_limiter"};

/// The index of the field's text in `names`; `out` stays where it is absent.
template <typename Enum, size_t N>
void readEnum(FieldReader &reader, const std::string &name,
              const char *const (&names)[N], Enum &out) {
  reader.require(name);
  const Json *field = reader.find(name);
  if (!field)
    return;
  std::string known;
  for (size_t i = 0; i < N; ++i) {
    if (*field == names[i]) {
      out = Enum(i);
      return;
    }
    known += (i ? ", " : "") + std::string(names[i]);
  }
  reader.fail(name, expectedButFound("one of " + known, *field));
}

/// A byte count as an integer or as text with a unit.
void readBytes(FieldReader &reader, const std::string &name, int64_t &out) {
  const Json *field = reader.find(name);
  if (!field || !field->is_string())
    return reader.integer(name, out, 0, int64_t(1) << 53);
  auto bytes = parseByteSize(field->get_ref<const std::string &>());
  if (bytes)
    out = *bytes;
  else
    reader.fail(name, expectedButFound(byteSizeExpectation, *field));
}

enum class Presence { Required, Optional };

/// Reads `{"value": V, "source": S, "note": N}`; `readValue` reads V.
template <typename T, typename ReadValue>
bool readFigure(FieldReader &reader, const std::string &name, Figure<T> &out,
                Presence presence, ReadValue readValue) {
  if (presence == Presence::Required)
    reader.require(name);
  const Json *field = reader.find(name);
  if (!field)
    return false;
  FieldReader figure(*field, reader.file(), reader.pathOf(name));
  figure.require("value");
  readValue(figure, out.value);
  readEnum(figure, "source", sourceNames, out.source);
  figure.text("note", out.note);
  if (out.source == FigureSource::Public && out.note.empty())
    figure.fail("note", "is required: a public figure names its source");
  figure.refuseUnknown();
  if (figure.failed())
    reader.fail(figure.error());
  return true;
}

void readNumber(FieldReader &reader, const std::string &name,
                NumberFigure &out) {
  readFigure(reader, name, out, Presence::Required,
             [](FieldReader &figure, double &value) {
               figure.number("value", value, positive);
             });
}

bool readByteFigure(FieldReader &reader, const std::string &name,
                    ByteFigure &out, Presence presence = Presence::Required) {
  return readFigure(reader, name, out, presence,
                    [](FieldReader &figure, int64_t &value) {
                      readBytes(figure, "value", value);
                    });
}

void readFeatures(FieldReader &reader, Architecture architecture,
                  std::vector<std::string> &out) {
  reader.require("features");
  reader.textList("features", out);
  const std::vector<std::string> &known = knownFeatures(architecture);
  for (size_t i = 0; i < out.size() && !reader.failed(); ++i) {
    std::string path = jsonPath(reader.pathOf("features"), i);
    if (std::find(known.begin(), known.end(), out[i]) == known.end())
      reader.fail(
          {reader.file(), path,
           "\"" + out[i] + "\" is not a feature Neap knows for this target"});
    if (std::find(out.begin(), out.begin() + i, out[i]) != out.begin() + i)
      reader.fail({reader.file(), path, "\"" + out[i] + "\" is listed twice"});
  }
}

void readCluster(FieldReader &reader, const DeviceProfile &profile,
                 CpuCluster &cluster) {
  reader.require("count");
  reader.integer("count", cluster.count, 1, 256);
  readFeatures(reader, profile.architecture(), cluster.features);
  for (const std::string &feature : profile.features)
    if (std::find(cluster.features.begin(), cluster.features.end(), feature) ==
        cluster.features.end())
      reader.fail("features", "lacks \"" + feature +
                                  "\", which the profile lists for every core");
  readNumber(reader, "gflops_peak", cluster.gflopsPeak);
  readNumber(reader, "gflops_sustained", cluster.gflopsSustained);
  if (cluster.gflopsSustained.value > cluster.gflopsPeak.value)
    reader.fail("gflops_sustained", "is above gflops_peak");
  readByteFigure(reader, "l1d", cluster.l1d);
  readByteFigure(reader, "l2", cluster.l2);
  reader.refuseUnknown();
}

void readClusters(FieldReader &reader, DeviceProfile &profile) {
  reader.require("clusters");
  const Json *list = reader.find("clusters");
  if (!list)
    return;
  if (!list->is_array() || list->empty())
    return reader.fail(
        "clusters", expectedButFound("a list of one or more clusters", *list));
  for (const Json &item : *list) {
    FieldReader fields(item, reader.file(),
                       jsonPath("clusters", profile.clusters.size()));
    profile.clusters.emplace_back();
    readCluster(fields, profile, profile.clusters.back());
    if (fields.failed())
      return reader.fail(fields.error());
  }
}

/// Hands the fields of a required object to `read`.
template <typename Read>
void readObject(FieldReader &reader, const std::string &name, Read read) {
  reader.require(name);
  const Json *field = reader.find(name);
  if (!field)
    return;
  FieldReader fields(*field, reader.file(), reader.pathOf(name));
  read(fields);
  fields.refuseUnknown();
  if (fields.failed())
    reader.fail(fields.error());
}

void readFlash(FieldReader &reader, Flash &flash) {
  readNumber(reader, "read_mb_per_s", flash.readMBps);
  readNumber(reader, "write_mb_per_s", flash.writeMBps);
  readNumber(reader, "read_latency_us", flash.readLatencyUs);
  readNumber(reader, "write_latency_us", flash.writeLatencyUs);
  ByteFigure budget;
  if (readByteFigure(reader, "write_budget_bytes_per_job", budget,
                     Presence::Optional))
    flash.writeBudgetPerJob = budget;
}

void readBudget(FieldReader &reader, MemoryBudget &budget) {
  readEnum(reader, "kind", kindNames, budget.kind);
  readByteFigure(reader, "limit_bytes", budget.limit);
  readByteFigure(reader, "swap_bytes", budget.swap, Presence::Optional);
  readByteFigure(reader, "host_reserved_bytes", budget.hostReserved,
                 Presence::Optional);
  reader.text("os_version", budget.osVersion);
  reader.text("app_state", budget.appState);
  if (!reader.failed() && budget.hostReserved.value >= budget.limit.value)
    reader.fail("host_reserved_bytes", "leaves nothing of limit_bytes");
}

void readTriple(FieldReader &reader, std::string &triple) {
  reader.require("triple");
  reader.text("triple", triple);
  if (!reader.failed() &&
      (architectureOf(triple) == Architecture::Unsupported ||
       !isPlainText(triple)))
    reader.fail("triple", "expected an x86_64 or aarch64 target triple, but "
                          "found \"" +
                              maskText(triple) + "\"");
}

} // namespace

int64_t DeviceProfile::coreCount() const {
  int64_t count = 0;
  for (const CpuCluster &cluster : clusters)
    count += cluster.count;
  return count;
}

double DeviceProfile::gflopsSustained() const {
  double total = 0;
  for (const CpuCluster &cluster : clusters)
    total += cluster.count * cluster.gflopsSustained.value;
  return total;
}

int64_t DeviceProfile::jobBudgetBytes() const {
  int64_t own = budget.limit.value - budget.hostReserved.value;
  int64_t swap = swapExtendsLimit() ? budget.swap.value : 0;
  return own + std::min(swap, std::numeric_limits<int64_t>::max() - own);
}

std::string DeviceProfile::llvmFeatures() const {
  std::string text;
  for (const std::string &feature : features)
    text += (text.empty() ? "+" : ",+") + feature;
  return text;
}

const char *budgetKindName(BudgetKind kind) { return kindNames[int(kind)]; }

const char *figureSourceName(FigureSource source) {
  return sourceNames[int(source)];
}

InputOr<DeviceProfile> parseDeviceProfile(std::string_view text,
                                          const std::string &file) {
  InputOr<Json> document = parseJson(text, file);
  if (!document)
    return document.error();
  DeviceProfile profile;
  profile.file = file;
  FieldReader reader(*document, file);
  int64_t version = 1;
  reader.require("schema_version");
  reader.integer("schema_version", version, 1, 1);
  reader.require("name");
  reader.text("name", profile.name);
  if (!reader.failed() && !isPlainText(profile.name))
    reader.fail("name", "expected text without control characters, but found "
                        "'" +
                            maskText(profile.name) + "'");
  reader.text("description", profile.description);
  readTriple(reader, profile.triple);
  readFeatures(reader, profile.architecture(), profile.features);
  readClusters(reader, profile);
  readByteFigure(reader, "ram", profile.ram);
  readByteFigure(reader, "l3", profile.l3);
  readNumber(reader, "memory_bandwidth_gb_per_s", profile.memoryBandwidthGBps);
  readObject(reader, "flash",
             [&](FieldReader &fields) { readFlash(fields, profile.flash); });
  readObject(reader, "budget",
             [&](FieldReader &fields) { readBudget(fields, profile.budget); });
  reader.refuseUnknown();
  if (reader.failed())
    return reader.error();
  return profile;
}

InputOr<DeviceProfile> readDeviceProfile(const std::string &file) {
  InputOr<std::string> text = readTextFile(file, 1u << 20);
  if (!text)
    return text.error();
  return parseDeviceProfile(*text, file);
}

namespace {

template <typename T> Json figureJson(const Figure<T> &figure) {
  Json json = {{"value", figure.value},
               {"source", figureSourceName(figure.source)}};
  if (!figure.note.empty())
    json["note"] = figure.note;
  return json;
}

Json clusterJson(const CpuCluster &cluster) {
  return {{"count", cluster.count},
          {"features", cluster.features},
          {"gflops_peak", figureJson(cluster.gflopsPeak)},
          {"gflops_sustained", figureJson(cluster.gflopsSustained)},
          {"l1d", figureJson(cluster.l1d)},
          {"l2", figureJson(cluster.l2)}};
}

Json flashJson(const Flash &flash) {
  Json json = {{"read_mb_per_s", figureJson(flash.readMBps)},
               {"write_mb_per_s", figureJson(flash.writeMBps)},
               {"read_latency_us", figureJson(flash.readLatencyUs)},
               {"write_latency_us", figureJson(flash.writeLatencyUs)}};
  if (flash.writeBudgetPerJob)
    json["write_budget_bytes_per_job"] = figureJson(*flash.writeBudgetPerJob);
  return json;
}

Json budgetJson(const MemoryBudget &budget) {
  Json json = {{"kind", budgetKindName(budget.kind)},
               {"limit_bytes", figureJson(budget.limit)},
               {"swap_bytes", figureJson(budget.swap)},
               {"host_reserved_bytes", figureJson(budget.hostReserved)}};
  if (!budget.osVersion.empty())
    json["os_version"] = budget.osVersion;
  if (!budget.appState.empty())
    json["app_state"] = budget.appState;
  return json;
}

} // namespace

std::string renderDeviceProfile(const DeviceProfile &profile) {
  Json json = {{"schema_version", 1}, {"name", profile.name}};
  if (!profile.description.empty())
    json["description"] = profile.description;
  json["triple"] = profile.triple;
  json["features"] = profile.features;
  json["clusters"] = Json::array();
  for (const CpuCluster &cluster : profile.clusters)
    json["clusters"].push_back(clusterJson(cluster));
  json["ram"] = figureJson(profile.ram);
  json["l3"] = figureJson(profile.l3);
  json["memory_bandwidth_gb_per_s"] = figureJson(profile.memoryBandwidthGBps);
  json["flash"] = flashJson(profile.flash);
  json["budget"] = budgetJson(profile.budget);
  return json.dump(2) + "\n";
}

std::string shippedDevicesDirectory() {
  std::error_code ignored;
  std::filesystem::path program =
      std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (program.parent_path().parent_path() / "share/neap/devices").string();
}

std::vector<std::string> shippedDeviceNames(const std::string &directory) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto &entry :
       std::filesystem::directory_iterator(directory, ignored))
    if (entry.path().extension() == ".json")
      names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

InputOr<DeviceProfile> findDeviceProfile(const std::string &nameOrFile,
                                         const std::string &directory) {
  std::filesystem::path path(nameOrFile);
  if (nameOrFile.find('/') != std::string::npos || path.extension() == ".json")
    return readDeviceProfile(nameOrFile);
  std::vector<std::string> names = shippedDeviceNames(directory);
  if (std::find(names.begin(), names.end(), nameOrFile) == names.end()) {
    std::string known = "host";
    for (const std::string &name : names)
      known += ", " + name;
    return InputError{"", "device",
                      "no profile is called \"" + nameOrFile +
                          "\"; there are " + known +
                          " (a file needs a slash or the ending .json)"};
  }
  return readDeviceProfile(
      (std::filesystem::path(directory) / (nameOrFile + ".json")).string());
}

} // namespace neap
