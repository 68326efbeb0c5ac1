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

typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __UINTPTR_TYPE__ uintptr_t;
