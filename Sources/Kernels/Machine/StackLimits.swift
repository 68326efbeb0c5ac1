// SPDX-License-Identifier: Apache-2.0
//
// How much stack kernels use. A library promises to need at most 256 KiB: calls are three deep, and
// the toolchain refuses a function of more than 80 KiB.

extension Machine {
  /// Bytes of the stack that the sums of a kernel may use for blocks and errors.
  package static let stackBytesOfSums = 64 << 10

  /// Bytes of a row of one value that may wait on the stack, and the number of such values in a
  /// kernel. A few of them stay in a second-level cache, all fit into the stack of any thread; whole
  /// arrays would go to memory.
  package static let stackBytesOfRow = 32 << 10, stackRows = 8
}
