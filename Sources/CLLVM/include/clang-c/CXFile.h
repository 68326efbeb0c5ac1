// SPDX-License-Identifier: Apache-2.0
// Forwards to LLVM 19's header of the same name; CLLVMShim.h says why.
#if __has_include("/usr/lib/llvm-19/include/clang-c/CXFile.h")
#include "/usr/lib/llvm-19/include/clang-c/CXFile.h"
#else
#error "LLVM 19 headers not found: run 'make deps' (installs llvm-19-dev and libclang-19-dev)"
#endif
