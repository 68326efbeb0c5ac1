// SPDX-License-Identifier: Apache-2.0
//
// A walk through a graph that finds the example axis of every value, loops included. At the top, an
// op that mixes examples only ends a *level*: what it gives is the same for all examples (the mean of
// a batch, the weights of a softmax over it), and what is computed with that is of the next level.
// The body of a loop has one level: a loop of which any op mixes examples mixes them.

import TensorIR

/// A loop over whose body examples pass one by one.
struct ExampleLoop {
  /// The example axis of each carry.
  var carries: [Int?]
  /// Those of the loop's results, and the body.
  var results: [Int?]
  var body: ExampleWalk
}

/// The example axes of one graph, or of the body of a loop.
struct ExampleWalk {
  let graph: Graph
  let rules: ExampleAxes
  /// By `ValueID.index`; `nil` for values that are the same for all examples.
  private(set) var axes: [Int?]
  /// How many ops that mix examples lie before each value, by `ValueID.index`.
  private(set) var levels: [Int]
  /// The loops through which examples pass, by the number of the node.
  private(set) var loops: [Int: ExampleLoop] = [:]
  private let definitions: [Int?]
  private let readers: [[Int]]
  /// Of the body of a loop, the inputs that are alike for all examples and needed in parts.
  private(set) var cutInputs: [(position: Int, axis: Int)] = []
  private var isCarry: [Bool]
  private let isBody: Bool
  private var isSound = true

  /// Walks through a graph from one input with examples.
  init(_ graph: Graph, rules: ExampleAxes, seed: ValueID, axis: Int) {
    self.init(graph, rules, isBody: false)
    axes[seed.index] = axis
    walk()
  }

  private init(_ graph: Graph, _ rules: ExampleAxes, isBody: Bool) {
    self.graph = graph
    self.rules = rules
    self.isBody = isBody
    axes = [Int?](repeating: nil, count: graph.types.count)
    levels = [Int](repeating: 0, count: graph.types.count)
    isCarry = [Bool](repeating: false, count: graph.types.count)
    definitions = graph.definitions()
    readers = graph.readers()
  }

  func axis(of value: ValueID) -> Int? { axes[value.index] }
  func level(of value: ValueID) -> Int { levels[value.index] }
  func definition(of value: ValueID) -> Node? { definitions[value.index].map { graph.nodes[$0] } }
  func nodeIndex(of value: ValueID) -> Int? { definitions[value.index] }

  /// What a node makes of its operands; `nil` if it mixes examples. Its results are known.
  func flow(_ index: Int) -> ExampleFlow? {
    let node = graph.nodes[index]
    if let loop = loops[index] {
      let carries = loop.carries
      let operands = node.operands.enumerated().map { position, operand in
        position < carries.count ? carries[position] : axis(of: operand)
      }
      return ExampleFlow(operands: operands, results: loop.results)
    }
    return rules.flow(
      node.op, node.operands.map(axis), node.operands.map { graph.type(of: $0).shape },
      results: node.results.map { graph.type(of: $0).shape })
  }

  /// Which parts of a node's operands give the part of its result with examples on an axis.
  func parts(_ node: Node, _ axis: Int) -> [Int?]? {
    guard node.results.count == 1 else { return nil }
    return rules.parts(
      node.op, axis, node.operands.map { graph.type(of: $0).shape },
      result: graph.type(of: node.result).shape)
  }

  // MARK: The walk

  private mutating func walk() {
    for (index, node) in graph.nodes.enumerated() {
      let level = node.operands.map(level).max() ?? 0
      guard node.operands.contains(where: { axis(of: $0) != nil }) else {
        for result in node.results { levels[result.index] = level }
        continue
      }
      let flow = examine(index, node)
      for (position, result) in node.results.enumerated() {
        axes[result.index] = flow?.results[position]
        levels[result.index] = flow == nil ? level + 1 : level
      }
      if flow == nil, isBody { isSound = false }
      if !isSound, flow == nil { return }
    }
  }

  /// The flow through a node whose operands are known.
  private mutating func examine(_ index: Int, _ node: Node) -> ExampleFlow? {
    if case .loop(let loop) = node.op {
      guard let found = examined(loop, node) else { return nil }
      loops[index] = found
    }
    guard let flow = flow(index) else { return nil }
    for (operand, axis) in zip(node.operands, flow.operands) {
      if let axis, isBody, !canHave(operand, axis) { isSound = false }
    }
    guard case .loop(let loop) = node.op, let found = loops[index], isBody else { return flow }
    for (position, axis) in found.body.cutInputs {
      let axis = loop.stackedInputRange.contains(position) ? axis + 1 : axis
      if !canHave(node.operands[position], axis) { isSound = false }
    }
    return flow
  }

  /// Whether a value of a body can be had in parts.
  private mutating func canHave(_ value: ValueID, _ axis: Int) -> Bool {
    if let found = self.axis(of: value) { return found == axis }
    guard let node = definition(of: value) else {
      guard let input = graph.inputs.firstIndex(of: value), !isCarry[value.index] else {
        return false
      }
      cutInputs.append((input - 1, axis))
      return true
    }
    guard let parts = parts(node, axis) else { return false }
    for (operand, axis) in zip(node.operands, parts) {
      if let axis, !canHave(operand, axis) { return false }
    }
    return true
  }

  /// The loop, if none of its iterations mixes examples.
  private func examined(_ loop: Loop, _ node: Node) -> ExampleLoop? {
    guard !loop.isLimited else { return nil }
    var inputs = node.operands.map(axis)
    for position in loop.stackedInputRange {
      guard let axis = inputs[position] else { continue }
      if axis == 0 { return nil }
      inputs[position] = axis - 1
    }
    var outputs: [Int?]
    var body: ExampleWalk
    repeat {
      body = ExampleWalk(loop.body, rules, isBody: true)
      for (position, axis) in inputs.enumerated() {
        body.axes[loop.body.inputs[position + 1].index] = axis
      }
      for position in loop.carryRange { body.isCarry[loop.body.inputs[position + 1].index] = true }
      body.walk()
      outputs = loop.body.outputs.map(body.axis)
      // A carry that starts alike for all examples (zeros) has an axis if it gets one on the way.
      let grown = loop.carryRange.filter { inputs[$0] == nil && outputs[$0] != nil }
      for position in grown { inputs[position] = outputs[position] }
      if grown.isEmpty { break }
    } while true
    guard body.isSound else { return nil }
    for position in loop.carryRange {
      if let axis = inputs[position], !body.canHave(loop.body.outputs[position], axis) {
        return nil
      }
      outputs[position] = inputs[position]
    }
    let results = outputs.enumerated().map { position, axis in
      position < loop.carryCount ? axis : axis.map { $0 + 1 }
    }
    // At the top, what a loop gives that is alike for all examples would be of no level.
    if !isBody, zip(node.results, results).contains(where: { $1 == nil && isRead($0) }) {
      return nil
    }
    return ExampleLoop(
      carries: Array(inputs.prefix(loop.carryCount)), results: results, body: body)
  }

  private func isRead(_ value: ValueID) -> Bool {
    !readers[value.index].isEmpty || graph.outputs.contains(value)
  }
}
