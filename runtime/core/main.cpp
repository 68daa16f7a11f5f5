#include "session.h"

#include <signal.h>

int main(int count, char **arguments) {
  using namespace neap;
  // A full disk or a closed pipe is an error of its write, not a death.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  options opts;
  bool done;
  status result = options_parse(count, arguments, &opts, &done);
  if (result != ok || done)
    return result;
  switch (opts.command) {
  case command_train:
    return run_train(&neap_image, &opts);
  case command_eval:
    return run_eval(&neap_image, &opts);
  default:
    return run_info(&neap_image, &opts);
  }
}
