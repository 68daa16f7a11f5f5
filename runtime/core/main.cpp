#include "session.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

// Without one of the three standard files, the next file opened would take its
// number and receive what is meant for the user.
static void open_standard_files() {
  int fd;
  do
    fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close(fd);
}

int main(int count, char **arguments) {
  using namespace neap;
  open_standard_files();
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
