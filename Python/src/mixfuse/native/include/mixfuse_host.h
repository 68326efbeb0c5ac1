// SPDX-License-Identifier: Apache-2.0
//
// What the machine we run on can do: instruction set extensions by LLVM's names, and processors.
#ifndef MIXFUSE_HOST_H
#define MIXFUSE_HOST_H

#include <stdint.h>

typedef enum mixfuse_cpu_answer {
  mixfuse_cpu_lacks = 0,
  mixfuse_cpu_has = 1,
  /// The name is not in this file's table (or the table does not cover this architecture).
  mixfuse_cpu_unknown = 2
} mixfuse_cpu_answer;

/// Whether this machine, and its operating system where registers must be saved, supports
/// `feature`, an LLVM feature name such as "avx2" or "avx512f" without a leading sign.
mixfuse_cpu_answer mixfuse_cpu_supports(const char *feature);

/// The architecture this code was compiled for, as the first component of an LLVM triple: "x86_64",
/// "aarch64", or "unknown".
const char *mixfuse_host_architecture(void);

/// The number of processors this process may run on (its affinity mask), at least 1.
int64_t mixfuse_available_processors(void);

#endif
