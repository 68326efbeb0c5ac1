// SPDX-License-Identifier: Apache-2.0
//
// Sums of padded arrays, one example of each rule, as IR text before and after.

import Optimization
import Testing

@Suite("Simplify algebra: sums of padded arrays")
struct SimplifyPaddingTests {
  @Test("padded pieces side by side are a concatenation")
  func pieces() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[2, 5]
        input %1 "y": f64[2, 3]
        %2 = pad{low [0, 3] high [0, 0]} %0 : f64[2, 8]
        %3 = pad{low [0, 0] high [0, 5]} %1 : f64[2, 8]
        %4 = add %2, %3 : f64[2, 8]
        output "z" %4
        """,
      into: """
        input %0 "x": f64[2, 5]
        input %1 "y": f64[2, 3]
        %2 = concatenate{axis 1} %1, %0 : f64[2, 8]
        output "z" %2
        """)
  }

  @Test("zeros around all pieces stay, and sums of several terms are searched")
  func terms() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "a": f64[2]
        input %1 "b": f64[2]
        input %2 "c": f64[7]
        %3 = pad{low [1] high [4]} %0 : f64[7]
        %4 = add %2, %3 : f64[7]
        %5 = pad{low [3] high [2]} %1 : f64[7]
        %6 = add %4, %5 : f64[7]
        output "z" %6
        """,
      into: """
        input %0 "a": f64[2]
        input %1 "b": f64[2]
        input %2 "c": f64[7]
        %3 = concatenate{axis 0} %0, %1 : f64[4]
        %4 = pad{low [1] high [2]} %3 : f64[7]
        %5 = add %2, %4 : f64[7]
        output "z" %5
        """)
  }

  @Test("pieces that overlap, leave a gap, differ in two axes or are read elsewhere stay")
  func others() throws {
    let lines = """
      input %0 "a": f64[2, 2]
      input %1 "b": f64[2, 2]
      %2 = pad{low [0, 0] high [0, 3]} %0 : f64[2, 5]
      %3 = pad{low [0, 1] high [0, 2]} %1 : f64[2, 5]
      %4 = add %2, %3 : f64[2, 5]
      %5 = pad{low [0, 0] high [0, 4]} %0 : f64[2, 6]
      %6 = pad{low [0, 3] high [0, 1]} %1 : f64[2, 6]
      %7 = add %5, %6 : f64[2, 6]
      %8 = pad{low [0, 0] high [1, 2]} %0 : f64[3, 4]
      %9 = pad{low [1, 2] high [0, 0]} %1 : f64[3, 4]
      %10 = add %8, %9 : f64[3, 4]
      %11 = pad{low [0, 0] high [0, 2]} %0 : f64[2, 4]
      %12 = pad{low [0, 2] high [0, 0]} %1 : f64[2, 4]
      %13 = add %11, %12 : f64[2, 4]
      output "overlap" %4
      output "gap" %7
      output "corners" %10
      output "sum" %13
      output "piece" %11
      """
    try expect(.simplifyAlgebra, turns: lines, into: lines)
  }
}
