// SPDX-License-Identifier: Apache-2.0
//
// How much stack kernels use. A library promises to need at most 256 KiB: calls are three deep, and
// the toolchain refuses a function of more than 80 KiB.

extension Machine {
  /// Bytes of the stack that the sums of a kernel may use for blocks and errors: two thirds of what a
  /// function may.
  package static let stackBytesOfSums = 1 << 16
}
