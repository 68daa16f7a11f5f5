#include "compiler/Pipeline/Commands.h"

#include "compiler/Spec/ByteSize.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <iostream>

using namespace neap;

int neap::finish(const CommandResult &result) {
  if (!result)
    return int(ExitCode::Done);
  std::cout.flush();
  std::cerr << "error: " << result->text << "\n";
  return int(result->code);
}

const char *neap::getVersion() { return NEAP_VERSION; }

namespace {

/// Options of `compile` and `plan`.
void addJobOptions(CLI::App &app, JobRequest &request) {
  app.add_option("MODEL.onnx", request.model, "the language model")->required();
  app.add_option("--lora", request.lora, "PEFT adapter_config.json")
      ->required();
  app.add_option("--train", request.train, "training spec (docs/specs.md)")
      ->required();
  app.add_option("--device", request.device,
                 "profile: a shipped name, `host` or a file")
      ->required();
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
  app.add_option("--name", request.name,
                 "job name; the default is the model's file name");
}

void addThreshold(CLI::App &app, const char *flag, Metric metric,
                  CheckRequest &request, const char *help) {
  app.add_option_function<std::string>(
      flag,
      [&request, metric, flag](const std::string &text) {
        std::optional<Threshold> threshold = parseThreshold(metric, text);
        if (!threshold)
          throw CLI::ValidationError(
              flag,
              "expected an amount or a percentage, but found '" + text + "'");
        request.options.thresholds[size_t(metric)] = *threshold;
      },
      help);
}

/// A command line under construction: each subcommand says what it runs.
struct CommandLine {
  CLI::App app{
      "Neap compiles a LoRA fine-tuning job to one small static trainer."};
  std::function<CommandResult()> action;
  JobRequest job;
  CheckRequest check;
  std::string model, device, output;
  std::string emit = "exe", tokenizer;

  void addCompile() {
    CLI::App *compile =
        app.add_subcommand("compile", "compile a job to a trainer");
    addJobOptions(*compile, job);
    compile
        ->add_option("-o,--output", job.output,
                     "folder for trainer, weights and plan")
        ->required();
    compile->add_option("--emit", emit, "what to emit")
        ->check(CLI::IsMember({"exe"}));
    compile->add_flag(
        "--debug-poison", job.poison,
        "test aid: fill bytes with NaN when the plan calls them dead");
    compile->callback([this] { action = [this] { return runCompile(job); }; });
  }

  void addPlan() {
    CLI::App *plan = app.add_subcommand("plan", "plan a job; emits no code");
    addJobOptions(*plan, job);
    plan->add_option("-o,--output", job.output, "folder or file for plan.json");
    plan->callback([this] { action = [this] { return runPlan(job); }; });
  }

  void addInspect() {
    CLI::App *inspect =
        app.add_subcommand("inspect", "what a model holds and LoRA can target");
    inspect->add_option("MODEL.onnx", model, "the language model")->required();
    inspect->callback(
        [this] { action = [this] { return runInspect(model); }; });
  }

  void addDevice() {
    CLI::App *device = app.add_subcommand("device", "device profiles");
    device->require_subcommand(1);
    device->add_subcommand("list", "names of the shipped profiles")
        ->callback([this] { action = [] { return runDeviceList(); }; });
    CLI::App *show = device->add_subcommand("show", "print a profile");
    show->add_option("NAME", this->device, "name or file")->required();
    show->callback(
        [this] { action = [this] { return runDeviceShow(this->device); }; });
    CLI::App *probe = device->add_subcommand("probe", "measure this machine");
    probe->add_option("-o,--output", output,
                      "file for the profile; the default is stdout");
    probe->callback(
        [this] { action = [this] { return runDeviceProbe(output); }; });
  }

  void addCheck() {
    CLI::App *command =
        app.add_subcommand("check", "compare plans with a baseline");
    command
        ->add_option("PLAN", check.plans,
                     "plan.json files or folders with them")
        ->required();
    command->add_option("--baseline", check.baseline, "the committed figures")
        ->required();
    command->add_flag("--update-baseline", check.update,
                      "make these plans the baseline");
    addThreshold(*command, "--max-peak-increase", Metric::Peak, check,
                 "default 0");
    addThreshold(*command, "--max-min-peak-increase", Metric::MinPeak, check,
                 "default 0");
    addThreshold(*command, "--max-time-increase", Metric::Seconds, check,
                 "default 2%");
    addThreshold(*command, "--max-flash-write-increase", Metric::FlashWrite,
                 check, "default 0");
    auto format = [&](const char *flag, CheckFormat value, const char *help) {
      command->add_flag_callback(
          flag, [this, value] { check.format = value; }, help);
    };
    format("--json", CheckFormat::Json, "machine-readable report");
    format("--junit", CheckFormat::JUnit, "JUnit XML");
    format("--markdown", CheckFormat::Markdown, "a table for a pull request");
    format("--github", CheckFormat::GitHub, "workflow annotations");
    command->callback([this] { action = [this] { return runCheck(check); }; });
  }
};

} // namespace

int neap::runCommandLine(int argc, char **argv) {
  CommandLine line;
  line.app.require_subcommand(1);
  line.app.set_version_flag("--version", std::string("neap ") + getVersion());
  line.addCompile();
  line.addPlan();
  line.addCheck();
  line.addInspect();
  line.addDevice();
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return line.app.exit(error); // --help, --version
    return finish(CommandError(ExitCode::Usage, std::string(error.what()) +
                                                    "; see `neap --help`"));
  }
  return finish(line.action());
}
