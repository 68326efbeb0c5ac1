// mf_library
// requires: mixfuse_parallel
// SPDX-License-Identifier: Apache-2.0
//
// What every generated source begins with. Kernels stay functions of their own (not inlined), so
// that a profile shows them and `restrict` on their parameters holds. A function that is a long
// list of kernel calls is not optimised: it would take most of the compile time and gain nothing.

#define MF_EXPORT __attribute__((visibility("default")))
#define MF_KERNEL __attribute__((noinline))
#if __has_attribute(optnone)
#define MF_CALL_LIST __attribute__((noinline, optnone))
#else
#define MF_CALL_LIST
#endif

// What compilers are told about loops: to unroll one fully, so that arrays indexed by its variable
// become registers; to leave one rolled; to do one in vectors, all at once; that the iterations of
// one are independent; and that the order of a function's sums is free.
#define MF_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define MF_UNROLLED MF_PRAGMA(clang loop unroll(full))
#define MF_ROLLED MF_PRAGMA(clang loop unroll(disable))
#define MF_IN_VECTORS(width, count) \
  MF_PRAGMA(clang loop vectorize_width(width) interleave_count(count) unroll(disable))
#define MF_INDEPENDENT MF_PRAGMA(clang loop vectorize(assume_safety))
#define MF_REASSOCIATED MF_PRAGMA(clang fp reassociate(on))
#else
#define MF_UNROLLED MF_PRAGMA(GCC unroll 64)
#define MF_ROLLED MF_PRAGMA(GCC unroll 1)
#define MF_IN_VECTORS(width, count) MF_PRAGMA(GCC ivdep)
#define MF_INDEPENDENT MF_PRAGMA(GCC ivdep)
#define MF_REASSOCIATED
// Values that no later step needs are stored to arrays that the compiler drops again.
MF_PRAGMA(GCC diagnostic ignored "-Wunused-but-set-variable")
#endif
