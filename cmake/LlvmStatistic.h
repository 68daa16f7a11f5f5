// Included before everything else that sees LLVM. Assertions are on in our code
// and off in Debian's LLVM, and Statistic.h lets NDEBUG decide how large a
// statistic is: a pass's statistics, which LLVM constructs, must have the size
// that LLVM knows.
#ifndef NEAP_CMAKE_LLVMSTATISTIC_H
#define NEAP_CMAKE_LLVMSTATISTIC_H

#ifndef NDEBUG
#define NDEBUG
#include "llvm/ADT/Statistic.h"
#undef NDEBUG
#include <cassert>
#else
#include "llvm/ADT/Statistic.h"
#endif

#endif
