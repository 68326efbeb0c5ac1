// SPDX-License-Identifier: Apache-2.0
//
// Finite differences where a spec says `stop_gradient`. There the gradient is by definition not the
// derivative of the loss, but of the loss with the stopped values held fixed. So they are: one
// graph is run once to record them, another takes them as inputs.
//
//   recording   (x) -> y, s          s = f(x); r = stop_gradient(s)
//   replaying   (x, s) -> y          r = s, whatever x
//
// In a loop the values of all iterations are stacked.

import MixFuseRuntime
import TensorIR

/// A graph whose stopped values can be recorded and held fixed.
struct StoppedValues: Sendable {
  /// The graph with one more output for each `stop_gradient` in it.
  let recording: InterpretedProgram
  /// The graph with one more input for each `stop_gradient`, called like the output above.
  let replaying: InterpretedProgram

  /// Splits a graph without `gradient` ops.
  init(in graph: Graph) {
    recording = InterpretedProgram(graph: StoppedValueRewriter(isRecording: true).rewrite(graph))
    replaying = InterpretedProgram(graph: StoppedValueRewriter(isRecording: false).rewrite(graph))
  }

  /// The inputs of `replaying` that hold the stopped values as they are at `inputs`.
  ///
  /// - Cost: one evaluation, or none if the graph stops nothing.
  /// - Throws: what the interpreter throws.
  func fixed(at inputs: NamedArrays) throws -> NamedArrays {
    let count = replaying.graph.inputs.count - recording.graph.inputs.count
    guard count > 0 else { return inputs }
    let outputs = try recording.outputs(for: inputs)
    var result = inputs
    for name in replaying.graph.inputNames.suffix(count) { result[name] = outputs[name] }
    return result
  }
}

/// Rewrites a graph and the loop bodies in it, in node order.
private struct StoppedValueRewriter {
  let isRecording: Bool

  func rewrite(_ graph: Graph) -> Graph {
    let builder = GraphBuilder(name: graph.name)
    var values = [ValueID?](repeating: nil, count: graph.types.count)
    for (input, name) in zip(graph.inputs, graph.inputNames) {
      values[input.index] = builder.input(name, graph.type(of: input))
    }
    // Inputs come before nodes; the replayed ones are made while the nodes are visited.
    var stopped: [ValueID] = []
    for node in graph.nodes {
      let operands = node.operands.compactMap { values[$0.index] }
      let results = builder.withProvenance(node.provenance) {
        append(node.op, operands, to: builder, stopped: &stopped)
      }
      for (old, new) in zip(node.results, results) { values[old.index] = new }
    }
    for (output, name) in zip(graph.outputs, graph.outputNames) {
      if let value = values[output.index] { builder.output(name, value) }
    }
    if isRecording {
      for (index, value) in stopped.enumerated() { builder.output("stopped.\(index)", value) }
    }
    return builder.graph
  }

  /// Appends one node in its new form.
  ///
  /// - Parameter stopped: gets the values of the stopped operands: recorded ones, or new inputs.
  private func append(
    _ op: Op, _ operands: [ValueID], to builder: GraphBuilder, stopped: inout [ValueID]
  ) -> [ValueID] {
    switch op {
    case .stopGradient:
      stopped.append(
        isRecording
          ? operands[0]
          : builder.input("stopped.\(stopped.count)", builder.type(of: operands[0])))
      return [stopped[stopped.count - 1]]
    case .loop(let loop):
      return append(loop, operands, to: builder, stopped: &stopped)
    default:  // Only the loop has a region that is still a graph of its own at this stage.
      return builder.append(op, operands)
    }
  }

  private func append(
    _ loop: Loop, _ operands: [ValueID], to builder: GraphBuilder, stopped: inout [ValueID]
  ) -> [ValueID] {
    var new = loop
    new.body = rewrite(loop.body)
    let known = loop.carryCount + loop.stackedOutputCount
    if isRecording {
      let results = builder.append(.loop(new), operands)
      stopped += results.dropFirst(known)
      return Array(results.prefix(known))
    }
    let count = new.body.inputs.count - loop.body.inputs.count
    let first = 1 + loop.invariantRange.lowerBound
    moveInputs(&new.body, last: count, to: first)
    new.stackedInputCount += count
    let stacked = new.body.inputs[first..<(first + count)].map { input in
      let type = new.body.type(of: input)
      let whole = TensorType([loop.tripCount] + type.shape, type.dtype)
      stopped.append(builder.input("stopped.\(stopped.count)", whole))
      return stopped[stopped.count - 1]
    }
    let arguments =
      operands[..<loop.invariantRange.lowerBound] + stacked + operands[loop.invariantRange]
    return builder.append(.loop(new), Array(arguments))
  }

  /// Moves the last inputs of a body to where stacked inputs belong.
  private func moveInputs(_ body: inout Graph, last count: Int, to position: Int) {
    let (values, names) = (body.inputs.suffix(count), body.inputNames.suffix(count))
    body.inputs.removeLast(count)
    body.inputNames.removeLast(count)
    body.inputs.insert(contentsOf: values, at: position)
    body.inputNames.insert(contentsOf: names, at: position)
  }
}
