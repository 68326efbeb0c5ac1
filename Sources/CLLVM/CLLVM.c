// SPDX-License-Identifier: Apache-2.0
//
// The bodies of the functions that CLLVMShim.h declares: a one-call form of LLVM's BLAKE3, and
// files in memory.

#define _GNU_SOURCE
#include "CLLVMShim.h"

#include "llvm-c/blake3.h"

#include <sys/mman.h>

void cllvm_content_digest(const void *bytes, size_t length, uint8_t digest[32]) {
  llvm_blake3_hasher hasher;
  llvm_blake3_hasher_init(&hasher);
  llvm_blake3_hasher_update(&hasher, bytes, length);
  llvm_blake3_hasher_finalize(&hasher, digest, LLVM_BLAKE3_OUT_LEN);
}

int cllvm_open_memory_file(void) {
  return memfd_create("mixfuse", MFD_CLOEXEC);
}
