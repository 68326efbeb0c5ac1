// SPDX-License-Identifier: Apache-2.0
//
// Products that end in a short axis end in a long one, by example; what ends well, has few terms or no
// long axis stays.

import Optimization
import Testing

@Suite("Order products")
struct OrderProductsTests {
  @Test("of the operand with the longest last axis, in the order of its axes")
  func short() throws {
    try expect(
      .orderProducts,
      turns: """
        input %0 "x": f64[70, 9, 5, 3]
        input %1 "y": f64[70, 9, 20]
        %2 = contract{[0, 1, 2, 3] [0, 1, 4] to [4, 1, 2, 3]} %0, %1 : f64[20, 9, 5, 3]
        output "z" %2
        """,
      into: """
        input %0 "x": f64[70, 9, 5, 3]
        input %1 "y": f64[70, 9, 20]
        %2 = contract{[0, 1, 2, 3] [0, 1, 4] to [1, 2, 3, 4]} %0, %1 : f64[9, 5, 3, 20]
        %3 = transpose{permutation [3, 0, 1, 2]} %2 : f64[20, 9, 5, 3]
        output "z" %3
        """)
  }

  @Test("a left operand's, if that is longer")
  func left() throws {
    try expect(
      .orderProducts,
      turns: """
        input %0 "x": f64[70, 32]
        input %1 "y": f64[70, 9, 3]
        %2 = contract{[0, 1] [0, 2, 3] to [1, 2, 3]} %0, %1 : f64[32, 9, 3]
        output "z" %2
        """,
      into: """
        input %0 "x": f64[70, 32]
        input %1 "y": f64[70, 9, 3]
        %2 = contract{[0, 1] [0, 2, 3] to [2, 3, 1]} %0, %1 : f64[9, 3, 32]
        %3 = transpose{permutation [2, 0, 1]} %2 : f64[32, 9, 3]
        output "z" %3
        """)
  }

  @Test(
    "what ends well, has few terms or nowhere a long axis, and matrices stay",
    arguments: [
      ("[70, 3, 2]", "[70, 20]", "[0, 1, 2] [0, 3] to [1, 2, 3]", "[3, 2, 20]"),
      ("[7, 20]", "[7, 2, 3]", "[0, 1] [0, 2, 3] to [1, 2, 3]", "[20, 2, 3]"),
      ("[70, 5]", "[70, 2, 3]", "[0, 1] [0, 2, 3] to [1, 2, 3]", "[5, 2, 3]"),
      ("[70, 20]", "[70, 3]", "[0, 1] [0, 2] to [1, 2]", "[20, 3]"),
    ])
  func others(x: String, y: String, labels: String, z: String) throws {
    let lines = """
      input %0 "x": f64\(x)
      input %1 "y": f64\(y)
      %2 = contract{\(labels)} %0, %1 : f64\(z)
      output "z" %2
      """
    try expect(.orderProducts, turns: lines, into: lines)
  }
}
