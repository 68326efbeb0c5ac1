// SPDX-License-Identifier: Apache-2.0
//
// Sizes that passes over graphs and the choice of a derivation go by. Graphs are the same for every
// target, so these are read off the usual machine.

extension Machine {
  /// The machine that most of the formulas were measured on.
  package static let usual = Machine(vectorBytes: 64)

  // MARK: Linear cross-entropy

  /// Elements of a tile of logits: four bytes each are a quarter of the cache that all cores share. And
  /// the width of a tile.
  package var logitTileElements: Int { lastCacheBytes / 16 }
  package static let logitTileWidths = 64...1024

  /// Elements of a strip of logits: a few such arrays should stay in that cache. And tokens of a strip.
  /// Each strip adds to the whole adjoint of w, so short ones are costly: with 256 tokens there are 512
  /// operations for the eight bytes that an element of it moves.
  package var logitStripElements: Int { lastCacheBytes / 8 }
  package static let logitStripLengths = 256...1024

  // MARK: Loops

  /// Bytes of a value that is computed before a loop whatever it is computed from: many such values
  /// stay in the first-level cache.
  package var hoistedBytes: Int { firstCacheBytes / 8 }

  // MARK: Choice of a derivation

  /// Bytes of what all inner steps compute on the way to their gradients, if that is little enough to
  /// keep, and in no loop of its own.
  package var keptActivationBytes: Int { lastCacheBytes }

  /// Bytes of a trajectory that is rather computed again: it is far from staying in a cache.
  package var storedTrajectoryBytes: Int { 4 * lastCacheBytes }

  // MARK: Reports

  /// Bytes of the arrays of one call that may be in a cache when it begins.
  package var warmBytes: Int { lastCacheBytes / 4 }
}
