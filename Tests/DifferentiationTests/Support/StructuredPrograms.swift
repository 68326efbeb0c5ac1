// SPDX-License-Identifier: Apache-2.0
//
// Test programs of the structured ops: the value, from which the derivative rules reach the other
// orders, and each later order by itself, with result and statistics made from its inputs.

import TensorIR

/// All programs of structured ops.
var structuredPrograms: [TestProgram] {
  let functions: [StructuredCase] = [
    StructuredCase(
      "attention", .attention(AttentionScores(scale: 0.7)), [f64(1, 2, 2, 2), f64(1, 3, 2, 2)]),
    StructuredCase(
      "causal attention", .attention(AttentionScores(scale: 0.5, isCausal: true)),
      [f64(2, 3, 1, 2), f64(2, 3, 1, 2)]),
    StructuredCase(
      "grouped attention", .attention(AttentionScores(scale: 0.6, isCausal: true)),
      [f64(1, 3, 4, 2), f64(1, 3, 2, 2)]),
    StructuredCase(
      "attention in a window", .attention(AttentionScores(scale: 0.6, window: 1, prefix: 1)),
      [f64(1, 4, 1, 2), f64(1, 3, 1, 2)]),
    StructuredCase(
      "attention to some keys",
      .attention(AttentionScores(scale: 0.6, hasLengths: true, hasMask: true)),
      [f64(2, 3, 2, 2), f64(2, 3, 1, 2), i32(2), f64(1, 1, 3, 3)]),
    StructuredCase(
      "bounded attention", .attention(AttentionScores(scale: 0.8, softcap: 0.9)),
      [f64(1, 2, 1, 2), f64(1, 3, 1, 2)]),
    StructuredCase(
      "attention with learned terms",
      .attention(AttentionScores(scale: 0.8, softcap: 2, relative: .moving, bias: .moving)),
      [f64(2, 2, 2, 2), f64(2, 3, 1, 2), f64(2, 2, 4), f64(1, 2, 1, 3)]),
    StructuredCase(
      "attention with a term that is given",
      .attention(AttentionScores(scale: 0.8, isCausal: true, relative: .fixed, bias: .moving)),
      [f64(1, 3, 2, 2), f64(1, 3, 1, 2), f64(1, 2, 5), f64(1, 1, 3, 3)]),
    StructuredCase("linear cross-entropy", .linearCrossEntropy, [f64(3, 2), f64(4, 2)]),
  ]
  return functions.flatMap { function in DerivativeOrder.allCases.map(function.program) }
}

/// A structured function with the types of its operands.
private struct StructuredCase {
  let name: String
  let function: StructuredFunction
  /// The operands' types; of conditions, those of numbers, which are positive where they hold.
  private let types: [TensorType]
  private var inputs: [TensorType] { function.inputPositions.map { types[$0] } }

  /// - Parameter types: of queries, of keys and values, and of what follows, or of `x` and `w`.
  init(_ name: String, _ function: StructuredFunction, _ types: [TensorType]) {
    self.name = name
    self.function = function
    switch function {
    case .attention: self.types = Array(types[..<2] + types[1...])
    case .linearCrossEntropy: self.types = types + [i32(types[0].shape[0])]
    }
  }

  /// A program that applies one order, with the orders before it where that needs them: an op of
  /// a later order means what it should only for the result and statistics of its inputs.
  func program(_ order: DerivativeOrder) -> TestProgram {
    let result = TensorType(resultShape, .f64)
    var types = types.map { ($0, $0.dtype == .i32 ? Domain.indices(count: 4) : .real) }
    switch order {
    case .value: break
    case .tangent: types += inputs.map { ($0, .real) }
    case .adjoint: types.append((result, .real))
    case .adjointTangent:
      types += [(result, .real)] + inputs.map { ($0, .real) } + [(result, .real)]
    }
    return TestProgram("\(name), \(order.rawValue)", types) { builder, given in
      apply(order, builder, given)
    }
  }

  private var resultShape: [Int] {
    switch function {
    case .attention: types[0].shape
    case .linearCrossEntropy: [types[0].shape[0]]
    }
  }

  /// Conditions from the numbers that are given for them.
  private func operands(_ builder: GraphBuilder, _ given: ArraySlice<ValueID>) -> [ValueID] {
    guard case .attention(let scores) = function, scores.hasMask, let last = given.last else {
      return Array(given)
    }
    let isPositive = builder.compare(.less, builder.constant(0, like: last), last)
    return given.dropLast() + [isPositive]
  }

  private func apply(
    _ order: DerivativeOrder, _ builder: GraphBuilder, _ given: [ValueID]
  ) -> [ValueID] {
    func append(_ order: DerivativeOrder, _ operands: [ValueID]) -> [ValueID] {
      builder.append(.structured(StructuredOp(function, order)), operands)
    }
    let operands = operands(builder, given.prefix(types.count))
    let rest = Array(given.dropFirst(operands.count))
    let values = append(.value, operands)
    // Statistics have no adjoint of their own, so they are no outputs.
    switch order {
    case .value: return [values[0]]
    case .tangent: return [append(.tangent, operands + values + rest)[0]]
    case .adjoint: return append(.adjoint, operands + values + rest)
    case .adjointTangent:
      let inputTangents = Array(rest.dropFirst().dropLast())
      let tangents = append(.tangent, operands + values + inputTangents)
      return append(
        .adjointTangent, operands + values + rest.dropLast() + tangents + rest.suffix(1))
    }
  }
}
