// SPDX-License-Identifier: Apache-2.0
//
// What loop nests are done in: vectors of short rows, maxima as integers.

extension Machine {
  /// Iterations of a loop below which nothing is gained by keeping its maximum as an integer: a vector
  /// of lanes must be filled and joined for it, whatever its width.
  static let shortestOrderedMaximum = 16
}
