// SPDX-License-Identifier: Apache-2.0
//
// Long sums. One running total loses a little of every term once it is much larger than they are: the
// error grows with the number of terms. So a long sum is made of blocks of fixed size, and what
// rounding takes from the total when a block is added is kept beside it and added with the next:
//
//   before:  for i in 0 ..< n: sum += x[i]
//   after:   for each block: part = 0; for i in the block: part += x[i]
//                            sum, error = two_sum(sum, part + error)
//            sum += error
//
// The error is that of a block and one rounding, however many blocks there are. Blocks follow from
// extents alone, so the bits are the same for any number of workers. Short sums are left as they are.
//
// Source: Knuth, The Art of Computer Programming, volume 2, section 4.2.2, theorem B (two_sum).

import TensorIR

/// Which of the loops that add up one number is cut into blocks, and how.
package struct SumBlocks: Hashable, Sendable {
  /// The loop that is cut, counted from the outermost of those given.
  package let level: Int
  /// Its iterations in one block.
  package let size: Int

  /// Cuts loops of the given extents, outermost first; `nil` if the sum needs no blocks.
  ///
  /// - Parameters:
  ///   - terms: terms of a block at most.
  ///   - longest: terms of a sum that is not worth cutting.
  ///   - areEven: whether blocks of less than `terms` are better if that makes all alike.
  package init?(extents: [Int], terms: Int, longest: Int, areEven: Bool = false) {
    guard extents.reduce(1, *) > longest else { return nil }
    var inside = 1
    for (level, extent) in extents.enumerated().reversed() {
      if inside * extent > terms {
        self.level = level
        let most = max(1, terms / inside)
        size = areEven ? Self.evenSize(atMost: most, of: extent) : most
        return
      }
      inside *= extent
    }
    return nil
  }

  /// The largest size that divides the loop, unless it is less than half of what is allowed: blocks
  /// that are all alike have a known number of iterations, which compilers unroll.
  private static func evenSize(atMost most: Int, of extent: Int) -> Int {
    (most / 2 + 1...most).last { extent % $0 == 0 } ?? most
  }

  /// Of a row, which is added up in many vector lanes at once: 32 terms or so for each of them.
  static func row(_ extents: [Int]) -> SumBlocks? {
    SumBlocks(extents: extents, terms: 2048, longest: 4096, areEven: true)
  }

  /// Of sums in memory, one term after the other.
  static func memory(_ extents: [Int]) -> SumBlocks? {
    SumBlocks(extents: extents, terms: 64, longest: 128, areEven: true)
  }

  /// Of products, one step after the other in each of many sums.
  package static func steps(_ extents: [Int]) -> SumBlocks? {
    SumBlocks(extents: extents, terms: 256, longest: 1024)
  }

  /// Of products, `atOnce` neighbouring ones in a step.
  package static func vectors(_ extents: [Int], atOnce: Int) -> SumBlocks? {
    SumBlocks(extents: extents, terms: 128 * atOnce, longest: 256 * atOnce)
  }

  /// Elements of C up to which blocks of products that are added in memory are kept apart from it: the
  /// two arrays that takes are scratch memory of every worker.
  package static let mostElementsApart = 1 << 14
  /// Products of such a block.
  package static let productsApart = 3072

  /// Updates of a scatter that may all meet in one row: from there on each is added with what rounding
  /// takes from the row kept beside it, if the stack has room for a second table.
  static func keepsErrors(ofUpdates count: Int, table: TensorType) -> Bool {
    table.dtype.isFloat && count > 128 && table.byteCount <= mostBytes
  }

  /// Bytes of the stack that the sums of a kernel may use for blocks and errors.
  static let mostBytes = 1 << 16
}

/// A sum in memory that is made in blocks: where its outermost loop is, which loop is cut, and the
/// arrays on the stack that have the sums of a block and the errors.
struct BlockedMemorySum {
  let entry: Cluster.Entry
  /// Groups of the nest: the outermost loop of the sum, and the one that is cut.
  let outermost: Int, cut: Int
  /// Iterations of a block.
  let size: Int
  let block: SumArray, error: SumArray
}

/// An array on the stack over some loops of a nest.
struct SumArray {
  let local: Int
  let groups: [Int]
  let index: ElementIndex
}

extension KernelBuilder {
  /// A scalar that is never shared: what it is made from changes.
  mutating func defineAnew(
    _ expression: ScalarExpression, _ dtype: DType, named name: String = "",
    in statements: inout [Statement]
  ) -> Int {
    let scalar = newScalar(dtype, named: name)
    statements.append(.define(scalar: scalar, expression))
    return scalar
  }

  private mutating func binary(
    _ function: BinaryFunction, _ a: Int, _ b: Int, _ dtype: DType, named name: String,
    in statements: inout [Statement]
  ) -> Int {
    defineAnew(.apply(.binary(function), [a, b]), dtype, named: name, in: &statements)
  }

  /// Adds `b` to the sum `a`, with what rounding took from it before; the error is what it takes now.
  ///
  /// As the error goes back into the sum at once it stays small, and errors need no errors of their
  /// own. That of an infinite sum is no number, and left out.
  mutating func twoSum(
    _ a: Int, _ b: Int, error: Int, _ dtype: DType, in statements: inout [Statement]
  ) -> (sum: Int, error: Int) {
    let more = binary(.add, b, error, dtype, named: "more", in: &statements)
    let sum = binary(.add, a, more, dtype, named: "sum", in: &statements)
    let added = binary(.subtract, sum, a, dtype, named: "added", in: &statements)
    let old = binary(.subtract, sum, added, dtype, named: "old", in: &statements)
    let lostOfMore = binary(
      .subtract, more, added, dtype, named: "lost_of_more", in: &statements)
    let lostOfA = binary(.subtract, a, old, dtype, named: "lost_of_old", in: &statements)
    let lost = binary(.add, lostOfA, lostOfMore, dtype, named: "lost", in: &statements)
    let isNumber = defineAnew(.apply(.compare(.equal), [lost, lost]), .bool, in: &statements)
    let zero = defineAnew(.constant(0), dtype, in: &statements)
    return (sum, defineAnew(.apply(.select, [isNumber, lost, zero]), dtype, in: &statements))
  }

  /// A sum with its error added.
  mutating func corrected(
    _ sum: Int, error: Int, _ dtype: DType, in statements: inout [Statement]
  ) -> Int {
    binary(.add, sum, error, dtype, named: "sum", in: &statements)
  }

  /// Loads, adds and stores an element of an array on the stack.
  mutating func accumulate(
    _ value: Int, in array: SumArray, _ dtype: DType, to statements: inout [Statement]
  ) {
    let old = defineAnew(.loadLocal(array.local, array.index), dtype, in: &statements)
    let new = binary(.add, old, value, dtype, named: "sum", in: &statements)
    statements.append(.storeLocal(array.local, array.index, scalar: new))
  }
}
