// SPDX-License-Identifier: Apache-2.0
//
// The conventions at kinks and poles of elementwise functions.

import Differentiation
import Interpreter
import TensorIR
import Testing

@Suite("elementwise rules at kinks and poles")
struct ElementwiseRuleTests {
  /// First derivative and second derivative, by both modes each, of a function of one array.
  private func derivatives(
    at x: [Double], of build: (GraphBuilder, ValueID) -> ValueID
  ) throws -> (first: [Double], second: [[Double]]) {
    let builder = GraphBuilder(name: "f")
    let type = TensorType([x.count], .f64)
    let input = builder.input("x", type)
    builder.output("y", build(builder, input))
    let (point, ones) = (NumericArray(type, x), NumericArray(type, repeating: 1))
    let differentiator = Differentiator()
    let tangent = try differentiator.jvp(of: builder.graph, tangentInputs: [0])
    let adjoint = try differentiator.vjp(of: builder.graph, wrt: [0])
    let first = try evaluate(tangent, [point, ones])[1].elements
    let adjoints = try evaluate(adjoint, [point, ones])[1]
    #expect(relativeError([adjoints], [NumericArray(type, first)]) < 1e-14)
    var second: [[Double]] = []
    for graph in [tangent, adjoint] {
      let forward = try differentiator.jvp(of: graph, tangentInputs: [0])
      let results = try evaluate(forward, [point, ones, ones])
      let name = graph.outputNames[1] + "_tan"
      second.append(results[forward.outputNames.firstIndex(of: name) ?? 0].elements)
      let backward = try differentiator.vjp(of: graph, wrt: [0])
      let zeros = NumericArray(type, repeating: 0)
      second.append(try evaluate(backward, [point, ones, zeros, ones])[2].elements)
    }
    return (first, second)
  }

  @Test("the derivative of relu at 0 is 0")
  func relu() throws {
    let (first, second) = try derivatives(at: [-1, 0, 1]) { builder, x in
      let zero = builder.constant(0, like: x)
      return builder.select(builder.compare(.greater, x, zero), x, zero)
    }
    #expect(first == [0, 0, 1])
    #expect(second.allSatisfy { $0 == [0, 0, 0] })
  }

  @Test("all derivatives of sqrt at 0 are 0")
  func squareRoot() throws {
    let (first, second) = try derivatives(at: [0, 4]) { $0.unary(.sqrt, $1) }
    #expect(first == [0, 0.25])
    #expect(second.allSatisfy { $0 == [0, -1.0 / 32] })
  }

  @Test("the Adam quotient m / (sqrt(v) + epsilon) has finite derivatives at v = 0")
  func adamAtZero() throws {
    let (first, second) = try derivatives(at: [0, 1]) { builder, g in
      let v = builder.scale(builder.multiply(g, g), by: 0.001)
      let root = builder.unary(.sqrt, v)
      return builder.divide(g, builder.add(root, builder.constant(1e-8, like: g)))
    }
    #expect(abs(first[0] - 1e8) < 1e-6)
    #expect(second.allSatisfy { $0.allSatisfy(\.isFinite) && $0[0] == 0 })
  }

  @Test("ties of maximum and minimum share evenly", arguments: [BinaryFunction.maximum, .minimum])
  func ties(function: BinaryFunction) throws {
    let builder = GraphBuilder(name: "f")
    let (a, b) = (builder.input("a", f64(3)), builder.input("b", f64(3)))
    builder.output("y", builder.add(.binary(function), a, b))
    let inputs = [[1.0, 2, 3], [2.0, 2, 2], [10.0, 10, 10]].map { NumericArray(f64(3), $0) }
    let graph = try Differentiator().vjp(of: builder.graph, wrt: [0, 1])
    let results = try evaluate(graph, inputs)
    let toFirst = function == .maximum ? [0.0, 5, 10] : [10.0, 5, 0]
    #expect(results[1].elements == toFirst)
    #expect(results[2].elements == toFirst.map { 10 - $0 })
  }

  @Test("integer powers have all their derivatives at base 0")
  func powersAtZero() throws {
    for (exponent, expected) in [(0.0, (0.0, 0.0)), (1, (1, 0)), (2, (0, 2)), (3, (0, 0))] {
      let (first, second) = try derivatives(at: [0]) { builder, x in
        builder.power(x, builder.constant(exponent, like: x))
      }
      #expect(first == [expected.0])
      #expect(second.allSatisfy { $0 == [expected.1] })
    }
  }

  @Test("the derivative of a power by its exponent is 0 at base 0")
  func exponentAtZero() throws {
    let (first, second) = try derivatives(at: [2]) { builder, x in
      builder.power(builder.constant(0, like: x), x)
    }
    #expect(first == [0])
    #expect(second.allSatisfy { $0 == [0] })
  }

  @Test("sign, floor, comparisons and stop_gradient let no derivative through")
  func constants() throws {
    let (first, _) = try derivatives(at: [0.5, 1.5]) { builder, x in
      let floor = builder.unary(.floor, x)
      let sum = builder.add(builder.add(builder.unary(.sign, x), floor), builder.stopGradient(x))
      return builder.add(sum, builder.convert(builder.convert(x, to: .i32), to: .f64))
    }
    #expect(first == [0, 0])
  }

  @Test("an op without a derivative is an error that says what to do")
  func undefinedDerivative() throws {
    let differentiator = Differentiator { op in
      op == .unary(.erf)
        ? .undefined(reason: "it is a test", hint: "write tanh") : derivativeRule(for: op)
    }
    let builder = GraphBuilder(name: "f")
    let x = builder.input("x", f64(2))
    builder.withProvenance(Provenance(location: "a.mix:1:2")) {
      builder.output("y", builder.unary(.erf, x))
    }
    let graph = builder.graph
    for attempt in [
      { try differentiator.jvp(of: graph, tangentInputs: [0]) },
      { try differentiator.vjp(of: graph, wrt: [0]) },
    ] {
      let error = #expect(throws: UndefinedDerivative.self) { try attempt() }
      #expect(error?.description == "erf has no derivative: it is a test; write tanh")
      #expect(error?.provenance.location == "a.mix:1:2")
    }
  }
}
