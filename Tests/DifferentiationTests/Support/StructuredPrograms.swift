// SPDX-License-Identifier: Apache-2.0
//
// Test programs of the structured ops: the value, from which the derivative rules reach the other
// orders, and each later order by itself, with result and statistics made from its inputs.

import TensorIR

/// All programs of structured ops.
var structuredPrograms: [TestProgram] {
  let functions: [StructuredCase] = [
    StructuredCase(
      "attention", .attention(isCausal: false, scale: 0.7), [f64(1, 2, 2, 2), f64(1, 3, 2, 2)]),
    StructuredCase(
      "causal attention", .attention(isCausal: true, scale: 0.5),
      [f64(2, 3, 1, 2), f64(2, 3, 1, 2)]),
    StructuredCase(
      "grouped attention", .attention(isCausal: true, scale: 0.6),
      [f64(1, 3, 4, 2), f64(1, 3, 2, 2)]),
    StructuredCase("linear cross-entropy", .linearCrossEntropy, [f64(3, 2), f64(4, 2)]),
  ]
  return functions.flatMap { function in DerivativeOrder.allCases.map(function.program) }
}

/// A structured function with the types of its operands.
private struct StructuredCase {
  let name: String
  let function: StructuredFunction
  private let inputs: [TensorType]
  private let constants: [TensorType]

  /// - Parameter types: of queries and keys, or of `x` and `w`.
  init(_ name: String, _ function: StructuredFunction, _ types: [TensorType]) {
    self.name = name
    self.function = function
    switch function {
    case .attention:
      inputs = types + [types[1]]
      constants = []
    case .linearCrossEntropy:
      inputs = types
      constants = [i32(types[0].shape[0])]
    }
  }

  /// A program that applies one order, with the orders before it where that needs them: an op of
  /// a later order means what it should only for the result and statistics of its inputs.
  func program(_ order: DerivativeOrder) -> TestProgram {
    let result = TensorType(resultShape, .f64)
    var types = inputs.map { ($0, Domain.real) } + constants.map { ($0, .indices(count: 4)) }
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
    case .attention: inputs[0].shape
    case .linearCrossEntropy: [inputs[0].shape[0]]
    }
  }

  private func apply(
    _ order: DerivativeOrder, _ builder: GraphBuilder, _ given: [ValueID]
  ) -> [ValueID] {
    func append(_ order: DerivativeOrder, _ operands: [ValueID]) -> [ValueID] {
      builder.append(.structured(StructuredOp(function, order)), operands)
    }
    let operands = Array(given.prefix(inputs.count + constants.count))
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
