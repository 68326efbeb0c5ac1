// SPDX-License-Identifier: Apache-2.0
//
// What is checked once a spec is elaborated: parameters and data that nothing reads, which is
// probably a slip, and functions whose bodies were not looked at yet, because nothing called them.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Warns of parameters that make no difference to a loss, and of meta parameters and data that
  /// nothing reads.
  func warnOfUnusedInputs(
    _ frame: ProblemFrame, innerLoss: Graph, update: Graph, outer: ElaboratedLoss
  ) {
    let outerLoss = outer.graph
    let theta = frame.parameters.leaves.count
    let inLosses = zip(innerLoss.areInputsRead, outerLoss.areInputsRead).map { $0 || $1 }
    let metas = frame.metas.flatMap(\.leaves).count
    // Reading the parameters after each step is reading the parameters.
    var areLeavesRead = Array(inLosses.prefix(theta))
    let trajectory = outer.readsTrajectory ? outerLoss.areInputsRead.suffix(theta) : []
    for (leaf, isRead) in trajectory.enumerated() where isRead {
      areLeavesRead[leaf] = true
    }
    warnOfUnused(frame.parameters, isUsed: usedLeaves(areLeavesRead, update)[...])
    // The update reads gradient, parameters, states, metas and the step.
    let inUpdate = update.areInputsRead.dropLast().suffix(metas)
    var isMetaRead = zip(inLosses.dropFirst(theta), inUpdate).map { $0 || $1 }[...]
    for (meta, tree) in zip(declarations.metas, frame.metas) {
      let isRead = isMetaRead.prefix(tree.leaves.count)
      isMetaRead = isMetaRead.dropFirst(tree.leaves.count)
      // The initial parameters are used by being where the inner optimisation starts.
      if case .initial = meta { continue }
      warnOfUnused(tree, isUsed: isRead)
    }
    let isInnerRead = innerLoss.areInputsRead.dropFirst(theta + metas)
    let isOuterRead = outerLoss.areInputsRead.dropFirst(theta + metas + 1)
    for (data, isRead) in Array(zip(frame.innerData, isInnerRead))
      + zip(frame.outerData, isOuterRead)
    where !isRead {
      _ = fail(.unused(data.name.text), at: data.name.span)
    }
  }

  private func warnOfUnused(_ tree: DeclaredTree, isUsed: ArraySlice<Bool>) {
    for ((leaf, node), isUsed) in zip(zip(tree.leaves, tree.root.leaves), isUsed) where !isUsed {
      _ = fail(.unused(leaf.name), at: node.leaf.declaration)
    }
  }

  /// For each leaf of theta whether it makes a difference: a loss reads it, or `update` computes
  /// from it another leaf or a state that does. (It computes every leaf from its old value: that
  /// alone is no use.)
  private func usedLeaves(_ isReadByLoss: [Bool], _ update: Graph) -> [Bool] {
    let gradients = isReadByLoss.count
    // What an update carries on: leaves, then states, as its outputs and behind the gradients.
    var isUsed = isReadByLoss
    isUsed += [Bool](repeating: false, count: update.outputs.count - gradients)
    var pending = isUsed.indices.filter { isUsed[$0] }
    while let next = pending.popLast() {
      let depends = update.inputsBehind(output: next)
      for other in isUsed.indices where !isUsed[other] && depends[gradients + other] {
        isUsed[other] = true
        pending.append(other)
      }
    }
    return Array(isUsed.prefix(gradients))
  }

  /// Checks the functions not looked at yet, on arrays of their declared types. Functions with
  /// size variables or parameters without a type cannot be checked this way.
  func checkRemainingFunctions() {
    for function in declarations.functions where !checkedFunctions.contains(function.name.span) {
      guard function.shapeVariables.isEmpty else { continue }
      beginGraph(function.name.text)
      // A loss may call it.
      beginRandomness("key")
      let operands = function.parameters.compactMap { parameter in
        attempt { try sample(parameter) }
      }
      guard operands.count == function.parameters.count else { continue }
      let frame = CallFrame(
        function: function.name.text, declaration: function.name.span,
        callee: function.name.span, arguments: [])
      _ = attempt { try within(frame) { try run(function, operands) } }
    }
  }

  /// An argument of a parameter's declared type.
  private func sample(_ parameter: ParameterDeclaration) throws -> Operand {
    let expression = Expression(.name(parameter.name.text), at: parameter.name.span)
    switch parameter.type {
    case .tensor(let syntax):
      let hasEllipsis = syntax.shape.contains { if case .ellipsis = $0 { true } else { false } }
      if hasEllipsis { throw Reported() }
      let input = emitter.input(parameter.name.text, try type(syntax))
      return Operand(expression: expression, value: .tensor(input.with(sizeForms(syntax))))
    case .tree(let path, let isElement):
      if !isElement, elements(path) != nil { throw Reported() }
      let declared = try node(at: path)
      let node = isElement ? declared.element : declared
      var inputs = node.leaves.map { path, leaf in
        emitter.input(([parameter.name.text] + path).joined(separator: "."), leaf.type)
      }[...]
      return Operand(expression: expression, value: node.value(&inputs))
    case .tuple, nil:
      guard let value = parameter.defaultValue else { throw Reported() }
      return try evaluated(value)
    }
  }
}

extension Graph {
  /// For each input whether a node reads it or it is an output itself.
  var areInputsRead: [Bool] {
    let readers = readers()
    return inputs.map { !readers[$0.index].isEmpty || outputs.contains($0) }
  }

  /// The graph without those of its last inputs that nothing needs.
  ///
  /// - Parameter mark: where the nodes end that were made of those inputs for whoever wants them.
  /// - Returns: the graph, and which of the inputs from `first` on it still has.
  func withoutUnreadInputs(
    from first: Int, madeUpTo mark: Int = 0
  ) -> (graph: Graph, read: [Int]) {
    let isNeeded = areNeeded
    let unread = inputs.indices.filter { $0 >= first && !isNeeded[inputs[$0].index] }
    let read = (first..<inputs.count).filter { !unread.contains($0) }
    return (without(inputs: unread, madeUpTo: mark), read)
  }

  /// For each value whether an output is made of it.
  private var areNeeded: [Bool] {
    var isNeeded = [Bool](repeating: false, count: types.count)
    for output in outputs { isNeeded[output.index] = true }
    for node in nodes.reversed() where node.results.contains(where: { isNeeded[$0.index] }) {
      for operand in node.operands { isNeeded[operand.index] = true }
    }
    return isNeeded
  }

  /// The graph without some inputs, and without what is made of them, which no output needs.
  ///
  /// - Parameter mark: nodes before it are left out, too, if no output needs them.
  func without(inputs unread: [Int], madeUpTo mark: Int = 0) -> Graph {
    let isNeeded = areNeeded
    let builder = GraphBuilder(name: name)
    var map = [ValueID?](repeating: nil, count: types.count)
    for (position, input) in inputs.enumerated() where !unread.contains(position) {
      map[input.index] = builder.input(inputNames[position], type(of: input))
    }
    for (index, node) in nodes.enumerated() {
      if index < mark, !node.results.contains(where: { isNeeded[$0.index] }) { continue }
      // What nothing needs and is made of a missing input is left out with it.
      let operands = node.operands.compactMap { map[$0.index] }
      guard operands.count == node.operands.count else { continue }
      let results = builder.withProvenance(node.provenance) { builder.append(node.op, operands) }
      for (old, new) in zip(node.results, results) { map[old.index] = new }
    }
    for (name, output) in zip(outputNames, outputs) {
      if let value = map[output.index] { builder.output(name, value) }
    }
    return builder.graph
  }

  /// For each input whether the output at a position is computed from it. A loop computes all it
  /// carries from all it is given.
  fileprivate func inputsBehind(output position: Int) -> [Bool] {
    var isBehind = [Bool](repeating: false, count: types.count)
    isBehind[outputs[position].index] = true
    for node in nodes.reversed() where node.results.contains(where: { isBehind[$0.index] }) {
      for operand in node.operands { isBehind[operand.index] = true }
    }
    return inputs.map { isBehind[$0.index] }
  }
}
