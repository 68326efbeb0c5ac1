// SPDX-License-Identifier: Apache-2.0
//
// Elementwise rules of `SimplifyAlgebra`, one example each, as IR text before and after.

import Optimization
import Testing

@Suite("Simplify algebra: elementwise")
struct SimplifyElementwiseTests {
  @Test("a product with one, a sum with zero and a double negation vanish")
  func productSumZeroDouble() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        %1 = constant{1.0 f64[3]} : f64[3]
        %2 = multiply %0, %1 : f64[3]
        %3 = constant{0.0 f64[3]} : f64[3]
        %4 = add %3, %2 : f64[3]
        %5 = negate %4 : f64[3]
        %6 = negate %5 : f64[3]
        %7 = exp %6 : f64[3]
        output "y" %7
        """,
      into: """
        input %0 "x": f64[3]
        %1 = exp %0 : f64[3]
        output "y" %1
        """)
  }

  @Test("adding a negation is a subtraction")
  func addingNegationSubtraction() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        input %1 "y": f64[3]
        %2 = negate %1 : f64[3]
        %3 = add %0, %2 : f64[3]
        output "difference" %3
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "y": f64[3]
        %2 = subtract %0, %1 : f64[3]
        output "difference" %2
        """)
  }

  @Test("zero times an unknown value stays, for it may be NaN")
  func zeroTimesUnknownValue() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        %1 = constant{0.0 f64[3]} : f64[3]
        %2 = multiply %0, %1 : f64[3]
        output "y" %2
        """,
      into: """
        input %0 "x": f64[3]
        %1 = constant{0.0 f64[3]} : f64[3]
        %2 = multiply %0, %1 : f64[3]
        output "y" %2
        """)
  }

  @Test("constant factors are merged")
  func constantFactorsMerged() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        %1 = constant{3.0 f64[3]} : f64[3]
        %2 = constant{4.0 f64[3]} : f64[3]
        %3 = multiply %1, %0 : f64[3]
        %4 = divide %3, %2 : f64[3]
        %5 = negate %4 : f64[3]
        output "y" %5
        """,
      into: """
        input %0 "x": f64[3]
        %1 = constant{-0.75 f64[3]} : f64[3]
        %2 = multiply %0, %1 : f64[3]
        output "y" %2
        """)
  }

  @Test("constants are folded through exact functions only")
  func constantsFoldedThroughExact() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        %0 = constant{4.0 f64[2]} : f64[2]
        %1 = sqrt %0 : f64[2]
        %2 = exp %1 : f64[2]
        output "y" %2
        """,
      into: """
        %0 = constant{2.0 f64[]} : f64[]
        %1 = exp %0 : f64[]
        %2 = broadcast{shape [2] axes []} %1 : f64[2]
        output "y" %2
        """)
  }

  @Test("arithmetic is done before repetition")
  func arithmeticDoneBeforeRepetition() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        input %1 "s": f64[]
        %2 = broadcast{shape [5, 3] axes [1]} %0 : f64[5, 3]
        %3 = broadcast{shape [5, 3] axes []} %1 : f64[5, 3]
        %4 = add %2, %3 : f64[5, 3]
        %5 = tanh %4 : f64[5, 3]
        output "y" %5
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "s": f64[]
        %2 = broadcast{shape [3] axes []} %1 : f64[3]
        %3 = add %0, %2 : f64[3]
        %4 = tanh %3 : f64[3]
        %5 = broadcast{shape [5, 3] axes [1]} %4 : f64[5, 3]
        output "y" %5
        """)
  }

  @Test("a selection with a known condition is one of its operands")
  func selectionKnownConditionOperands() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        input %1 "y": f64[3]
        %2 = constant{1.0 f64[3]} : f64[3]
        %3 = constant{2.0 f64[3]} : f64[3]
        %4 = less %2, %3 : bool[3]
        %5 = select %4, %0, %1 : f64[3]
        output "y" %5
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "y": f64[3]
        output "y" %0
        """)
  }

  @Test("a conversion there and back vanishes, unless it rounds")
  func conversionThereBackVanishes() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f32[3]
        input %1 "y": f64[3]
        %2 = convert{f64} %0 : f64[3]
        %3 = convert{f32} %2 : f32[3]
        %4 = convert{f32} %1 : f32[3]
        %5 = convert{f64} %4 : f64[3]
        output "exact" %3
        output "rounded" %5
        """,
      into: """
        input %0 "x": f32[3]
        input %1 "y": f64[3]
        %2 = convert{f32} %1 : f32[3]
        %3 = convert{f64} %2 : f64[3]
        output "exact" %0
        output "rounded" %3
        """)
  }

  @Test("small integer powers are products")
  func smallIntegerPowersProducts() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        %1 = constant{2.0 f64[3]} : f64[3]
        %2 = power %0, %1 : f64[3]
        output "y" %2
        """,
      into: """
        input %0 "x": f64[3]
        %1 = multiply %0, %0 : f64[3]
        output "y" %1
        """)
  }

  @Test("a number added to itself is doubled")
  func numberAddedItselfDoubled() throws {
    try expect(
      .simplifyAlgebra,
      turns: """
        input %0 "x": f64[3]
        %1 = constant{0.1 f64[3]} : f64[3]
        %2 = multiply %0, %1 : f64[3]
        %3 = add %2, %2 : f64[3]
        output "y" %3
        """,
      into: """
        input %0 "x": f64[3]
        %1 = constant{0.2 f64[3]} : f64[3]
        %2 = multiply %0, %1 : f64[3]
        output "y" %2
        """)
  }
}
