// SPDX-License-Identifier: Apache-2.0
//
// The identities that are applied before derivatives are taken, as IR text before and after, and what
// is not one.

import Optimization
import Testing

@Suite("Apply identities")
struct ApplyIdentitiesTests {
  @Test("the square of a square root is its argument, and NaN where that is negative")
  func squareOfRoot() throws {
    try expect(
      .applyIdentities,
      turns: """
        input %0 "x": f64[3]
        %1 = sqrt %0 : f64[3]
        %2 = sqrt %0 : f64[3]
        %3 = multiply %1, %2 : f64[3]
        output "y" %3
        """,
      into: """
        input %0 "x": f64[3]
        %1 = constant{0.0 f64[3]} : f64[3]
        %2 = less %0, %1 : bool[3]
        %3 = constant{1.0 f64[3]} : f64[3]
        %4 = select %2, %0, %3 : f64[3]
        %5 = sqrt %4 : f64[3]
        %6 = select %2, %5, %0 : f64[3]
        output "y" %6
        """)
  }

  @Test("the square root of a square is the absolute value, of a fourth power the square")
  func rootOfSquare() throws {
    try expect(
      .applyIdentities,
      turns: """
        input %0 "x": f64[3]
        %1 = multiply %0, %0 : f64[3]
        %2 = sqrt %1 : f64[3]
        %3 = multiply %1, %1 : f64[3]
        %4 = sqrt %3 : f64[3]
        output "y" %2
        output "z" %4
        """,
      into: """
        input %0 "x": f64[3]
        %1 = multiply %0, %0 : f64[3]
        %2 = abs %0 : f64[3]
        output "y" %2
        output "z" %1
        """)
  }

  @Test("the logarithm of an exponential is its argument")
  func logarithmOfExponential() throws {
    for (inner, outer) in [("exp", "log"), ("expm1", "log1p")] {
      try expect(
        .applyIdentities,
        turns: """
          input %0 "x": f64[3]
          %1 = \(inner) %0 : f64[3]
          %2 = \(outer) %1 : f64[3]
          output "y" %2
          """,
        into: """
          input %0 "x": f64[3]
          output "y" %0
          """)
    }
  }

  @Test("the exponential of a logarithm is its argument where that has one")
  func exponentialOfLogarithm() throws {
    for (inner, outer, least) in [("log", "exp", "0.0"), ("log1p", "expm1", "-1.0")] {
      try expect(
        .applyIdentities,
        turns: """
          input %0 "x": f64[3]
          %1 = \(inner) %0 : f64[3]
          %2 = \(outer) %1 : f64[3]
          output "y" %2
          """,
        into: """
          input %0 "x": f64[3]
          %1 = constant{\(least) f64[3]} : f64[3]
          %2 = less %0, %1 : bool[3]
          %3 = constant{1.0 f64[3]} : f64[3]
          %4 = select %2, %0, %3 : f64[3]
          %5 = \(inner) %4 : f64[3]
          %6 = select %2, %5, %0 : f64[3]
          output "y" %6
          """)
    }
  }

  @Test("what only looks like an identity is left alone")
  func others() throws {
    let text = """
      input %0 "x": f64[3]
      input %1 "y": f64[3]
      %2 = sqrt %0 : f64[3]
      %3 = sqrt %1 : f64[3]
      %4 = multiply %2, %3 : f64[3]
      %5 = multiply %0, %1 : f64[3]
      %6 = sqrt %5 : f64[3]
      %7 = exp %0 : f64[3]
      %8 = log1p %7 : f64[3]
      output "a" %4
      output "b" %6
      output "c" %8
      """
    try expect(.applyIdentities, turns: text, into: text)
  }
}
