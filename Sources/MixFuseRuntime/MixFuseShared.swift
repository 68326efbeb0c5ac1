// SPDX-License-Identifier: Apache-2.0
//
// What the runtime shares with the compiler and hands on to its users: manifests, element types and
// initialisers. `import MixFuseRuntime` is all that a program needs.

@_exported public import MixFuseShared
