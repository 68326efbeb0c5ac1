// SPDX-License-Identifier: Apache-2.0
//
// Which rows of a table a training step sees. The draw of step k is a function of (seed, k, table)
// alone: training can resume anywhere without any state of a generator, and inputs that come from
// tables of one length share their rows.

import MixFuseShared

/// A way of drawing row numbers.
struct RowDraw: Hashable, Sendable {
  /// The number of rows to draw from.
  let rowCount: Int
  /// The shape of the array of row numbers. Along its last axis (a minibatch, a batch of tasks) rows
  /// are distinct; draws along the other axes are independent.
  let indexShape: [Int]
  /// What a table is drawn by that has nothing to do with others of its length; empty otherwise.
  var group = ""

  /// The row numbers of a step, in C order; one number for an empty index shape.
  ///
  /// - Cost: linear in the result.
  func rows(seed: UInt64, step: Int) -> [Int] {
    var generator = SplitMix64(
      mixing: [seed, UInt64(step), UInt64(rowCount)] + indexShape.map { UInt64($0) }
        + group.utf8.map { UInt64($0) })
    let batch = indexShape.last ?? 1
    let batches = indexShape.dropLast().reduce(1, *)
    return (0..<batches).flatMap { _ in distinctRows(batch, &generator) }
  }

  /// The first `count` entries of a random permutation: a shuffle (Fisher and Yates) of which only
  /// the entries that were touched are stored.
  private func distinctRows(_ count: Int, _ generator: inout SplitMix64) -> [Int] {
    precondition(count <= rowCount, "compiler bug: the feed admits no batch beyond its table")
    var moved: [Int: Int] = [:]
    return (0..<count).map { position in
      let chosen = position + generator.next(below: rowCount - position)
      let row = moved[chosen] ?? chosen
      moved[chosen] = moved[position] ?? position
      return row
    }
  }
}
