// SPDX-License-Identifier: Apache-2.0
//
// The one header of the Clang module CLLVM: LLVM's C API (optimise, emit), libclang (check C, read
// its interface back) and one content hash.
//
// LLVM's headers are outside every default search path, and a package that finds them through
// `unsafeFlags` cannot be a versioned dependency. So the folders beside this file hold one
// forwarding header per LLVM header that is used, directly or through another: SwiftPM passes this
// folder with -I, LLVM's own nested `#include "llvm-c/Types.h"` lands on the forwarding header, and
// a machine without LLVM gets a sentence that says what to install. The set is the closure of the
// includes below; a new include here needs the forwarding headers that it pulls in.
//
// The functions at the end wrap what Swift cannot import well; CLLVM.c holds their bodies.

#ifndef MIXFUSE_CLLVM_SHIM_H
#define MIXFUSE_CLLVM_SHIM_H

#include "clang-c/Index.h"
#include "llvm-c/Analysis.h"
#include "llvm-c/BitReader.h"
#include "llvm-c/Core.h"
#include "llvm-c/ErrorHandling.h"
#include "llvm-c/Target.h"
#include "llvm-c/TargetMachine.h"
#include "llvm-c/Transforms/PassBuilder.h"

#include <stddef.h>
#include <stdint.h>

// Writes the 32-byte BLAKE3 digest of `length` bytes at `bytes` to `digest`.
//
// The hash is the one that libLLVM exports (llvm-c/blake3.h). It is wrapped because the hasher's
// 1.7 KB state would otherwise be imported into Swift as a tuple of 1,760 elements.
void cllvm_content_digest(const void *bytes, size_t length, uint8_t digest[32]);

// Opens an unnamed file in memory, closed when a program is executed: Linux's memfd_create, which
// the C library declares only under _GNU_SOURCE and Swift's Glibc module therefore lacks.
// Returns the descriptor, or -1 with errno set.
int cllvm_open_memory_file(void);

#endif
