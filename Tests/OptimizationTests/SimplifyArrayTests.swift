// SPDX-License-Identifier: Apache-2.0
//
// Movement, indexing, reduction and contraction rules of `SimplifyAlgebra`, one example each, as IR
// text before and after.

import Optimization
import Testing

@Suite("Simplify algebra: movement and products")
struct SimplifyArrayTests {
  @Test("movements of one kind are merged")
  func movementsKindMerged() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[2, 3, 4]
        %1 = transpose{permutation [2, 0, 1]} %0 : f64[4, 2, 3]
        %2 = transpose{permutation [1, 2, 0]} %1 : f64[2, 3, 4]
        %3 = slice{starts [0, 1, 1] shape [2, 2, 3]} %2 : f64[2, 2, 3]
        %4 = slice{starts [1, 0, 1] shape [1, 2, 2]} %3 : f64[1, 2, 2]
        %5 = reshape{shape [4]} %4 : f64[4]
        %6 = reshape{shape [2, 2]} %5 : f64[2, 2]
        output "y" %6
        """,
      into: """
        input %0 "x": f64[2, 3, 4]
        %1 = slice{starts [1, 1, 2] shape [1, 2, 2]} %0 : f64[1, 2, 2]
        %2 = reshape{shape [2, 2]} %1 : f64[2, 2]
        output "y" %2
        """)
  }

  @Test("a slice of a concatenation reads one part")
  func sliceConcatenationReadsPart() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[2]
        input %1 "y": f64[3]
        %2 = concatenate{axis 0} %0, %1 : f64[5]
        %3 = slice{starts [2] shape [3]} %2 : f64[3]
        output "y" %3
        """,
      into: """
        input %0 "x": f64[2]
        input %1 "y": f64[3]
        output "y" %1
        """)
  }

  @Test("a sum of products of repeated arrays is a contraction")
  func sumProductsRepeatedArrays() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[4, 6]
        input %1 "y": f64[6, 5]
        %2 = broadcast{shape [4, 6, 5] axes [0, 1]} %0 : f64[4, 6, 5]
        %3 = broadcast{shape [4, 6, 5] axes [1, 2]} %1 : f64[4, 6, 5]
        %4 = multiply %2, %3 : f64[4, 6, 5]
        %5 = reduce_sum{axes [1]} %4 : f64[4, 5]
        output "y" %5
        """,
      into: """
        input %0 "x": f64[4, 6]
        input %1 "y": f64[6, 5]
        %2 = contract{[0, 1] [1, 2] to [0, 2]} %0, %1 : f64[4, 5]
        output "y" %2
        """)
  }

  @Test("a repeated factor leaves the sum")
  func repeatedFactorLeavesSum() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[4, 6]
        input %1 "y": f64[4]
        %2 = broadcast{shape [4, 6] axes [0]} %1 : f64[4, 6]
        %3 = multiply %0, %2 : f64[4, 6]
        %4 = reduce_sum{axes [1]} %3 : f64[4]
        output "y" %4
        """,
      into: """
        input %0 "x": f64[4, 6]
        input %1 "y": f64[4]
        %2 = reduce_sum{axes [1]} %0 : f64[4]
        %3 = multiply %2, %1 : f64[4]
        output "y" %3
        """)
  }

  @Test("transposes of operands and result become labels of the contraction")
  func transposesOperandsResultBecome() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3, 4]
        input %1 "y": f64[3, 5]
        %2 = transpose{permutation [1, 0]} %0 : f64[4, 3]
        %3 = contract{[0, 1] [1, 2] to [0, 2]} %2, %1 : f64[4, 5]
        %4 = transpose{permutation [1, 0]} %3 : f64[5, 4]
        output "y" %4
        """,
      into: """
        input %0 "x": f64[3, 4]
        input %1 "y": f64[3, 5]
        %2 = contract{[0, 1] [0, 2] to [2, 1]} %0, %1 : f64[5, 4]
        output "y" %2
        """)
  }

  @Test("a repeated operand of a contraction is taken before repetition")
  func repeatedOperandContractionTaken() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        input %1 "y": f64[3, 5]
        %2 = broadcast{shape [4, 3] axes [1]} %0 : f64[4, 3]
        %3 = contract{[0, 1] [1, 2] to [0, 2]} %2, %1 : f64[4, 5]
        output "y" %3
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "y": f64[3, 5]
        %2 = contract{[0] [0, 1] to [1]} %0, %1 : f64[5]
        %3 = broadcast{shape [4, 5] axes [1]} %2 : f64[4, 5]
        output "y" %3
        """)
  }

  @Test("a contraction over an axis of size one is an elementwise product")
  func contractionOverAxisSize() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[10, 1]
        input %1 "w": f64[1, 40]
        %2 = contract{[0, 1] [1, 2] to [0, 2]} %0, %1 : f64[10, 40]
        output "y" %2
        """,
      into: """
        input %0 "x": f64[10, 1]
        input %1 "w": f64[1, 40]
        %2 = reshape{shape [10]} %0 : f64[10]
        %3 = reshape{shape [40]} %1 : f64[40]
        %4 = broadcast{shape [10, 40] axes [0]} %2 : f64[10, 40]
        %5 = broadcast{shape [10, 40] axes [1]} %3 : f64[10, 40]
        %6 = multiply %4, %5 : f64[10, 40]
        output "y" %6
        """)
  }

  @Test("a slice of a padded array reads the array or zeros")
  func slicePaddedArrayReads() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        %1 = pad{low [2] high [4]} %0 : f64[9]
        %2 = slice{starts [3] shape [2]} %1 : f64[2]
        %3 = slice{starts [6] shape [2]} %1 : f64[2]
        output "inside" %2
        output "outside" %3
        """,
      into: """
        input %0 "x": f64[3]
        %1 = slice{starts [1] shape [2]} %0 : f64[2]
        %2 = constant{0.0 f64[2]} : f64[2]
        output "inside" %1
        output "outside" %2
        """)
  }

  @Test("a transpose that moves only axes of size one is a reshape")
  func transposeMovesOnlyAxes() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3, 1, 4]
        %1 = transpose{permutation [1, 0, 2]} %0 : f64[1, 3, 4]
        output "y" %1
        """,
      into: """
        input %0 "x": f64[3, 1, 4]
        %1 = reshape{shape [1, 3, 4]} %0 : f64[1, 3, 4]
        output "y" %1
        """)
  }

  @Test("the maximum of a repeated array is that of its source")
  func maximumRepeatedArraySource() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        %1 = broadcast{shape [3, 5] axes [0]} %0 : f64[3, 5]
        %2 = reduce_maximum{axes [0, 1]} %1 : f64[]
        output "y" %2
        """,
      into: """
        input %0 "x": f64[3]
        %1 = reduce_maximum{axes [0]} %0 : f64[]
        output "y" %1
        """)
  }

  @Test("the sum of a repeated array is a multiple")
  func sumRepeatedArrayMultiple() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        %1 = broadcast{shape [3, 5] axes [0]} %0 : f64[3, 5]
        %2 = reduce_sum{axes [1]} %1 : f64[3]
        output "y" %2
        """,
      into: """
        input %0 "x": f64[3]
        %1 = constant{5.0 f64[3]} : f64[3]
        %2 = multiply %0, %1 : f64[3]
        output "y" %2
        """)
  }

  @Test("a sum over rows of a matrix product sums the rows of one factor first")
  func sumOverRowsMatrix() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[4, 6]
        input %1 "y": f64[6, 5]
        %2 = contract{[0, 1] [1, 2] to [0, 2]} %0, %1 : f64[4, 5]
        %3 = reduce_sum{axes [0]} %2 : f64[5]
        output "y" %3
        """,
      into: """
        input %0 "x": f64[4, 6]
        input %1 "y": f64[6, 5]
        %2 = reduce_sum{axes [0]} %0 : f64[6]
        %3 = contract{[0] [0, 1] to [1]} %2, %1 : f64[5]
        output "y" %3
        """)
  }

  @Test("a repeated label that is summed is summed in the other operand first")
  func repeatedLabelSummedSummed() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[4]
        input %1 "y": f64[6, 5]
        %2 = broadcast{shape [4, 6] axes [0]} %0 : f64[4, 6]
        %3 = contract{[0, 1] [1, 2] to [0, 2]} %2, %1 : f64[4, 5]
        output "y" %3
        """,
      into: """
        input %0 "x": f64[4]
        input %1 "y": f64[6, 5]
        %2 = reduce_sum{axes [0]} %1 : f64[5]
        %3 = broadcast{shape [4, 5] axes [0]} %0 : f64[4, 5]
        %4 = broadcast{shape [4, 5] axes [1]} %2 : f64[4, 5]
        %5 = multiply %3, %4 : f64[4, 5]
        output "y" %5
        """)
  }

  @Test("adding nothing to rows gives zeros")
  func addingNothingRowsGives() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "rows": i32[7]
        %1 = constant{0.0 f64[7, 2]} : f64[7, 2]
        %2 = scatter_add{rows 5} %0, %1 : f64[5, 2]
        output "y" %2
        """,
      into: """
        input %0 "rows": i32[7]
        %1 = constant{0.0 f64[5, 2]} : f64[5, 2]
        output "y" %1
        """)
  }
}
