#include "compiler/Emit/Linker.h"

#include "compiler/Emit/OutputFile.h"

#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

#include <vector>

LLD_HAS_DRIVER(elf)

using namespace neap;

static int anchor; // an address inside this program, to find its file

std::string neap::getRuntimeFolder(const std::string &triple) {
  llvm::Triple parsed(triple);
  if (parsed.getArch() != llvm::Triple::x86_64 || !parsed.isOSLinux())
    return "";
  llvm::SmallString<256> folder(llvm::sys::fs::getMainExecutable("", &anchor));
  llvm::sys::path::remove_filename(folder);
  llvm::sys::path::append(folder, "..", "lib", "neap", "x86_64-linux-musl");
  return folder.str().str();
}

std::optional<InputError> neap::linkTrainer(const std::string &object,
                                            const std::string &runtimeFolder,
                                            const std::string &path) {
  std::string objectPath = path + ".o.tmp", linkedPath = path + ".link.tmp";
  auto file = [&](const char *name) { return runtimeFolder + "/" + name; };
  if (auto error = writeFile(objectPath, object))
    return error;
  std::vector<std::string> arguments = {"ld.lld",
                                        "-static",
                                        "-s",
                                        "--gc-sections",
                                        "--build-id=none",
                                        "-z",
                                        "max-page-size=16384",
                                        "-z",
                                        "noexecstack",
                                        "-o",
                                        linkedPath,
                                        file("crt1.o"),
                                        file("crti.o"),
                                        objectPath,
                                        file("libneaprt.a"),
                                        file("libc.a"),
                                        file("crtn.o")};
  std::vector<const char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result =
      lld::lldMain(argv, stream, stream, {{lld::Gnu, &lld::elf::link}});
  llvm::sys::fs::remove(objectPath);
  if (result.retCode != 0) {
    llvm::sys::fs::remove(linkedPath);
    return InputError{path, "", "cannot link the trainer: " + messages};
  }
  if (std::error_code code = llvm::sys::fs::rename(linkedPath, path)) {
    llvm::sys::fs::remove(linkedPath);
    return InputError{path, "", "cannot rename into place: " + code.message()};
  }
  return std::nullopt;
}
