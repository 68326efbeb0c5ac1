// SPDX-License-Identifier: Apache-2.0
//
// Elementwise and creation ops against values worked out by hand.

import Interpreter
import TensorIR
import Testing

@Suite("Elementwise ops")
struct ElementwiseTests {
  /// A known point of each function; values to 16 digits from tables.
  static let unaryPoints: [(UnaryFunction, x: Double, y: Double)] = [
    (.negate, 2.5, -2.5),
    (.exp, 1, 2.718281828459045),
    (.expm1, 1e-5, 1.000005000016667e-5),
    (.log, 10, 2.302585092994046),
    (.log1p, 1e-5, 9.999950000333332e-6),
    (.sqrt, 2, 1.4142135623730951),
    (.rsqrt, 4, 0.5),
    (.tanh, 0.5, 0.46211715726000975),
    (.logistic, 0.5, 0.6224593312018546),
    (.softplus, 0.5, 0.9740769841801067),
    (.softplus, -20, 2.0611536203143807e-9),
    (.sin, 1, 0.8414709848078965),
    (.cos, 1, 0.5403023058681398),
    (.erf, 0.5, 0.5204998778130465),
    (.erfc, 0.5, 0.4795001221869535),
    (.erfc, 8, 1.1224297172982927e-29),
    (.asin, 0.5, 0.5235987755982989),
    (.acos, 0.5, 1.0471975511965979),
    (.atan, 1, 0.7853981633974483),
    (.sinh, 1, 1.1752011936438014),
    (.cosh, 1, 1.5430806348152437),
    (.asinh, 1, 0.881373587019543),
    (.acosh, 2, 1.3169578969248166),
    (.atanh, 0.5, 0.5493061443340548),
    (.abs, -3, 3),
    (.sign, -3, -1),
    (.sign, 0, 0),
    (.floor, -1.5, -2),
  ]

  @Test("a unary function has its known value", arguments: unaryPoints)
  func unary(function: UnaryFunction, x: Double, y: Double) throws {
    let value = try elements(.unary(function), array([], [x]))[0]
    #expect(abs(value - y) <= 2e-16 * max(1, abs(y)))
  }

  @Test("every unary function has a known point")
  func unaryPointsAreComplete() {
    #expect(Set(ElementwiseTests.unaryPoints.map(\.0)) == Set(UnaryFunction.allCases))
  }

  @Test("the logistic function keeps its tails")
  func logisticTails() throws {
    let values = try elements(.unary(.logistic), array([3], [-1000, -40, 1000]))
    #expect(values[0] == 0)
    #expect(abs(values[1] / 4.248354255291589e-18 - 1) < 1e-15)
    #expect(values[2] == 1)
  }

  @Test("a binary function has its known value")
  func binary() throws {
    let x = array([2], [3, -2])
    let y = array([2], [2, 3])
    let expected: [BinaryFunction: [Double]] = [
      .add: [5, 1], .subtract: [1, -5], .multiply: [6, -6], .divide: [1.5, -2.0 / 3],
      .power: [9, -8], .maximum: [3, 3], .minimum: [2, -2],
    ]
    for function in BinaryFunction.allCases where function.isForFloats {
      #expect(try elements(.binary(function), x, y) == expected[function])
    }
  }

  @Test("whole numbers are divided with the quotient rounded down; by 0 they give 0")
  func floorDivide() throws {
    let least = Double(Int32.min)
    let rows: [(x: Double, y: Double, quotient: Double)] = [
      (7, 2, 3), (-7, 2, -4), (7, -2, -4), (-7, -2, 3), (6, -3, -2), (5, 0, 0), (-1, 7, -1),
      (least, -1, least), (least, 3, -715_827_883), (2_147_483_647, -2, -1_073_741_824),
    ]
    let type = TensorType([rows.count], .i32)
    let found = try elements(
      .binary(.floorDivide), NumericArray(type, rows.map(\.x)), NumericArray(type, rows.map(\.y)))
    #expect(found == rows.map(\.quotient))
  }

  @Test("maximum and minimum hand on NaN from either side")
  func extremesOfNaN() throws {
    let x = array([2], [.nan, 1])
    let y = array([2], [1, .nan])
    for function in [BinaryFunction.maximum, .minimum] {
      #expect(try elements(.binary(function), x, y).allSatisfy(\.isNaN))
    }
  }

  @Test("comparisons hold where they should, and only 'not equal' with NaN")
  func comparisons() throws {
    let x = array([4], [1, 2, 3, .nan])
    let y = array([4], [2, 2, 2, 2])
    let expected: [Comparison: [Double]] = [
      .less: [1, 0, 0, 0], .lessOrEqual: [1, 1, 0, 0], .greater: [0, 0, 1, 0],
      .greaterOrEqual: [0, 1, 1, 0], .equal: [0, 1, 0, 0], .notEqual: [1, 0, 1, 1],
    ]
    for comparison in Comparison.allCases {
      let result = try apply(.compare(comparison), [x, y])[0]
      #expect(result.elements == expected[comparison])
      #expect(result.type.dtype == .bool)
    }
  }

  @Test("select takes the first where the condition holds")
  func select() throws {
    let condition = NumericArray(TensorType([3], .bool), [1, 0, 1])
    let values = try elements(.select, condition, array([3], [1, 2, 3]), array([3], [4, 5, 6]))
    #expect(values == [1, 5, 3])
  }

  @Test("conversion to i32 is towards zero, to bool is 'not zero'")
  func convert() throws {
    let x = array([4], [1.75, -1.75, 0, 0.25])
    #expect(try elements(.convert(.i32), x) == [1, -1, 0, 0])
    #expect(try elements(.convert(.bool), x) == [1, 1, 0, 1])
    #expect(try apply(.convert(.f32), [x])[0].type == TensorType([4], .f32))
  }

  @Test("stop_gradient is the identity")
  func stopGradient() throws {
    #expect(try elements(.stopGradient, array([2], [1, 2])) == [1, 2])
  }

  @Test("constant fills, iota counts along its axis")
  func creation() throws {
    #expect(try elements(.constant(0.5, TensorType([3], .f64))) == [0.5, 0.5, 0.5])
    #expect(try elements(.iota(axis: 0, shape: [2, 3])) == [0, 0, 0, 1, 1, 1])
    #expect(try elements(.iota(axis: 1, shape: [2, 3])) == [0, 1, 2, 0, 1, 2])
  }
}
