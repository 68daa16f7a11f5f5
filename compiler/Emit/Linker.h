// Links an object and the trainer runtime into a static executable, in process.
#ifndef NEAP_COMPILER_EMIT_LINKER_H
#define NEAP_COMPILER_EMIT_LINKER_H

#include "compiler/Spec/InputError.h"

#include <optional>
#include <string>

namespace neap {

/// Folder with libneaprt.a, libc.a and the start files for a target, beside the
/// running program (`<prefix>/lib/neap/x86_64-linux-musl`); empty if this Neap
/// has no runtime for `triple`.
std::string getRuntimeFolder(const std::string &triple);

/// Links `object` (bytes of a relocatable object) to a stripped static
/// executable at `path`, which appears whole or not at all. Segments are
/// 16 KiB-aligned.
std::optional<InputError> linkTrainer(const std::string &object,
                                      const std::string &runtimeFolder,
                                      const std::string &path);

} // namespace neap
#endif
