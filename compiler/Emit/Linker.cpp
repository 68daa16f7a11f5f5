#include "compiler/Emit/Linker.h"

#include "compiler/Output/WriteFile.h"

#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

#include <cerrno>
#include <fcntl.h>
#include <thread>
#include <unistd.h>
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

/// Reads until all writers have closed the pipe.
static std::string readPipe(int descriptor) {
  std::string contents;
  char buffer[1 << 16];
  for (ssize_t size; (size = read(descriptor, buffer, sizeof buffer)) != 0;) {
    if (size > 0)
      contents.append(buffer, size_t(size));
    else if (errno != EINTR)
      break;
  }
  return contents;
}

std::optional<InputError> neap::linkTrainer(const std::string &object,
                                            const std::string &runtimeFolder,
                                            const std::string &path) {
  std::string objectPath = path + ".o.tmp";
  auto file = [&](const char *name) { return runtimeFolder + "/" + name; };
  if (auto error = writeFile(objectPath, object))
    return error;
  // A disk that lld finds full ends the program, by a signal or by exit(), so
  // it writes to a pipe.
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return systemError(path, "make a pipe to link through");
  std::string linked;
  std::thread reader([&] { linked = readPipe(ends[0]); });
  std::vector<std::string> arguments = {"ld.lld",
                                        "--threads=1",
                                        "--no-mmap-output-file",
                                        "-static",
                                        "-s",
                                        "--gc-sections",
                                        "--build-id=none",
                                        "-z",
                                        "max-page-size=16384",
                                        "-z",
                                        "noexecstack",
                                        "-o",
                                        "/proc/self/fd/" +
                                            std::to_string(ends[1]),
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
  close(ends[1]);
  reader.join();
  close(ends[0]);
  llvm::sys::fs::remove(objectPath);
  if (result.retCode != 0)
    return InputError{path, "", "cannot link the trainer: " + messages};
  return writeFile(path, linked, /*executable=*/true);
}
