#include "compiler/Device/Probe.h"
#include "compiler/Emit/OutputFile.h"
#include "compiler/Pipeline/Commands.h"

#include <iostream>

using namespace neap;

InputOr<DeviceProfile> neap::loadDevice(const std::string &nameOrFile) {
  if (nameOrFile == "host")
    return probeHost();
  return findDeviceProfile(nameOrFile, shippedDevicesDirectory());
}

CommandResult neap::runDeviceList() {
  for (const std::string &name : shippedDeviceNames(shippedDevicesDirectory()))
    std::cout << name << "\n";
  return std::nullopt;
}

CommandResult neap::runDeviceShow(const std::string &name) {
  InputOr<DeviceProfile> profile = loadDevice(name);
  if (!profile)
    return profile.error();
  std::cout << renderDeviceProfile(*profile);
  return std::nullopt;
}

CommandResult neap::runDeviceProbe(const std::string &output) {
  InputOr<DeviceProfile> profile = probeHost();
  if (!profile)
    return profile.error();
  std::string text = renderDeviceProfile(*profile);
  if (output.empty()) {
    std::cout << text;
    return std::nullopt;
  }
  if (auto error = writeFile(output, text))
    return *error;
  std::cout << "profile " << profile->name << " written to " << output << "\n";
  return std::nullopt;
}
