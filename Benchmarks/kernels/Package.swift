// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
//
// The emitter of the kernel benchmark: the compiler's contraction sources, linked into one small
// module of their own, so that the benchmark builds in seconds and without LLVM.

import PackageDescription

let package = Package(
  name: "mixfuse-kernel-benchmark",
  targets: [.executableTarget(name: "emit")])
