// SPDX-License-Identifier: Apache-2.0
//
// The keys of the random numbers that losses draw in training: of the outer step `s` of a run with a
// seed, for task `t` (0 without a batch), in the notation of `jax.random`,
//
//   fold_in(fold_in(fold_in(key(seed), s), part), t)      part 0 in the inner loss, 1 in the outer

import MixFuseRuntime
import MixFuseShared
import TensorIR

/// Makes the keys of an outer step.
enum RandomKeys {
  /// The number of the loss whose key an input is; nil for other inputs.
  static func part(of input: String) -> UInt32? {
    switch input {
    case DataLeaf.innerKey: 0
    case DataLeaf.outerKey: 1
    default: nil
    }
  }

  /// The keys of an input of shape `[2]` or `[tasks, 2]`.
  ///
  /// - Throws: `RuntimeError.memoryExhausted`.
  static func keys(
    for input: Manifest.ArrayDescription, seed: UInt64, step: Int
  ) throws(RuntimeError) -> NDArray {
    let start = (UInt32(truncatingIfNeeded: seed >> 32), UInt32(truncatingIfNeeded: seed))
    let ofStep = Threefry.folded(start, UInt32(truncatingIfNeeded: step))
    let ofLoss = Threefry.folded(ofStep, part(of: input.name) ?? 0)
    let tasks = input.shape.count == 2 ? input.shape[0] : 1
    let words = (0..<tasks).flatMap { task -> [Int32] in
      let key = Threefry.folded(ofLoss, UInt32(truncatingIfNeeded: task))
      return [Int32(bitPattern: key.0), Int32(bitPattern: key.1)]
    }
    return try NDArray(words, shape: input.shape)
  }
}
