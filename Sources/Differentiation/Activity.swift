// SPDX-License-Identifier: Apache-2.0
//
// Which values take part in a derivative. A value is *varied* if it depends differentiably on an
// input that is differentiated, and *useful* if an output with an adjoint depends differentiably on
// it. Only values that are both get adjoints, so no adjoint of data, of integers or of anything
// behind stop_gradient is ever built. Loops need the answer before their derivative is made (which
// carries get a tangent or an adjoint carry?), hence an analysis and not a discovery on the way.

import TensorIR

/// The dependence analysis, under one rule table.
struct Activity {
  let rule: (Op) -> DerivativeRule

  /// For every value of `graph`, whether it is varied, given which inputs are.
  func variedValues(of graph: Graph, inputs: [Bool]) -> [Bool] {
    var varied = [Bool](repeating: false, count: graph.types.count)
    for (input, isVaried) in zip(graph.inputs, inputs) {
      varied[input.index] = isVaried && graph.type(of: input).dtype.isFloat
    }
    for node in graph.nodes {
      let operands = node.operands.map { varied[$0.index] }
      guard operands.contains(true) else { continue }
      for (result, isVaried) in zip(node.results, variedResults(of: node, operands: operands)) {
        varied[result.index] = isVaried && graph.type(of: result).dtype.isFloat
      }
    }
    return varied
  }

  /// For every value of `graph`, whether it is useful, given which outputs are.
  func usefulValues(of graph: Graph, outputs: [Bool]) -> [Bool] {
    var useful = [Bool](repeating: false, count: graph.types.count)
    for (output, isUseful) in zip(graph.outputs, outputs) where isUseful {
      useful[output.index] = graph.type(of: output).dtype.isFloat
    }
    for node in graph.nodes.reversed() {
      let results = node.results.map { useful[$0.index] }
      guard results.contains(true) else { continue }
      for (operand, isUseful) in zip(node.operands, usefulOperands(of: node, results: results))
      where isUseful && graph.type(of: operand).dtype.isFloat {
        useful[operand.index] = true
      }
    }
    return useful
  }

  /// Which inputs the outputs of `function` depend on.
  func usefulInputs(of function: Graph) -> [Bool] {
    let useful = usefulValues(of: function, outputs: function.outputs.map { _ in true })
    return function.inputs.map { useful[$0.index] }
  }

  /// Which inputs of a loop's body are varied (in any iteration), given which operands of the loop
  /// are. The first, the iteration index, never is.
  func variedBodyInputs(of loop: Loop, operands: [Bool]) -> [Bool] {
    variedBody(of: loop, operands: operands).inputs
  }

  /// The same, with what is varied among all values of the body. (Asking for that again would double
  /// the work with each level of nesting.)
  private func variedBody(
    of loop: Loop, operands: [Bool]
  ) -> (inputs: [Bool], values: [Bool]) {
    var inputs = [false] + operands
    while true {
      let varied = variedValues(of: loop.body, inputs: inputs)
      var changed = false
      for carry in loop.carryRange where !inputs[carry + 1] {
        guard varied[loop.body.outputs[carry].index] else { continue }
        inputs[carry + 1] = true
        changed = true
      }
      if !changed { return (inputs, varied) }
    }
  }

  /// Which outputs of a loop's body are useful (in any iteration), given which results of the loop
  /// are.
  func usefulBodyOutputs(of loop: Loop, results: [Bool]) -> [Bool] {
    usefulBody(of: loop, results: results).outputs
  }

  /// The same, with what is useful among all values of the body.
  private func usefulBody(
    of loop: Loop, results: [Bool]
  ) -> (outputs: [Bool], values: [Bool]) {
    var outputs = results
    while true {
      let useful = usefulValues(of: loop.body, outputs: outputs)
      var changed = false
      for carry in loop.carryRange where !outputs[carry] {
        guard useful[loop.body.inputs[carry + 1].index] else { continue }
        outputs[carry] = true
        changed = true
      }
      if !changed { return (outputs, useful) }
    }
  }

  private func variedResults(of node: Node, operands: [Bool]) -> [Bool] {
    if case .loop(let loop) = node.op {
      let varied = variedBody(of: loop, operands: operands).values
      // A carry's result depends on its start only after the first iteration, but there always is
      // one, so the body's output decides.
      return loop.body.outputs.map { varied[$0.index] }
    }
    let flows = operandFlows(of: node)
    let isVaried = zip(operands, flows).contains { $0 && $1 }
    return node.results.map { _ in isVaried }
  }

  private func usefulOperands(of node: Node, results: [Bool]) -> [Bool] {
    if case .loop(let loop) = node.op {
      let useful = usefulBody(of: loop, results: results).values
      return loop.body.inputs.dropFirst().map { useful[$0.index] }
    }
    return operandFlows(of: node)
  }

  /// Per operand of a node that is no loop, whether a derivative can flow through it to any result.
  /// A gradient or a JVP depends on what its function depends on.
  private func operandFlows(of node: Node) -> [Bool] {
    if case .gradient(let gradient) = node.op { return usefulInputs(of: gradient.function) }
    if case .jvp(let jvp) = node.op {
      let flows = usefulInputs(of: jvp.function)
      return flows + jvp.wrt.map { flows[$0] }
    }
    let rule = rule(node.op)
    return node.operands.indices.map(rule.isDifferentiable(operand:))
  }
}
