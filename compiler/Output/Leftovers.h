// What an interrupted program must not leave behind.
#ifndef NEAP_COMPILER_OUTPUT_LEFTOVERS_H
#define NEAP_COMPILER_OUTPUT_LEFTOVERS_H

#include <csignal>
#include <string>

namespace neap {

/// From here on a signal that ends the program first removes what Leftover
/// objects name. Signals that are ignored stay so.
void removeLeftoversOnSignals();

/// Registers a file or a folder that a signal removes, while the object lives.
/// Beyond 64 of them, or with a path of 4096 bytes, nothing is registered.
class Leftover {
public:
  enum class Kind {
    File = 1,
    Folder,     ///< with the files in it, but no folders
    EmptyFolder ///< stays if anything is in it
  };
  Leftover(Kind kind, const std::string &path);
  Leftover(Leftover &&other) noexcept : slot(other.slot) { other.slot = -1; }
  Leftover &operator=(Leftover &&) = delete;
  ~Leftover();

private:
  int slot = -1;
};

/// Signals wait while it lives: between making a file and its Leftover, and
/// between the first and the last of several renames.
class HoldSignals {
public:
  HoldSignals();
  HoldSignals(const HoldSignals &) = delete;
  HoldSignals &operator=(const HoldSignals &) = delete;
  ~HoldSignals();

private:
  sigset_t before;
};

/// Removes a folder and the files in it; a folder in it makes it stay. Calls
/// nothing that a signal handler may not.
void removeFlatFolder(const char *path);

} // namespace neap

#endif // NEAP_COMPILER_OUTPUT_LEFTOVERS_H
