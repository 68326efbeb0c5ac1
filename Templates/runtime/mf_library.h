// mf_library
// requires: mixfuse_parallel
// SPDX-License-Identifier: Apache-2.0
//
// What every generated source begins with. Kernels stay functions of their own (not inlined), so
// that a profile shows them and `restrict` on their parameters holds.

#define MF_EXPORT __attribute__((visibility("default")))
#define MF_KERNEL __attribute__((noinline))
