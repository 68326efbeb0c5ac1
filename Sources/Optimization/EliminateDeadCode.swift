// SPDX-License-Identifier: Apache-2.0
//
// Removes whatever no output depends on, also inside loops: carries that feed only themselves,
// stacked outputs that nobody reads, operands that the body does not read, and derivatives of
// `gradient` nodes that nobody reads.
//
//     %2, %3 = loop{... carries 1 ...} %0, %1 : f32[3], f32[5, 3]      (only %3 is read, and its
//   ->                                                                  body never reads the carry)
//     %2 = loop{... carries 0 ...} %1 : f32[5, 3]
//
// Liveness spreads from the outputs over one worklist through all nested regions at once, so a
// carry that is live only because it keeps itself alive is found dead, in linear time. Inputs of
// the whole graph stay, read or not: they are its signature.

import TensorIR

extension Pass {
  package static let eliminateDeadCode = Pass(
    name: "eliminate dead code",
    summary: "removes what no output depends on, also inside loops",
    run: { graph in
      let root = Region(graph, parent: nil)
      Liveness.spread(from: root)
      return root.rebuilt(
        inputs: Array(graph.inputs.indices), outputs: Array(graph.outputs.indices))
    })
}

/// A graph, what is known to be live in it, and its place in the graph around it.
private final class Region {
  let graph: Graph
  var isLive: [Bool]
  /// The regions of loop and gradient nodes, by node index.
  private(set) var children: [Int: Region] = [:]
  /// The graph around and the index of the node that holds this region.
  let parent: (region: Unowned, node: Int)?
  /// For each value the node and result that define it, or the input that it is.
  let origins: [Origin]

  enum Origin {
    case input(Int)
    case result(node: Int, position: Int)
    case none
  }

  /// A parent outlives its children.
  struct Unowned { unowned let region: Region }

  init(_ graph: Graph, parent: (region: Unowned, node: Int)?) {
    self.graph = graph
    self.parent = parent
    isLive = [Bool](repeating: false, count: graph.types.count)
    var origins = [Origin](repeating: .none, count: graph.types.count)
    for (position, input) in graph.inputs.enumerated() { origins[input.index] = .input(position) }
    for (index, node) in graph.nodes.enumerated() {
      for (position, result) in node.results.enumerated() {
        origins[result.index] = .result(node: index, position: position)
      }
    }
    self.origins = origins
    for (index, node) in graph.nodes.enumerated() {
      if let region = node.op.regions.first {
        children[index] = Region(region, parent: (Unowned(region: self), index))
      }
    }
  }

  func isLive(_ value: ValueID) -> Bool { isLive[value.index] }
}

/// The worklist of values known to be live whose own needs are not yet marked.
private struct Liveness {
  private var pending: [(region: Region, value: ValueID)] = []

  /// Marks everything that the root's outputs depend on.
  static func spread(from root: Region) {
    var liveness = Liveness()
    for output in root.graph.outputs { liveness.mark(output, in: root) }
    while let (region, value) = liveness.pending.popLast() {
      switch region.origins[value.index] {
      case .input(let position): liveness.markNeeds(ofInput: position, in: region)
      case .result(let node, let position):
        liveness.markNeeds(ofResult: position, ofNode: node, in: region)
      case .none: preconditionFailure("compiler bug: \(value) is never defined")
      }
    }
  }

  private mutating func mark(_ value: ValueID, in region: Region) {
    if region.isLive[value.index] { return }
    region.isLive[value.index] = true
    pending.append((region, value))
  }

  private mutating func markNeeds(ofResult position: Int, ofNode index: Int, in region: Region) {
    let node = region.graph.nodes[index]
    guard let child = region.children[index] else {
      for operand in node.operands { mark(operand, in: region) }
      return
    }
    switch node.op {
    case .loop(let loop):
      mark(child.graph.outputs[position], in: child)
      if position < loop.carryCount { mark(node.operands[position], in: region) }
      if loop.isLimited, let limit = child.graph.inputs.last { mark(limit, in: child) }
    case .gradient(let gradient):
      mark(child.graph.outputs[0], in: child)
      if position > 0 { mark(node.operands[gradient.wrt[position - 1]], in: region) }
    case .jvp(let jvp):
      let outputs = child.graph.outputs
      mark(outputs[position % outputs.count], in: child)
      // A tangent may depend on every direction: which ones it does, its derivation finds out.
      if position >= outputs.count {
        for input in jvp.wrt { mark(child.graph.inputs[input], in: child) }
        for tangent in node.operands.suffix(jvp.wrt.count) { mark(tangent, in: region) }
      }
    default: preconditionFailure("compiler bug: a region in \(node.op.name)")
    }
  }

  private mutating func markNeeds(ofInput position: Int, in region: Region) {
    guard let (parent, index) = region.parent else { return }
    let node = parent.region.graph.nodes[index]
    guard case .loop(let loop) = node.op else {
      return mark(node.operands[position], in: parent.region)
    }
    if position == 0 { return }  // The iteration index has no operand.
    let operand = position - 1
    mark(node.operands[operand], in: parent.region)
    if loop.carryRange.contains(operand) { mark(region.graph.outputs[operand], in: region) }
  }
}

extension Region {
  /// The live part of the graph with the given inputs and outputs, by position.
  func rebuilt(inputs: [Int], outputs: [Int]) -> Graph {
    let builder = GraphBuilder(name: graph.name)
    var map = [ValueID?](repeating: nil, count: graph.types.count)
    for position in inputs {
      let input = graph.inputs[position]
      map[input.index] = builder.input(graph.inputNames[position], graph.type(of: input))
    }
    for (index, node) in graph.nodes.enumerated() where node.results.contains(where: isLive) {
      let (op, operands, results) = livePart(of: node, region: children[index])
      let newOperands = operands.compactMap { map[node.operands[$0].index] }
      let newResults = builder.withProvenance(node.provenance) { builder.append(op, newOperands) }
      for (position, new) in zip(results, newResults) { map[node.results[position].index] = new }
    }
    for position in outputs {
      guard let value = map[graph.outputs[position].index] else { continue }
      builder.output(graph.outputNames[position], value)
    }
    return builder.graph
  }

  /// A node reduced to what is live, with the positions of the operands and results that remain.
  private func livePart(
    of node: Node, region: Region?
  ) -> (op: Op, operands: [Int], results: [Int]) {
    guard let region else {
      return (node.op, Array(node.operands.indices), Array(node.results.indices))
    }
    let liveResults = node.results.indices.filter { isLive(node.results[$0]) }
    switch node.op {
    case .loop(var loop):
      let isInputLive = { (operand: Int) in region.isLive(region.graph.inputs[operand + 1]) }
      let carries = loop.carryRange.filter { isInputLive($0) || isLive(node.results[$0]) }
      let stacked = loop.stackedInputRange.filter(isInputLive)
      let operands = carries + stacked + loop.invariantRange.filter(isInputLive)
      let results = carries + liveResults.filter { $0 >= loop.carryCount }
      loop.carryCount = carries.count
      loop.stackedInputCount = stacked.count
      loop.body = region.rebuilt(inputs: [0] + operands.map { $0 + 1 }, outputs: results)
      return (.loop(loop), operands, results)
    case .gradient(var gradient):
      let derivatives = liveResults.filter { $0 > 0 }
      let wrt = derivatives.map { gradient.wrt[$0 - 1] }
      let operands = node.operands.indices.filter { position in
        wrt.contains(position) || region.isLive(region.graph.inputs[position])
      }
      gradient.wrt = wrt.compactMap(operands.firstIndex(of:))
      gradient.function = region.rebuilt(inputs: operands, outputs: [0])
      return (.gradient(gradient), operands, [0] + derivatives)
    case .jvp(var jvp):
      let count = jvp.function.outputs.count
      let outputs = Set(liveResults.map { $0 % count }).sorted()
      let inputs = jvp.function.inputs.indices.filter { region.isLive(region.graph.inputs[$0]) }
      let directions = jvp.wrt.indices.filter { inputs.contains(jvp.wrt[$0]) }
      let operands = inputs + directions.map { jvp.function.inputs.count + $0 }
      jvp.wrt = directions.compactMap { inputs.firstIndex(of: jvp.wrt[$0]) }
      jvp.function = region.rebuilt(inputs: inputs, outputs: outputs)
      return (.jvp(jvp), operands, outputs + outputs.map { $0 + count })
    default: preconditionFailure("compiler bug: a region in \(node.op.name)")
    }
  }
}
