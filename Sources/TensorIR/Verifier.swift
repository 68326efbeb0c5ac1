// SPDX-License-Identifier: Apache-2.0
//
// Checks that a finished graph is well formed. The builder already checks each node it makes; the
// verifier checks everything again after each pass in tests and debug builds, also what only a
// whole graph can show: definition before use, one definition for each value, names, regions.

extension Graph {
  /// Everything that is wrong with the graph and its regions, one message each, with the node and
  /// its provenance; empty for a valid graph.
  ///
  /// - Cost: linear in the number of nodes.
  package func problems() -> [String] {
    var verifier = Verifier(path: name)
    verifier.check(self)
    verifier.checkSurface(of: self)
    return verifier.problems
  }
}

/// Collects the problems of one graph; `path` names the region in the messages.
private struct Verifier {
  let path: String
  var problems: [String] = []

  init(path: String) { self.path = path }

  /// What holds for every graph, region or not.
  mutating func check(_ graph: Graph) {
    expect(graph.inputs.count == graph.inputNames.count, "inputs and their names differ in number")
    expect(
      graph.outputs.count == graph.outputNames.count, "outputs and their names differ in number")
    for (index, type) in graph.types.enumerated() {
      expect(type.shape.allSatisfy { $0 >= 1 }, "%\(index) has the empty shape \(type)")
    }
    var isDefined = [Bool](repeating: false, count: graph.types.count)
    define(graph.inputs, in: graph, &isDefined, at: nil)
    for node in graph.nodes {
      if checkReads(node.operands, in: graph, isDefined, at: node) { checkTypes(node, graph) }
      define(node.results, in: graph, &isDefined, at: node)
    }
    _ = checkReads(graph.outputs, in: graph, isDefined, at: nil)
    for index in isDefined.indices where !isDefined[index] {
      report("%\(index) has a type but no definition", at: nil, graph)
    }
  }

  /// What holds for a whole program: its surface has no conditions.
  mutating func checkSurface(of graph: Graph) {
    for value in graph.inputs + graph.outputs where graph.types.indices.contains(value.index) {
      let type = graph.type(of: value)
      expect(type.dtype != .bool, "\(value) is \(type), but bool is only for conditions")
    }
  }

  private mutating func define(
    _ values: [ValueID], in graph: Graph, _ isDefined: inout [Bool], at node: Node?
  ) {
    for value in values {
      if !isDefined.indices.contains(value.index) {
        report("\(value) has no type", at: node, graph)
      } else if isDefined[value.index] {
        report("\(value) is defined twice", at: node, graph)
      } else {
        isDefined[value.index] = true
      }
    }
  }

  private mutating func checkReads(
    _ values: [ValueID], in graph: Graph, _ isDefined: [Bool], at node: Node?
  ) -> Bool {
    let missing = values.filter { !isDefined.indices.contains($0.index) || !isDefined[$0.index] }
    for value in missing { report("\(value) is read before it is defined", at: node, graph) }
    return missing.isEmpty
  }

  /// The regions, then the op's own typing rule, which may rely on sound regions.
  private mutating func checkTypes(_ node: Node, _ graph: Graph) {
    let found = node.results.filter { graph.types.indices.contains($0.index) }
      .map(graph.type(of:))
    if node.results.isEmpty { report("a node must define a value", at: node, graph) }
    for region in node.op.regions {
      var verifier = Verifier(path: "\(path) / \(region.name)")
      verifier.check(region)
      problems += verifier.problems
      if !verifier.problems.isEmpty { return }
    }
    if let problem = problemOfCounts(node) { return report(problem, at: node, graph) }
    let operands = node.operands.map(graph.type(of:))
    do {
      let expected = try node.op.resultTypes(operands)
      if expected != found {
        let types = expected.map(\.description).joined(separator: ", ")
        report("the results should be \(types)", at: node, graph)
      }
    } catch {
      report("\(error)", at: node, graph)
    }
    if case .binary(let function) = node.op, let dtype = operands.first?.dtype {
      let isDefined =
        dtype.isFloat ? function.isForFloats : dtype == .i32 && function.isForWholeNumbers
      if !isDefined { report("not defined for \(dtype)", at: node, graph) }
    }
  }

  /// Counts that typing rules index by; a wrong one would be out of range there.
  private func problemOfCounts(_ node: Node) -> String? {
    switch node.op {
    case .loop(let loop):
      let isSound =
        loop.carryCount >= 0 && loop.stackedInputCount >= 0 && loop.body.inputs.count >= 1
        && loop.invariantCount >= 0 && loop.stackedOutputCount >= 0
      return isSound ? nil : "the loop's counts do not fit its body"
    case .gradient(let gradient):
      let isSound =
        gradient.wrt.allSatisfy(gradient.function.inputs.indices.contains)
        && Set(gradient.wrt).count == gradient.wrt.count
        && gradient.function.inputs.count == node.operands.count
      return isSound ? nil : "'wrt' does not fit the function's inputs"
    case .jvp(let jvp):
      let isSound =
        jvp.wrt.allSatisfy(jvp.function.inputs.indices.contains)
        && Set(jvp.wrt).count == jvp.wrt.count
        && jvp.function.inputs.count + jvp.wrt.count == node.operands.count
      return isSound ? nil : "'wrt' does not fit the function's inputs"
    default: return nil  // Only ops with regions index one list by counts of another.
    }
  }

  private mutating func expect(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds { problems.append("\(path): \(message())") }
  }

  private mutating func report(_ message: String, at node: Node?, _ graph: Graph) {
    guard let node else { return problems.append("\(path): \(message)") }
    let isPrintable = node.results.allSatisfy { graph.types.indices.contains($0.index) }
    let text = isPrintable ? graph.line(for: node) : node.op.text
    problems.append("\(path): \(message), in: \(text)")
  }
}
