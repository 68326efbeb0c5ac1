// SPDX-License-Identifier: Apache-2.0
//
// Rules of the structured ops. The orders are each other's derivatives, so that no rule leaves the
// family up to the tangent of the adjoint:
//
//   jvp of value     = tangent                     vjp of value   = adjoint
//   jvp of adjoint   = adjoint tangent             vjp of adjoint = adjoint tangent, by symmetry
//
// The result `y` and the statistics `s` that the later orders take as operands are functions of the
// inputs `x`. A JVP is given their tangents; a VJP gives all of the adjoint to `x` and none to them.

import TensorIR

/// The rule of a structured op.
func structuredOpRule(_ op: StructuredOp) -> DerivativeRule {
  switch op.order {
  case .value: .structured(valueRule(op.function))
  case .adjoint: .structured(adjointRule(op.function))
  case .tangent, .adjointTangent: .structured(decompositionRule(op))
  }
}

private func valueRule(_ function: StructuredFunction) -> StructuredRule {
  StructuredRule(
    jvp: { scope, tangents in
      let (builder, operands) = (scope.builder, scope.operands)
      let results = builder.append(scope.op, operands)
      let moving = function.moving(positions(of: tangents))
      let inputs = builder.zeroFilled(tangents, like: operands, at: moving.inputPositions)
      let tangents = builder.append(
        .structured(StructuredOp(moving, .tangent)), operands + results + inputs)
      return (results, tangents)
    },
    vjp: { scope, flow in
      let (builder, operands) = (scope.builder, scope.operands)
      let results = builder.append(scope.op, operands)
      let pullback: StructuredRule.Pullback = { adjoints in
        var operandAdjoints = [ValueID?](repeating: nil, count: operands.count)
        guard let adjoint = adjoints[0] else { return operandAdjoints }
        let moving = function.moving(flow.neededPositions)
        let inputs = builder.append(
          .structured(StructuredOp(moving, .adjoint)), operands + results + [adjoint])
        for (position, input) in zip(moving.inputPositions, inputs) {
          operandAdjoints[position] = input
        }
        return operandAdjoints
      }
      return (results, pullback)
    })
}

/// The adjoint's function says with respect to which operands it is taken; those that it is then
/// differentiated by may be others (a bias that is learned outside moves, and has no adjoint inside).
/// The adjoint tangent has both, and what is not asked for of its results is left.
private func adjointRule(_ function: StructuredFunction) -> StructuredRule {
  let count = function.operandCount  // Position of the result among the operands.
  return StructuredRule(
    jvp: { scope, tangents in
      let (builder, operands) = (scope.builder, scope.operands)
      let results = builder.append(scope.op, operands)
      if let last = tangents.last, let adjointTangent = last,
        tangents.dropLast().allSatisfy({ $0 == nil })
      {
        // Linear in the adjoint.
        return (results, builder.append(scope.op, operands.dropLast() + [adjointTangent]))
      }
      let moving = function.moving(
        positions(of: tangents).union(function.inputPositions))
      let places = moving.inputPositions + Array(count..<operands.count)
      let found = builder.append(
        .structured(StructuredOp(moving, .adjointTangent)),
        operands + builder.zeroFilled(tangents, like: operands, at: places))
      let byPosition = Dictionary(uniqueKeysWithValues: zip(moving.inputPositions, found))
      return (results, function.inputPositions.map { byPosition[$0] })
    },
    vjp: { scope, flow in
      let (builder, operands) = (scope.builder, scope.operands)
      let results = builder.append(scope.op, operands)
      let pullback: StructuredRule.Pullback = { adjoints in
        // With f(x, y_adj) = <y_adj, value(x)>, the op is grad_x f, and the transpose of its
        // derivative with respect to x is that derivative itself: a Hessian is symmetric.
        var operandAdjoints = [ValueID?](repeating: nil, count: operands.count)
        guard adjoints.contains(where: { $0 != nil }) else { return operandAdjoints }
        var byPosition = operandAdjoints
        for (position, adjoint) in zip(function.inputPositions, adjoints) {
          byPosition[position] = adjoint
        }
        let moving = function.moving(flow.neededPositions.union(function.inputPositions))
        let direction = builder.zeroFilled(byPosition, like: operands, at: moving.inputPositions)
        let tangents = builder.append(
          .structured(StructuredOp(moving, .tangent)), operands.dropLast() + direction)
        operandAdjoints[operands.count - 1] = tangents[0]
        let inputs = builder.append(
          .structured(StructuredOp(moving, .adjointTangent)),
          operands + direction + tangents + [builder.constant(0, like: operands[count])])
        for (position, input) in zip(moving.inputPositions, inputs) {
          operandAdjoints[position] = input
        }
        return operandAdjoints
      }
      return (results, pullback)
    })
}

/// The operands that have a tangent.
private func positions(of tangents: [ValueID?]) -> Set<Int> {
  Set(tangents.indices.filter { tangents[$0] != nil })
}

extension NodeFlow {
  /// The operands whose adjoint is wanted.
  fileprivate var neededPositions: Set<Int> {
    Set(neededOperands.indices.filter { neededOperands[$0] })
  }
}

/// Orders beyond those that have ops: the decomposition is differentiated. It computes the result
/// and the statistics itself, so that it depends on the inputs alone.
private func decompositionRule(_ op: StructuredOp) -> StructuredRule {
  StructuredRule(
    jvp: { scope, tangents in
      let (builder, operands) = (scope.builder, scope.operands)
      let graph = selfContained(op, operands.map(builder.type(of:)))
      let (results, resultTangents) = try scope.differentiator.appendJVP(
        graph, arguments: operands, tangents: tangents, into: builder)
      return (results, resultTangents)
    },
    vjp: { scope, flow in
      let (builder, operands) = (scope.builder, scope.operands)
      let results = builder.append(scope.op, operands)
      let pullback: StructuredRule.Pullback = { adjoints in
        let wanted = operands.indices.filter { flow.neededOperands[$0] }
        let (_, found) = try scope.differentiator.appendVJP(
          selfContained(op, operands.map(builder.type(of:))), arguments: operands,
          outputAdjoints: adjoints, wrt: wanted, into: builder)
        var operandAdjoints = [ValueID?](repeating: nil, count: operands.count)
        for (position, adjoint) in zip(wanted, found) { operandAdjoints[position] = adjoint }
        return operandAdjoints
      }
      return (results, pullback)
    })
}

/// The decomposition with result, statistics and their tangents recomputed from the inputs.
private func selfContained(_ op: StructuredOp, _ types: [TensorType]) -> Graph {
  let function = op.function
  let builder = GraphBuilder(name: op.name)
  var operands = types.enumerated().map { builder.input("x\($0)", $1) }
  func inline(_ order: DerivativeOrder, _ arguments: [ValueID]) -> [ValueID] {
    let op = StructuredOp(function, order)
    return builder.inline(op.decomposition(arguments.map(builder.type(of:))), arguments)
  }
  let known = function.operandCount
  let values = inline(.value, Array(operands.prefix(known)))
  operands.replaceSubrange(known..<(known + 2), with: values)
  if op.order == .adjointTangent {
    let first = known + 3  // After the result, the statistics and the adjoint.
    let inputTangents = operands[first..<(first + function.inputCount)]
    let tangents = inline(.tangent, Array(operands[..<(known + 2)]) + inputTangents)
    let position = first + function.inputCount
    operands.replaceSubrange(position..<(position + 2), with: tangents)
  }
  for (index, result) in inline(op.order, operands).enumerated() {
    builder.output("y\(index)", result)
  }
  return builder.graph
}

extension GraphBuilder {
  /// The values at some positions, zeros in the place of symbolic ones; `models` have the types.
  fileprivate func zeroFilled(
    _ values: [ValueID?], like models: [ValueID], at positions: [Int]
  ) -> [ValueID] {
    positions.map { values[$0] ?? constant(0, like: models[$0]) }
  }
}
