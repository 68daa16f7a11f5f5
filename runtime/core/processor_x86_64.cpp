// Feature bits: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
#include "processor.h"

#include <cpuid.h>
#include <string.h>

namespace neap {

namespace {

enum word { leaf1c, leaf1d, leaf7b, leaf7c, leaf7d, leaf71a, ext1c, words };
// What the operating system must save besides.
enum state { none, avx, avx512, amx };

struct feature {
  const char *name;
  word where;
  int bit;
  state needs;
};

const feature known[] = {
    {"cmov", leaf1d, 15, none},
    {"mmx", leaf1d, 23, none},
    {"fxsr", leaf1d, 24, none},
    {"cx8", leaf1d, 8, none},
    {"sse", leaf1d, 25, none},
    {"sse2", leaf1d, 26, none},
    {"sse3", leaf1c, 0, none},
    {"pclmul", leaf1c, 1, none},
    {"ssse3", leaf1c, 9, none},
    {"fma", leaf1c, 12, avx},
    {"cx16", leaf1c, 13, none},
    {"sse4.1", leaf1c, 19, none},
    {"sse4.2", leaf1c, 20, none},
    {"crc32", leaf1c, 20, none},
    {"movbe", leaf1c, 22, none},
    {"popcnt", leaf1c, 23, none},
    {"aes", leaf1c, 25, none},
    {"xsave", leaf1c, 26, none},
    {"avx", leaf1c, 28, avx},
    {"f16c", leaf1c, 29, avx},
    {"bmi", leaf7b, 3, none},
    {"avx2", leaf7b, 5, avx},
    {"bmi2", leaf7b, 8, none},
    {"adx", leaf7b, 19, none},
    {"avx512f", leaf7b, 16, avx512},
    {"avx512dq", leaf7b, 17, avx512},
    {"avx512ifma", leaf7b, 21, avx512},
    {"avx512cd", leaf7b, 28, avx512},
    {"avx512bw", leaf7b, 30, avx512},
    {"avx512vl", leaf7b, 31, avx512},
    {"avx512vbmi", leaf7c, 1, avx512},
    {"avx512vbmi2", leaf7c, 6, avx512},
    {"gfni", leaf7c, 8, none},
    {"vaes", leaf7c, 9, avx},
    {"vpclmulqdq", leaf7c, 10, avx},
    {"avx512vnni", leaf7c, 11, avx512},
    {"avx512bitalg", leaf7c, 12, avx512},
    {"avx512vpopcntdq", leaf7c, 14, avx512},
    {"avx512fp16", leaf7d, 23, avx512},
    {"amx-bf16", leaf7d, 22, amx},
    {"amx-tile", leaf7d, 24, amx},
    {"amx-int8", leaf7d, 25, amx},
    {"avxvnni", leaf71a, 4, avx},
    {"avx512bf16", leaf71a, 5, avx512},
    {"avxifma", leaf71a, 23, avx},
    {"sahf", ext1c, 0, none},
    {"lzcnt", ext1c, 5, none},
    {"sse4a", ext1c, 6, none},
    {"prfchw", ext1c, 8, none},
    {"fma4", ext1c, 16, avx},
};

struct processor {
  unsigned int word[words];
  unsigned int saved; // XCR0: register states the system saves
};

processor probe() {
  processor found = {};
  unsigned int a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d)) {
    found.word[leaf1c] = c;
    found.word[leaf1d] = d;
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    unsigned int subleaves = a;
    found.word[leaf7b] = b;
    found.word[leaf7c] = c;
    found.word[leaf7d] = d;
    if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
      found.word[leaf71a] = a;
  }
  if (__get_cpuid(0x80000001, &a, &b, &c, &d))
    found.word[ext1c] = c;
  if (found.word[leaf1c] >> 27 & 1) { // OSXSAVE: xgetbv may be executed
    unsigned int high;
    __asm__ volatile("xgetbv" : "=a"(found.saved), "=d"(high) : "c"(0));
  }
  return found;
}

bool saves(const processor *cpu, state needs) {
  static const unsigned int masks[] = {0, 0x6, 0xe6, 0x60000};
  return (cpu->saved & masks[needs]) == masks[needs];
}

status check_one(const processor *cpu, const char *name, int64_t size) {
  static const char *const always[] = {"64bit", "x87", "cx8"};
  for (const char *basic : always)
    if (strlen(basic) == static_cast<size_t>(size) &&
        memcmp(basic, name, size) == 0)
      return ok;
  for (const feature &one : known) {
    if (strlen(one.name) != static_cast<size_t>(size) ||
        memcmp(one.name, name, size) != 0)
      continue;
    if (!(cpu->word[one.where] >> one.bit & 1))
      return fail(bad_processor, "this processor lacks ", one.name,
                  ", which the trainer was compiled for");
    if (!saves(cpu, one.needs))
      return fail(bad_processor, "this system does not enable ", one.name,
                  ", which the trainer was compiled for");
    return ok;
  }
  return fail(bad_processor, "the trainer needs the processor feature '",
              span(name, size), "', which it does not know how to find");
}

} // namespace

status processor_check(const char *features) {
  processor cpu = probe();
  while (*features) {
    int64_t size = static_cast<int64_t>(strcspn(features, ","));
    const char *name = features;
    features += size + (features[size] == ',');
    if (size == 0 || *name == '-')
      continue;
    int64_t skip = *name == '+';
    status result = check_one(&cpu, name + skip, size - skip);
    if (result != ok)
      return result;
  }
  return ok;
}

} // namespace neap
