// SPDX-License-Identifier: Apache-2.0
//
// The statements of long sums that are made in blocks: arrays on the stack for the sums of a block,
// and totals with what rounding took from them (`Kernels/SumBlocks.swift` says why and when).

import Kernels
import TensorIR

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
