// SPDX-License-Identifier: Apache-2.0
//
// Checks the derivatives of a program against facts that need no rule:
//
//   order 1   the JVP is the limit of differences; <u, J v> = <J^T u, v>
//   order 2   the same of the JVP program and of the VJP program, and <w, H v> = <v, H w>
//   order 3   the same as order 1 of the JVP of the VJP program and of the VJP of the JVP program
//   order 4   ... of the VJP of the JVP of the VJP program, and so on
//
// It takes the differentiator as a parameter, so that a test can hand it a wrong rule and see that
// it is caught (`CheckerTests.swift`).

import Differentiation
import Interpreter
import TensorIR

/// A difference that should not be.
struct Discrepancy: CustomStringConvertible {
  let program: String
  let fact: String
  let error: Double

  var description: String { "\(program): \(fact) is off by \(error)" }
}

/// The checker.
struct DerivativeChecker {
  var differentiator = Differentiator()
  var seed: UInt64 = 7

  /// Relative error allowed between a tangent and the difference quotient. The quotient is of sixth
  /// order, so that its own error is near 1e-11 on functions whose scale is 1.
  private let differenceTolerance = 1e-8
  /// Relative error allowed in identities, which hold up to rounding.
  private let identityTolerance = 1e-11

  /// All discrepancies of a program up to an order of derivative, 1 to 4. From order 3 on forward and
  /// reverse mode take turns, beginning with either.
  func discrepancies(of program: TestProgram, order: Int) throws -> [Discrepancy] {
    var found = try firstOrder(program)
    guard order > 1 else { return found }
    found += try firstOrder(linearized(program))
    found += try firstOrder(transposed(program))
    found += try hessianSymmetry(program)
    var (fromForward, fromReverse) = (try linearized(program), try transposed(program))
    for _ in 2..<order {
      (fromForward, fromReverse) = (try linearized(fromReverse), try transposed(fromForward))
      found += try firstOrder(fromForward, step: 5e-4) + firstOrder(fromReverse, step: 5e-4)
    }
    return found
  }

  // MARK: Facts

  /// - Parameter step: of the differences. Derivatives of derivatives of composed functions are steep.
  private func firstOrder(
    _ program: TestProgram, step: Double = 2e-3
  ) throws -> [Discrepancy] {
    var source = RandomSource(seed: seed)
    let directions = program.floatInputs.map { source.array(program.graph.inputTypes[$0]) }
    let adjoints = program.floatOutputs.map { source.array(program.graph.outputTypes[$0]) }
    let tangents = try tangents(of: program, along: directions)

    let quotients = try differenceQuotients(program, directions, step: step)
    let differenceError = relativeError(tangents, quotients)

    let graph = try differentiator.vjp(of: program.graph, wrt: program.floatInputs)
    let results = try evaluate(graph, program.inputs + adjoints)
    let inputAdjoints = Array(results.dropFirst(program.graph.outputs.count))
    let identityError = mismatch(
      pairs: zip(adjoints, tangents), pairs: zip(inputAdjoints, directions))

    return [
      ("the JVP", differenceError, differenceTolerance),
      ("the adjoint identity", identityError, identityTolerance),
    ].filter { !($0.1 <= $0.2) }.map {
      Discrepancy(program: program.graph.name, fact: $0.0, error: $0.1)
    }
  }

  /// `<w, H v> = <v, H w>` for the Hessian of `x -> <u, f(x)>`.
  private func hessianSymmetry(_ program: TestProgram) throws -> [Discrepancy] {
    var source = RandomSource(seed: seed &+ 1)
    let inputTypes = program.floatInputs.map { program.graph.inputTypes[$0] }
    let v = inputTypes.map { source.array($0) }
    let w = inputTypes.map { source.array($0) }
    let gradient = try transposed(program)
    func hessian(times direction: [NumericArray]) throws -> [NumericArray] {
      let rest = gradient.floatInputs.dropFirst(direction.count).map {
        NumericArray(gradient.graph.inputTypes[$0], repeating: 0)
      }
      return try tangents(of: gradient, along: direction + rest).suffix(direction.count)
    }
    let error = mismatch(
      pairs: zip(w, try hessian(times: v)), pairs: zip(v, try hessian(times: w)))
    guard !(error <= identityTolerance) else { return [] }
    return [Discrepancy(program: program.graph.name, fact: "Hessian symmetry", error: error)]
  }

  // MARK: Derivative programs

  /// The JVP of a program as a program.
  private func linearized(_ program: TestProgram) throws -> TestProgram {
    var source = RandomSource(seed: seed &+ 2)
    let positions = program.floatInputs
    let graph = try differentiator.jvp(of: program.graph, tangentInputs: positions)
    let tangents = positions.map { source.array(program.graph.inputTypes[$0]) }
    return TestProgram(graph: graph, inputs: program.inputs + tangents)
  }

  /// The VJP of a program as a program.
  private func transposed(_ program: TestProgram) throws -> TestProgram {
    var source = RandomSource(seed: seed &+ 3)
    let graph = try differentiator.vjp(of: program.graph, wrt: program.floatInputs)
    let adjoints = program.floatOutputs.map { source.array(program.graph.outputTypes[$0]) }
    return TestProgram(graph: graph, inputs: program.inputs + adjoints)
  }

  /// The tangents of the float outputs.
  private func tangents(
    of program: TestProgram, along directions: [NumericArray]
  ) throws -> [NumericArray] {
    let graph = try differentiator.jvp(of: program.graph, tangentInputs: program.floatInputs)
    let results = try evaluate(graph, program.inputs + directions)
    return Array(results.dropFirst(program.graph.outputs.count))
  }

  /// The derivative along a direction by central differences of sixth order.
  private func differenceQuotients(
    _ program: TestProgram, _ directions: [NumericArray], step: Double
  ) throws -> [NumericArray] {
    let weights = [(1.0, 3.0 / 4), (2.0, -3.0 / 20), (3.0, 1.0 / 60)]
    var quotients = program.floatOutputs.map {
      NumericArray(program.graph.outputTypes[$0], repeating: 0)
    }
    for (multiple, weight) in weights.flatMap({ [$0, (-$0.0, -$0.1)] }) {
      var inputs = program.inputs
      for (position, direction) in zip(program.floatInputs, directions) {
        inputs[position] = inputs[position].adding(multiple * step, direction)
      }
      let outputs = try evaluate(program.graph, inputs)
      for (index, position) in program.floatOutputs.enumerated() {
        quotients[index] = quotients[index].adding(weight / step, outputs[position])
      }
    }
    return quotients
  }

  /// The difference of two inner products, relative to the sum of the sizes of their terms.
  private func mismatch<Left: Sequence, Right: Sequence>(
    pairs left: Left, pairs right: Right
  ) -> Double
  where Left.Element == (NumericArray, NumericArray), Right.Element == Left.Element {
    var (difference, scale) = (0.0, 1e-3)
    for (a, b) in left {
      difference += a.dot(b)
      scale += a.norm * b.norm
    }
    for (a, b) in right {
      difference -= a.dot(b)
      scale += a.norm * b.norm
    }
    return abs(difference) / scale
  }
}
