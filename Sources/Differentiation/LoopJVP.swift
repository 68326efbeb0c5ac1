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

/// Emits a loop with its tangents.
func emitLoopJVP(
  _ loop: Loop, _ scope: StructuredScope, _ tangents: [ValueID?]
) throws -> StructuredRule.Linearized {
  let builder = scope.builder
  let activity = Activity(rule: scope.differentiator.rule)
  let isVaried = Array(
    activity.variedBodyInputs(of: loop, operands: tangents.map { $0 != nil }).dropFirst())

  // The operands of the new loop, and its body's inputs in the same order.
  let body = GraphBuilder(name: loop.body.name)
  var arguments = [body.input(loop.body.inputNames[0], .scalar(.i32))]
  var argumentTangents: [ValueID?] = [nil]
  var operands: [ValueID] = []
  for range in [loop.carryRange, loop.stackedInputRange, loop.invariantRange] {
    for position in range {
      let input = position + 1
      arguments.append(body.input(loop.body.inputNames[input], loop.body.inputTypes[input]))
      operands.append(scope.operands[position])
    }
    for position in range {
      let input = position + 1
      guard isVaried[position] else {
        argumentTangents.append(nil)
        continue
      }
      let name = loop.body.inputNames[input] + "_tan"
      argumentTangents.append(body.input(name, loop.body.inputTypes[input]))
      operands.append(tangents[position] ?? builder.constant(0, like: scope.operands[position]))
    }
  }

  let outputs = try scope.differentiator.appendJVP(
    loop.body, arguments: arguments, tangents: argumentTangents, into: body)

  // Results: carries, their tangents, stacked outputs, their tangents.
  var results = [ValueID?](repeating: nil, count: loop.body.outputs.count)
  var resultTangents = results
  var order: [(position: Int, isTangent: Bool)] = []
  for range in [loop.carryRange, loop.carryCount..<loop.body.outputs.count] {
    for position in range {
      body.output(loop.body.outputNames[position], outputs.outputs[position])
      order.append((position, false))
    }
    for position in range {
      var tangent = outputs.tangents[position]
      if range == loop.carryRange, isVaried[position], tangent == nil {
        tangent = body.constant(0, like: outputs.outputs[position])
      }
      guard let tangent else { continue }
      body.output(loop.body.outputNames[position] + "_tan", tangent)
      order.append((position, true))
    }
  }
  var new = loop
  new.carryCount += loop.carryRange.filter { isVaried[$0] }.count
  new.stackedInputCount += loop.stackedInputRange.filter { isVaried[$0] }.count
  new.body = body.graph.withDistinctNames()
  for (value, entry) in zip(builder.append(.loop(new), operands), order) {
    if entry.isTangent {
      resultTangents[entry.position] = value
    } else {
      results[entry.position] = value
    }
  }
  return (results.compactMap(\.self), resultTangents)
}
