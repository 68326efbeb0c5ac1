// SPDX-License-Identifier: Apache-2.0
//
// Host facts for mixfuse_host.h. The x86 table lists the features LLVM 19 reports for a host
// (llvm/lib/TargetParser/Host.cpp) with their CPUID leaf, register and bit, and the register state
// the operating system must save for them to be usable (XGETBV). A test compares it with clang's
// own view.
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "mixfuse_host.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#endif

int64_t mixfuse_available_processors(void) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    return CPU_COUNT(&allowed);
  }
  // More than 1,024 processors do not fit in a cpu_set_t; fall through to the number of them
  // online.
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online < 1 ? 1 : online;
}

#if defined(__x86_64__)

#include <cpuid.h>

const char *mixfuse_host_architecture(void) { return "x86_64"; }

enum cpuid_register { EAX, EBX, ECX, EDX };

// What the operating system must save on a context switch for the feature to be usable.
enum saved_state { NOTHING, YMM, ZMM, TILES };

typedef struct cpu_feature {
  const char *name;
  uint32_t leaf;
  uint32_t subleaf;
  enum cpuid_register result;
  int bit;
  enum saved_state state;
} cpu_feature;

// In the order of leaves, registers and bits.
static const cpu_feature features[] = {
    {"sse3", 1, 0, ECX, 0, NOTHING},
    {"pclmul", 1, 0, ECX, 1, NOTHING},
    {"ssse3", 1, 0, ECX, 9, NOTHING},
    {"fma", 1, 0, ECX, 12, YMM},
    {"cx16", 1, 0, ECX, 13, NOTHING},
    {"sse4.1", 1, 0, ECX, 19, NOTHING},
    {"sse4.2", 1, 0, ECX, 20, NOTHING},
    {"crc32", 1, 0, ECX, 20, NOTHING},
    {"movbe", 1, 0, ECX, 22, NOTHING},
    {"popcnt", 1, 0, ECX, 23, NOTHING},
    {"aes", 1, 0, ECX, 25, NOTHING},
    {"xsave", 1, 0, ECX, 27, YMM},
    {"avx", 1, 0, ECX, 28, YMM},
    {"f16c", 1, 0, ECX, 29, YMM},
    {"rdrnd", 1, 0, ECX, 30, NOTHING},
    {"x87", 1, 0, EDX, 0, NOTHING},
    {"cx8", 1, 0, EDX, 8, NOTHING},
    {"cmov", 1, 0, EDX, 15, NOTHING},
    {"mmx", 1, 0, EDX, 23, NOTHING},
    {"fxsr", 1, 0, EDX, 24, NOTHING},
    {"sse", 1, 0, EDX, 25, NOTHING},
    {"sse2", 1, 0, EDX, 26, NOTHING},
    {"fsgsbase", 7, 0, EBX, 0, NOTHING},
    {"sgx", 7, 0, EBX, 2, NOTHING},
    {"bmi", 7, 0, EBX, 3, NOTHING},
    {"avx2", 7, 0, EBX, 5, YMM},
    {"bmi2", 7, 0, EBX, 8, NOTHING},
    {"invpcid", 7, 0, EBX, 10, NOTHING},
    {"rtm", 7, 0, EBX, 11, NOTHING},
    {"avx512f", 7, 0, EBX, 16, ZMM},
    {"evex512", 7, 0, EBX, 16, ZMM},
    {"avx512dq", 7, 0, EBX, 17, ZMM},
    {"rdseed", 7, 0, EBX, 18, NOTHING},
    {"adx", 7, 0, EBX, 19, NOTHING},
    {"avx512ifma", 7, 0, EBX, 21, ZMM},
    {"clflushopt", 7, 0, EBX, 23, NOTHING},
    {"clwb", 7, 0, EBX, 24, NOTHING},
    {"avx512cd", 7, 0, EBX, 28, ZMM},
    {"sha", 7, 0, EBX, 29, NOTHING},
    {"avx512bw", 7, 0, EBX, 30, ZMM},
    {"avx512vl", 7, 0, EBX, 31, ZMM},
    {"avx512vbmi", 7, 0, ECX, 1, ZMM},
    {"pku", 7, 0, ECX, 4, NOTHING},
    {"waitpkg", 7, 0, ECX, 5, NOTHING},
    {"avx512vbmi2", 7, 0, ECX, 6, ZMM},
    {"shstk", 7, 0, ECX, 7, NOTHING},
    {"gfni", 7, 0, ECX, 8, NOTHING},
    {"vaes", 7, 0, ECX, 9, YMM},
    {"vpclmulqdq", 7, 0, ECX, 10, YMM},
    {"avx512vnni", 7, 0, ECX, 11, ZMM},
    {"avx512bitalg", 7, 0, ECX, 12, ZMM},
    {"avx512vpopcntdq", 7, 0, ECX, 14, ZMM},
    {"rdpid", 7, 0, ECX, 22, NOTHING},
    {"kl", 7, 0, ECX, 23, NOTHING},
    {"cldemote", 7, 0, ECX, 25, NOTHING},
    {"movdiri", 7, 0, ECX, 27, NOTHING},
    {"movdir64b", 7, 0, ECX, 28, NOTHING},
    {"enqcmd", 7, 0, ECX, 29, NOTHING},
    {"uintr", 7, 0, EDX, 5, NOTHING},
    {"avx512vp2intersect", 7, 0, EDX, 8, ZMM},
    {"serialize", 7, 0, EDX, 14, NOTHING},
    {"tsxldtrk", 7, 0, EDX, 16, NOTHING},
    {"pconfig", 7, 0, EDX, 18, NOTHING},
    {"amx-bf16", 7, 0, EDX, 22, TILES},
    {"avx512fp16", 7, 0, EDX, 23, ZMM},
    {"amx-tile", 7, 0, EDX, 24, TILES},
    {"amx-int8", 7, 0, EDX, 25, TILES},
    {"sha512", 7, 1, EAX, 0, NOTHING},
    {"sm3", 7, 1, EAX, 1, NOTHING},
    {"sm4", 7, 1, EAX, 2, NOTHING},
    {"raoint", 7, 1, EAX, 3, NOTHING},
    {"avxvnni", 7, 1, EAX, 4, YMM},
    {"avx512bf16", 7, 1, EAX, 5, ZMM},
    {"cmpccxadd", 7, 1, EAX, 7, NOTHING},
    {"amx-fp16", 7, 1, EAX, 21, TILES},
    {"hreset", 7, 1, EAX, 22, NOTHING},
    {"avxifma", 7, 1, EAX, 23, YMM},
    {"avxvnniint8", 7, 1, EDX, 4, YMM},
    {"avxneconvert", 7, 1, EDX, 5, YMM},
    {"amx-complex", 7, 1, EDX, 8, TILES},
    {"avxvnniint16", 7, 1, EDX, 10, YMM},
    {"prefetchi", 7, 1, EDX, 14, NOTHING},
    {"usermsr", 7, 1, EDX, 15, NOTHING},
    {"avx10.1-256", 7, 1, EDX, 19, ZMM},
    {"xsaveopt", 0xd, 1, EAX, 0, YMM},
    {"xsavec", 0xd, 1, EAX, 1, YMM},
    {"xsaves", 0xd, 1, EAX, 3, YMM},
    {"ptwrite", 0x14, 0, EBX, 4, NOTHING},
    {"widekl", 0x19, 0, EBX, 2, NOTHING},
    {"sahf", 0x80000001, 0, ECX, 0, NOTHING},
    {"lzcnt", 0x80000001, 0, ECX, 5, NOTHING},
    {"sse4a", 0x80000001, 0, ECX, 6, NOTHING},
    {"prfchw", 0x80000001, 0, ECX, 8, NOTHING},
    {"xop", 0x80000001, 0, ECX, 11, YMM},
    {"lwp", 0x80000001, 0, ECX, 15, NOTHING},
    {"fma4", 0x80000001, 0, ECX, 16, YMM},
    {"tbm", 0x80000001, 0, ECX, 21, NOTHING},
    {"mwaitx", 0x80000001, 0, ECX, 29, NOTHING},
    {"64bit", 0x80000001, 0, EDX, 29, NOTHING},
    {"clzero", 0x80000008, 0, EBX, 0, NOTHING},
    {"rdpru", 0x80000008, 0, EBX, 4, NOTHING},
    {"wbnoinvd", 0x80000008, 0, EBX, 9, NOTHING},
};

/// The bits of XCR0: which register states the operating system saves; 0 without OSXSAVE.
static uint64_t saved_states(void) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & (1u << 27)) == 0) {
    return 0;
  }
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static bool saves(enum saved_state state) {
  static const uint64_t required[] = {
      [NOTHING] = 0,
      [YMM] = 0x6,         // SSE and AVX state
      [ZMM] = 0xe6,        // and the mask and upper registers of AVX-512
      [TILES] = 0x60000,   // AMX configuration and data
  };
  return (saved_states() & required[state]) == required[state];
}

mixfuse_cpu_answer mixfuse_cpu_supports(const char *feature) {
  for (size_t row = 0; row < sizeof features / sizeof features[0]; ++row) {
    const cpu_feature *const known = &features[row];
    if (strcmp(known->name, feature) != 0) {
      continue;
    }
    unsigned registers[4] = {0, 0, 0, 0};
    if (__get_cpuid_count(known->leaf, known->subleaf, &registers[EAX], &registers[EBX],
                          &registers[ECX], &registers[EDX]) == 0) {
      return mixfuse_cpu_lacks;
    }
    const bool present = (registers[known->result] >> known->bit & 1) != 0;
    return present && saves(known->state) ? mixfuse_cpu_has : mixfuse_cpu_lacks;
  }
  return mixfuse_cpu_unknown;
}

#else

const char *mixfuse_host_architecture(void) {
#if defined(__aarch64__)
  return "aarch64";
#else
  return "unknown";
#endif
}

// Only the architecture is compared on other machines; see Library.swift for what follows from
// "unknown".
mixfuse_cpu_answer mixfuse_cpu_supports(const char *feature) {
  (void)feature;
  return mixfuse_cpu_unknown;
}

#endif
