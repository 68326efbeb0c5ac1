// SPDX-License-Identifier: Apache-2.0
//
// What is checked once a spec is elaborated: parameters and data that nothing reads, which is
// probably a slip, and functions whose bodies were not looked at yet, because nothing called them.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Warns of parameters that no loss reads, and of meta parameters and data that nothing reads.
  func warnOfUnusedInputs(
    _ frame: ProblemFrame, innerLoss: Graph, update: Graph, outerLoss: Graph
  ) {
    // The update reads every parameter, so for parameters only the losses count.
    let readByLosses = Set(innerLoss.namesOfReadInputs + outerLoss.namesOfReadInputs)
    warnOfUnused(frame.parameters, read: readByLosses)
    let read = readByLosses.union(update.namesOfReadInputs)
    for (meta, tree) in zip(declarations.metas, frame.metas) {
      // The initial parameters are used by being where the inner optimisation starts.
      if case .initial = meta { continue }
      warnOfUnused(tree, read: read)
    }
    for data in frame.innerData + frame.outerData where !read.contains(data.name.text) {
      _ = fail(.unused(data.name.text), at: data.name.span)
    }
  }

  private func warnOfUnused(_ tree: DeclaredTree, read: Set<String>) {
    for (leaf, node) in zip(tree.leaves, tree.root.leaves) where !read.contains(leaf.name) {
      _ = fail(.unused(leaf.name), at: node.leaf.declaration)
    }
  }

  /// Checks the functions not looked at yet, on arrays of their declared types. Functions with
  /// size variables or parameters without a type cannot be checked this way.
  func checkRemainingFunctions() {
    for function in declarations.functions where !checkedFunctions.contains(function.name.text) {
      guard function.shapeVariables.isEmpty else { continue }
      beginGraph(function.name.text)
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
      return Operand(expression: expression, value: .tensor(input))
    case .tree(let path, let isElement):
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
  /// The names of the inputs that a node reads or that are outputs themselves.
  fileprivate var namesOfReadInputs: [String] {
    let readers = readers()
    return zip(inputs, inputNames)
      .filter { !readers[$0.0.index].isEmpty || outputs.contains($0.0) }
      .map(\.1)
  }
}
