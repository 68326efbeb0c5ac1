// SPDX-License-Identifier: Apache-2.0
//
// Writing a graph, or the body of a loop, for some examples at a time. A frame is the new graph under
// construction; asked for an old value as a whole or in parts, it makes it of what it has, or makes it
// an input, which whoever builds the frame supplies.

import TensorIR

/// The part of a graph that computes some examples.
final class ExampleFrame {
  /// An old value: as it is, or the part of some examples, which are on an axis.
  struct Request: Hashable {
    var value: ValueID
    var axis: Int?
  }

  private let walk: ExampleWalk
  private let examples: Int
  /// Whether the frame computes a node; the results of others come in as inputs.
  private let isInside: (Int) -> Bool
  private let builder: GraphBuilder
  private let names: [String]
  private var known: [Request: ValueID] = [:]
  /// The inputs so far, by what they stand for.
  private(set) var requests: [Request] = []

  /// A frame for the nodes that `isInside` names.
  ///
  /// - Parameter examples: how many there are at a time.
  init(_ walk: ExampleWalk, examples: Int, isInside: @escaping (Int) -> Bool) {
    (self.walk, self.examples, self.isInside) = (walk, examples, isInside)
    builder = GraphBuilder(name: walk.graph.name)
    names = walk.graph.valueNames
  }

  // MARK: Values

  /// The new value that stands for an old one, whole or in parts.
  func value(_ request: Request) -> ValueID {
    if let value = known[request] { return value }
    let value = made(request) ?? input(request)
    known[request] = value
    return value
  }

  /// Appends a node through which examples pass.
  func append(_ index: Int) {
    let node = walk.graph.nodes[index]
    guard let flow = walk.flow(index) else {
      preconditionFailure("compiler bug: \(node.op.text) mixes examples")
    }
    let results = builder.withProvenance(node.provenance) {
      if case .loop(let loop) = node.op, let found = walk.loops[index] {
        return append(loop, found, node)
      }
      let operands = zip(node.operands, flow.operands).map { value(Request(value: $0, axis: $1)) }
      let axis = flow.results.compactMap(\.self).first ?? 0
      return builder.append(walk.rules.part(node.op, axis, examples: examples), operands)
    }
    for ((old, axis), new) in zip(zip(node.results, flow.results), results) {
      known[Request(value: old, axis: axis)] = new
    }
  }

  /// The value computed here; `nil` if it comes from outside.
  private func made(_ request: Request) -> ValueID? {
    guard let index = walk.nodeIndex(of: request.value) else { return nil }
    let node = walk.graph.nodes[index]
    if isInside(index), walk.axis(of: request.value) == request.axis {
      if request.axis != nil || walk.loops[index] != nil {
        append(index)
        return known[request]
      }
      return whole(node, request.value)
    }
    guard walk.axis(of: request.value) == nil else { return nil }
    guard let axis = request.axis else {
      return node.operands.isEmpty ? whole(node, request.value) : nil
    }
    guard let parts = walk.parts(node, axis) else { return nil }
    return builder.withProvenance(node.provenance) {
      let operands = zip(node.operands, parts).map { value(Request(value: $0, axis: $1)) }
      return builder.append(walk.rules.part(node.op, axis, examples: examples), operands)[0]
    }
  }

  /// A copy of a node that has to do with no example.
  private func whole(_ node: Node, _ value: ValueID) -> ValueID? {
    let operands = node.operands.map { self.value(Request(value: $0, axis: nil)) }
    let results = builder.withProvenance(node.provenance) { builder.append(node.op, operands) }
    for (old, new) in zip(node.results, results) { known[Request(value: old, axis: nil)] = new }
    return known[Request(value: value, axis: nil)]
  }

  private func input(_ request: Request) -> ValueID {
    var type = walk.graph.type(of: request.value)
    if let axis = request.axis {
      type.shape = walk.rules.shape(type.shape, axis, examples: examples)
    }
    requests.append(request)
    return builder.input(names[request.value.index], type)
  }

  // MARK: Results

  func output(_ name: String, _ value: ValueID) { builder.output(name, value) }

  /// The sums or maxima of each example: what a reduction over examples and other axes is made of.
  ///
  /// - Returns: the value, whose example axis has one element an example, and that axis.
  func reduced(
    _ reduction: Reduction, _ value: ValueID, examplesOn axis: Int, axes: [Int]
  ) -> (value: ValueID, axis: Int) {
    var operand = self.value(Request(value: value, axis: axis))
    var shape = builder.shape(of: operand)
    var inner = axes.filter { $0 != axis }
    if shape[axis] > examples {
      shape.replaceSubrange(axis...axis, with: [examples, shape[axis] / examples])
      operand = builder.reshape(operand, to: shape)
      inner = inner.map { $0 > axis ? $0 + 1 : $0 } + [axis + 1]
    }
    return (
      builder.reduce(reduction, operand, axes: inner.sorted()), axis - inner.count { $0 < axis }
    )
  }

  func withProvenance<Result>(_ provenance: Provenance, _ body: () -> Result) -> Result {
    builder.withProvenance(provenance, body)
  }

  /// The graph as the body of a loop: an iteration's index, then inputs in an order. Those that
  /// nobody asked for are there, too.
  ///
  /// - Parameter index: what stands for the index in the old graph, if anything does.
  func body(index: ValueID?, inputs: [Request]) -> Graph {
    let iteration =
      index.flatMap { known[Request(value: $0, axis: nil)] }
      ?? builder.input(index.map { names[$0.index] } ?? "group", .scalar(.i32))
    let values = [iteration] + inputs.map(value)
    var graph = builder.graph
    let byValue = Dictionary(zip(graph.inputs, graph.inputNames)) { first, _ in first }
    graph.inputs = values
    graph.inputNames = values.map { byValue[$0] ?? "" }
    return graph.withDistinctNames().withoutUnreadNodes()
  }

  // MARK: Loops

  /// Appends a loop that runs over the iterations of an old one with some examples at a time.
  private func append(_ loop: Loop, _ found: ExampleLoop, _ node: Node) -> [ValueID] {
    let body = loop.body
    let inner = ExampleFrame(found.body, examples: examples) { _ in true }
    let carries = loop.carryRange.map {
      Request(value: body.inputs[$0 + 1], axis: found.carries[$0])
    }
    // In order, so that no chain of values is as deep as the body is long.
    for index in body.nodes.indices
    where body.nodes[index].operands.contains(where: { found.body.axis(of: $0) != nil }) {
      inner.append(index)
    }
    for (position, name) in body.outputNames.enumerated() {
      var axis = found.results[position]
      if position >= loop.carryCount { axis = axis.map { $0 - 1 } }
      inner.output(name, inner.value(Request(value: body.outputs[position], axis: axis)))
    }
    let positions = Dictionary(zip(body.inputs, (-1)...)) { first, _ in first }
    func requests(in range: Range<Int>) -> [Request] {
      inner.requests.filter { range.contains(positions[$0.value] ?? -1) }
        .sorted {
          (positions[$0.value] ?? 0, $0.axis ?? -1) < (positions[$1.value] ?? 0, $1.axis ?? -1)
        }
    }
    let stacked = requests(in: loop.stackedInputRange)
    let invariants = requests(in: loop.invariantRange)
    var result = loop
    result.stackedInputCount = stacked.count
    result.body = inner.body(index: body.inputs[0], inputs: carries + stacked + invariants)
    let operands = (carries + stacked + invariants).map { request in
      let position = positions[request.value] ?? 0
      let isStacked = loop.stackedInputRange.contains(position)
      let axis = request.axis.map { isStacked ? $0 + 1 : $0 }
      return value(Request(value: node.operands[position], axis: axis))
    }
    return builder.append(.loop(result), operands)
  }
}
