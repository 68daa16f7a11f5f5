// What every command of `neap` shares: how it fails, and with which exit code.
#ifndef NEAP_COMPILER_PIPELINE_COMMAND_H
#define NEAP_COMPILER_PIPELINE_COMMAND_H

#include "compiler/Spec/InputError.h"
#include "compiler/Spec/PlainText.h"

#include <optional>
#include <string>

namespace neap {

/// The exit codes of design and documentation.
enum class ExitCode : int {
  Done = 0,
  Bug = 1,   ///< an invariant of Neap's own failed
  Usage = 2, ///< the command line makes no sense
  /// An input is invalid or unsupported, or an output cannot be written.
  InvalidInput = 3,
  DoesNotFit = 4, ///< no plan within the budget
  Regression = 5  ///< `check` found one
};

/// Why a command stops. `text` follows `error: ` on stderr.
struct CommandError {
  ExitCode code = ExitCode::Bug;
  std::string text;

  CommandError(ExitCode code, std::string text)
      : code(code), text(std::move(text)) {}
  CommandError(const InputError &error)
      : code(ExitCode::InvalidInput),
        text(InputError{maskText(error.file), maskText(error.place),
                        maskText(error.message, /*keepLines=*/true)}
                 .text()) {}
};

/// Nothing, or why the command stops.
using CommandResult = std::optional<CommandError>;

/// Prints the error, if any, with its control characters masked, and returns
/// the process's exit code. A command whose report did not reach standard
/// output has failed, too.
int finish(const CommandResult &result);

/// The version of this Neap.
const char *getVersion();

} // namespace neap
#endif
