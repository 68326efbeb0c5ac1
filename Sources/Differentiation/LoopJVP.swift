// SPDX-License-Identifier: Apache-2.0
//
// The JVP of a loop: one loop that carries values and tangents side by side.
//
//   (c, ys)                = loop (c0, xs, w)
//   (c, c_tan, ys, ys_tan) = loop (c0, c0_tan, xs, xs_tan, w, w_tan)
//
// A carry gets a tangent carry if its tangent is nonzero in any iteration (`Activity` finds the
// fixed point); where that tangent starts at zero, the zero is an array, for a carry needs a start.

import TensorIR

/// The loop of values and tangents that a loop's JVP consists of.
struct LoopJVP {
  private let loop: Loop
  private(set) var combined: Loop
  /// Operands of the combined loop, and its results, as operands and results of `loop`.
  private var operandOrder: [Slot] = []
  private var resultOrder: [Slot] = []

  /// An operand or result of the original loop, by position, or its tangent.
  private struct Slot {
    var position: Int
    var isTangent: Bool
  }

  /// Makes the loop; `hasTangent` tells which operands have one.
  init(_ loop: Loop, hasTangent: [Bool], differentiator: Differentiator) throws {
    self.loop = loop
    combined = loop
    let activity = Activity(rule: differentiator.rule)
    let varied = activity.variedBodyInputs(of: loop, operands: hasTangent)
    let isVaried = Array(varied.dropFirst())

    let body = GraphBuilder(name: loop.body.name)
    var arguments = [body.input(loop.body.inputNames[0], .scalar(.i32))]
    var tangents: [ValueID?] = [nil]
    for range in [loop.carryRange, loop.stackedInputRange, loop.invariantRange] {
      operandOrder += range.map { Slot(position: $0, isTangent: false) }
      operandOrder += range.filter { isVaried[$0] }.map { Slot(position: $0, isTangent: true) }
      arguments += range.map { position in
        body.input(loop.body.inputNames[position + 1], loop.body.inputTypes[position + 1])
      }
      tangents += range.map { position in
        guard isVaried[position] else { return nil }
        let name = loop.body.inputNames[position + 1] + "_tan"
        return body.input(name, loop.body.inputTypes[position + 1])
      }
    }
    let results = try differentiator.appendJVP(
      loop.body, arguments: arguments, tangents: tangents, into: body)

    for range in [loop.carryRange, loop.carryCount..<loop.body.outputs.count] {
      for position in range {
        body.output(loop.body.outputNames[position], results.outputs[position])
        resultOrder.append(Slot(position: position, isTangent: false))
      }
      for position in range {
        var tangent = results.tangents[position]
        if range == loop.carryRange, isVaried[position], tangent == nil {
          tangent = body.constant(0, like: results.outputs[position])
        }
        guard let tangent else { continue }
        body.output(loop.body.outputNames[position] + "_tan", tangent)
        resultOrder.append(Slot(position: position, isTangent: true))
      }
    }
    combined.carryCount += loop.carryRange.count { isVaried[$0] }
    combined.stackedInputCount += loop.stackedInputRange.count { isVaried[$0] }
    combined.body = body.graph.withDistinctNames()
  }

  /// Emits the loop.
  ///
  /// - Returns: the results of the original loop, and their tangents.
  func emit(
    operands: [ValueID], tangents: [ValueID?], builder: GraphBuilder
  ) -> StructuredRule.Linearized {
    let arguments = operandOrder.map { slot in
      guard slot.isTangent else { return operands[slot.position] }
      return tangents[slot.position] ?? builder.constant(0, like: operands[slot.position])
    }
    let values = builder.append(.loop(combined), arguments)
    var results: [ValueID] = []
    var resultTangents = [ValueID?](repeating: nil, count: loop.body.outputs.count)
    for (value, slot) in zip(values, resultOrder) {
      if slot.isTangent {
        resultTangents[slot.position] = value
      } else {
        results.append(value)
      }
    }
    return (results, resultTangents)
  }
}
