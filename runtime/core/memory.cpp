#include "memory.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace neap {

status memory_map(int64_t bytes, uint8_t **arena) {
  void *base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    return fail(out_of_memory, "the arena of ", bytes,
                " bytes cannot be mapped: ", system_error(errno));
  *arena = static_cast<uint8_t *>(base);
  return ok;
}

namespace {

// Kernel interface (linux/filter.h, linux/seccomp.h, linux/audit.h), which
// musl does not ship.
struct filter_step {
  uint16_t code;
  uint8_t if_true, if_false;
  uint32_t value;
};
struct filter_program {
  unsigned short length;
  const filter_step *steps;
};
struct call_facts {
  int number;
  uint32_t architecture;
  uint64_t instruction, arguments[6];
};

constexpr uint16_t load_word = 0x20, jump_equal = 0x15, answer = 0x06;
constexpr uint32_t allow = 0x7fff0000, kill_process = 0x80000000;
constexpr unsigned mode_filter = 1, all_threads = 1;
#if defined(__x86_64__)
constexpr uint32_t own_architecture = 0xc000003e;
#elif defined(__aarch64__)
constexpr uint32_t own_architecture = 0xc00000b7;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr uint32_t own_architecture = 0xc00000f3;
#endif

const int refused[] = {
    SYS_mmap,  SYS_mremap, SYS_brk,    SYS_shmat,        SYS_remap_file_pages,
    SYS_clone, SYS_clone3, SYS_execve, SYS_memfd_create,
#ifdef SYS_fork
    SYS_fork,  SYS_vfork,
#endif
};
constexpr int refused_count = sizeof refused / sizeof *refused;

} // namespace

status memory_seal() {
  filter_step steps[5 + refused_count];
  int count = 0;
  steps[count++] = {load_word, 0, 0, offsetof(call_facts, architecture)};
  steps[count++] = {jump_equal, 0, refused_count + 2, own_architecture};
  steps[count++] = {load_word, 0, 0, offsetof(call_facts, number)};
  for (int i = 0; i < refused_count; ++i, ++count)
    steps[count] = {jump_equal, static_cast<uint8_t>(refused_count - i), 0,
                    static_cast<uint32_t>(refused[i])};
  steps[count++] = {answer, 0, 0, allow};
  steps[count++] = {answer, 0, 0, kill_process};
  filter_program program = {static_cast<unsigned short>(count), steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_seccomp, mode_filter, all_threads, &program) != 0)
    return fail(bug,
                "--seal: the system refuses the filter: ", system_error(errno));
  return ok;
}

} // namespace neap
