#include "compiler/Pipeline/Commands.h"

#include "compiler/Spec/ByteSize.h"
#include "compiler/Spec/ClosestNames.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <iostream>

using namespace neap;

/// Writes what standard output still holds back; an error where that or
/// anything before it failed.
static CommandResult flushOutput() {
  errno = 0;
  std::cout.flush();
  bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) || !std::cout;
  if (!failed)
    return std::nullopt;
  std::string reason = errno ? std::strerror(errno) : "an earlier write failed";
  return InputError{"standard output", "", "cannot be written: " + reason};
}

int neap::finish(const CommandResult &result) {
  CommandResult unwritten = flushOutput();
  for (const CommandResult &error : {result, unwritten})
    if (error)
      std::cerr << "error: " << maskText(error->text, /*keepLines=*/true)
                << "\n";
  if (result)
    return int(result->code);
  return int(unwritten ? unwritten->code : ExitCode::Done);
}

const char *neap::getVersion() { return NEAP_VERSION; }

namespace {

constexpr const char *exitCodes =
    "Exit codes: 0 done; 1 a bug in Neap; 2 usage; 3 an input is invalid or "
    "unsupported, or\nan output (standard output included) cannot be written; "
    "4 does not fit; 5 `check`\nfound a regression.";

/// An empty path or name is a slip, such as a variable that is not set.
const CLI::Validator notEmpty(
    [](std::string &text) {
      return text.empty() ? std::string("expected a path or a name, but found "
                                        "''")
                          : std::string();
    },
    "");

/// Options of `compile` and `plan`.
void addJobOptions(CLI::App &app, JobRequest &request) {
  app.add_option("MODEL.onnx", request.model, "the language model")
      ->required()
      ->check(notEmpty);
  app.add_option("--lora", request.lora, "PEFT adapter_config.json")
      ->required()
      ->check(notEmpty);
  app.add_option("--train", request.train, "training spec (docs/specs.md)")
      ->required()
      ->check(notEmpty);
  app.add_option_function<std::string>(
         "--budget",
         [&request](const std::string &text) {
           std::optional<int64_t> bytes = parseByteSize(text);
           if (!bytes)
             throw CLI::ValidationError(
                 "--budget",
                 "expected bytes or a size such as 512MiB, but found '" + text +
                     "'");
           request.budgetBytes = *bytes;
         },
         "bytes the job may use; overrides the profile's")
      ->type_name("BYTES");
  app.add_option_function<std::string>(
         "--objective",
         [&request](const std::string &text) {
           request.smallest = text == "smallest";
         },
         "fastest within the budget, or smallest peak")
      ->check(CLI::IsMember({"fastest", "smallest"}));
  app.add_option("--tokenizer", request.tokenizer,
                 "folder of the model's tokenizer; not supported yet")
      ->type_name("DIR")
      ->check(notEmpty);
  app.add_option("--emit", request.emit,
                 "what to emit: exe; lib and all are not supported yet")
      ->check(CLI::IsMember({"exe", "lib", "all"}));
  app.add_option("--name", request.name,
                 "job name; the default is the model's file name")
      ->check(notEmpty);
}

constexpr const char *deviceHelp = "profile: a shipped name, `host` or a file";

const char *thresholdSyntax(Metric metric) {
  return metric == Metric::Seconds ? "seconds, or a share such as 2%"
                                   : "bytes, a size such as 4MiB, or a share "
                                     "such as 2%";
}

void addThreshold(CLI::App &app, const char *flag, Metric metric,
                  CheckRequest &request, const char *byDefault) {
  app.add_option_function<std::string>(
         flag,
         [&request, metric, flag](const std::string &text) {
           std::optional<Threshold> threshold = parseThreshold(metric, text);
           if (!threshold)
             throw CLI::ValidationError(flag, std::string("expected ") +
                                                  thresholdSyntax(metric) +
                                                  ", but found '" + text + "'");
           request.options.thresholds[size_t(metric)] = *threshold;
         },
         std::string(thresholdSyntax(metric)) + "; default " + byDefault)
      ->type_name("AMOUNT");
}

/// A command line under construction: each subcommand says what it runs.
struct CommandLine {
  CLI::App app{
      "Neap compiles a LoRA fine-tuning job to one small static trainer."};
  std::function<CommandResult()> action;
  JobRequest job;
  CheckRequest check;
  std::string model, device, output;
  std::vector<std::string> devices;
  int sweepPoints = 12;

  void addCompile() {
    CLI::App *compile =
        app.add_subcommand("compile", "compile a job to a trainer");
    addJobOptions(*compile, job);
    compile->add_option("--device", job.device, deviceHelp)
        ->required()
        ->check(notEmpty);
    compile
        ->add_option("-o,--output", job.output,
                     "folder for trainer, weights and plan")
        ->required()
        ->check(notEmpty);
    compile->add_flag(
        "--debug-poison", job.poison,
        "test aid: fill bytes with NaN when the plan calls them dead");
    compile->callback([this] { action = [this] { return runCompile(job); }; });
  }

  void addPlan() {
    CLI::App *plan = app.add_subcommand("plan", "plan a job; emits no code");
    addJobOptions(*plan, job);
    plan->add_option("--device", devices,
                     std::string(deviceHelp) + "; several with --sweep")
        ->required()
        ->allow_extra_args(false)
        ->check(notEmpty);
    CLI::Option *sweep = plan->add_flag(
        "--sweep",
        "plans for budgets between the smallest peak and everything kept");
    plan->add_option("--points", sweepPoints, "budgets of a sweep; default 12")
        ->needs(sweep)
        ->check(CLI::Range(2, 1000));
    plan->add_option("-o,--output", job.output,
                     "folder or file for plan.json (sweep.json)")
        ->check(notEmpty);
    plan->callback([this, plan] {
      bool sweeps = plan->count("--sweep") > 0;
      if (sweeps && (plan->count("--budget") || plan->count("--objective")))
        throw CLI::ValidationError(
            "--sweep", "covers all budgets: --budget and --objective do not "
                       "apply");
      if (!sweeps && devices.size() > 1)
        throw CLI::ValidationError("--device", "several profiles need --sweep");
      job.device = devices.front();
      if (sweeps)
        action = [this] { return runSweep(job, devices, sweepPoints); };
      else
        action = [this] { return runPlan(job); };
    });
  }

  void addInspect() {
    CLI::App *inspect =
        app.add_subcommand("inspect", "what a model holds and LoRA can target");
    inspect->add_option("MODEL.onnx", model, "the language model")
        ->required()
        ->check(notEmpty);
    inspect->callback(
        [this] { action = [this] { return runInspect(model); }; });
  }

  void addDevice() {
    CLI::App *device = app.add_subcommand("device", "device profiles");
    device->require_subcommand(1);
    device->add_subcommand("list", "names of the shipped profiles")
        ->callback([this] { action = [] { return runDeviceList(); }; });
    CLI::App *show = device->add_subcommand("show", "print a profile");
    show->add_option("NAME", this->device, "name or file")
        ->required()
        ->check(notEmpty);
    show->callback(
        [this] { action = [this] { return runDeviceShow(this->device); }; });
    CLI::App *probe = device->add_subcommand("probe", "measure this machine");
    probe
        ->add_option("-o,--output", output,
                     "file for the profile; the default is stdout")
        ->check(notEmpty);
    probe->callback(
        [this] { action = [this] { return runDeviceProbe(output); }; });
  }

  void addCheck() {
    CLI::App *command =
        app.add_subcommand("check", "compare plans with a baseline");
    command
        ->add_option(
            "PLAN", check.plans,
            "files, or folders: plan.json and *.plan.json at any depth")
        ->required()
        ->check(notEmpty);
    command->add_option("--baseline", check.baseline, "the committed figures")
        ->required()
        ->check(notEmpty);
    command->add_flag("--update-baseline", check.update,
                      "make these plans the baseline");
    addThreshold(*command, "--max-peak-increase", Metric::Peak, check, "0");
    addThreshold(*command, "--max-min-peak-increase", Metric::MinPeak, check,
                 "0");
    addThreshold(*command, "--max-time-increase", Metric::Seconds, check, "2%");
    addThreshold(*command, "--max-flash-write-increase", Metric::FlashWrite,
                 check, "0");
    std::vector<CLI::Option *> formats;
    auto format = [&](const char *flag, CheckFormat value, const char *help) {
      CLI::Option *option = command->add_flag_callback(
          flag, [this, value] { check.format = value; }, help);
      for (CLI::Option *other : formats)
        option->excludes(other);
      formats.push_back(option);
    };
    format("--json", CheckFormat::Json, "machine-readable report");
    format("--junit", CheckFormat::JUnit, "JUnit XML");
    format("--markdown", CheckFormat::Markdown, "a table for a pull request");
    format("--github", CheckFormat::GitHub, "workflow annotations");
    command->callback([this] { action = [this] { return runCheck(check); }; });
  }
};

/// What is wrong with the words that should name a command, or nothing. The
/// parser itself would only say that one is missing.
CommandResult checkCommandNames(const CLI::App &app, int argc, char **argv) {
  const CLI::App *level = &app;
  std::string prefix;
  for (int i = 1;; ++i) {
    std::vector<std::string> names;
    std::string known;
    for (const CLI::App *command : level->get_subcommands(nullptr)) {
      names.push_back(command->get_name());
      known += (known.empty() ? "" : ", ") + names.back();
    }
    if (names.empty())
      return std::nullopt;
    std::string word = i < argc ? argv[i] : "";
    if (word[0] == '-' && level->get_option_no_throw(word))
      return std::nullopt;
    if (i >= argc)
      return CommandError(ExitCode::Usage,
                          "no " + prefix + "command; expected one of " + known);
    auto found = std::find(names.begin(), names.end(), word);
    if (found == names.end()) {
      std::string meant = closestName(word, names);
      return CommandError(
          ExitCode::Usage,
          "unknown " + prefix + "command '" + word + "'" +
              (meant.empty() ? "" : " (did you mean '" + meant + "'?)") +
              "; expected one of " + known);
    }
    level = level->get_subcommand(word);
    prefix = word + " ";
  }
}

/// A descriptor that the caller closed would be given to the next file that is
/// opened, and messages would end in it.
void reserveStandardDescriptors() {
  for (int descriptor : {0, 1, 2})
    if (fcntl(descriptor, F_GETFD) < 0)
      open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
}

} // namespace

int neap::runCommandLine(int argc, char **argv) {
  reserveStandardDescriptors();
  CommandLine line;
  line.app.require_subcommand(1);
  line.app.footer(exitCodes);
  line.app.set_version_flag("--version", std::string("neap ") + getVersion());
  line.addCompile();
  line.addPlan();
  line.addCheck();
  line.addInspect();
  line.addDevice();
  if (CommandResult error = checkCommandNames(line.app, argc, argv))
    return finish(error);
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) {
      line.app.exit(error); // prints --help or --version
      return finish(std::nullopt);
    }
    return finish(CommandError(ExitCode::Usage, std::string(error.what()) +
                                                    "; see `neap --help`"));
  }
  return finish(line.action());
}
