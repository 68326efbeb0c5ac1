// SPDX-License-Identifier: Apache-2.0
//
// The walk behind `PositionGuard.swift`: carries ranges along the nodes of a graph and into its
// regions, asks at each place that needs positions whether a check is needed, and writes the graph
// with those checks and no others.

/// The elements of an i32 value: those that are elements of inputs, unchanged, and the others.
struct PositionElements {
  var inputs: Set<Int> = []
  /// `nil` if there are no others.
  var others: PositionRange?
}

/// A place where an array of positions is needed.
struct PositionSite {
  let bound: PositionBound
  let elements: PositionElements
  /// Of all elements.
  let range: PositionRange
  let provenance: Provenance
}

final class PositionWalk {
  private let inputRange: (Int) -> PositionRange
  private let isNeeded: (PositionSite) -> Bool
  private var counterCount = 0

  /// - Parameters:
  ///   - inputRange: what is known of an input of the outermost graph.
  ///   - isNeeded: whether the check of a place has to be made.
  init(
    inputRange: @escaping (Int) -> PositionRange, isNeeded: @escaping (PositionSite) -> Bool
  ) {
    self.inputRange = inputRange
    self.isNeeded = isNeeded
  }

  /// A number that takes all the values in `0..<extent`.
  func counter(extent: Int) -> PositionRange {
    counterCount += 1
    return PositionRange.affine(
      constant: 0, [.iteration(counterCount): .init(coefficient: 1, extent: extent)]
    ).inI32
  }

  /// Walks through a graph.
  ///
  /// - Parameter inputs: the elements of its inputs; those of floats are of no account.
  /// - Returns: the graph with the checks that are needed, and the elements of its outputs.
  func run(
    _ graph: Graph, _ inputs: [PositionElements]
  ) -> (graph: Graph, outputs: [PositionElements]) {
    var region = Region(graph: graph)
    region.elements = graph.types.map { _ in PositionElements(others: .anything) }
    for (input, elements) in zip(graph.inputs, inputs) { region.elements[input.index] = elements }
    for node in graph.nodes { visit(node, in: &region) }
    var result = graph
    result.types = region.graph.types
    result.nodes = region.nodes
    result.outputs = graph.outputs.map(region.current)
    return (result, graph.outputs.map { region.elements[$0.index] })
  }

  /// A graph being walked through.
  private struct Region {
    var graph: Graph
    var nodes: [Node] = []
    var elements: [PositionElements] = []
    /// The results of the checks so far.
    var checks: [Check: ValueID] = [:]
    /// What stands for the results of checks that were left out.
    var replacement: [ValueID: ValueID] = [:]

    /// Checks of one value against one limit are one check, however the user names them.
    struct Check: Hashable {
      var value: ValueID
      var limit: Int
    }

    func current(_ value: ValueID) -> ValueID { replacement[value] ?? value }

    mutating func newValue(_ type: TensorType, _ elements: PositionElements) -> ValueID {
      graph.types.append(type)
      self.elements.append(elements)
      return ValueID(index: graph.types.count - 1)
    }
  }

  private func range(_ elements: PositionElements) -> PositionRange {
    let known = elements.inputs.map(inputRange) + (elements.others.map { [$0] } ?? [])
    return known.dropFirst().reduce(known.first ?? .anything) { $0.joined($1) }
  }

  private func visit(_ node: Node, in region: inout Region) {
    var node = node
    let operands = node.operands
    node.operands = operands.map(region.current)
    switch node.op {
    case .checkPositions(let bound):
      let value = node.operands[0]
      let key = Region.Check(value: value, limit: bound.limit)
      if let earlier = region.checks[key] {
        region.replacement[node.result] = earlier
        return
      }
      let (checked, isChecked) = check(
        value, bound, region.elements[value.index], node.provenance)
      region.elements[node.result.index] = checked
      if isChecked {
        region.checks[key] = node.result
        region.nodes.append(node)
      } else {
        region.replacement[node.result] = value
        region.elements[value.index] = checked
      }
      return
    case .gather:
      let rows = region.graph.type(of: node.operands[0]).shape[0]
      node.operands[1] = rowIndices(node.operands[1], rows: rows, node, in: &region)
    case .scatterAdd(let rows):
      node.operands[0] = rowIndices(node.operands[0], rows: rows, node, in: &region)
    case .loop(let loop):
      visit(loop, &node, in: &region)
      return
    case .gradient(var gradient):
      let known = node.operands.map { region.elements[$0.index] }
      gradient.function = run(gradient.function, known).graph
      node.op = .gradient(gradient)
    case .jvp(var jvp):
      let known = node.operands.prefix(jvp.function.inputs.count)
      jvp.function = run(jvp.function, known.map { region.elements[$0.index] }).graph
      node.op = .jvp(jvp)
    default: break  // Computes no position's elements but by `positionRange`.
    }
    if let result = node.results.first, region.graph.type(of: result).dtype == .i32 {
      region.elements[result.index] = elements(of: node, in: region)
    }
    region.nodes.append(node)
  }

  /// The elements of a value that must be positions, and whether a check makes sure of it.
  private func check(
    _ value: ValueID, _ bound: PositionBound, _ elements: PositionElements,
    _ provenance: Provenance
  ) -> (PositionElements, isChecked: Bool) {
    let site = PositionSite(
      bound: bound, elements: elements, range: range(elements), provenance: provenance)
    guard isNeeded(site) else {
      let others = elements.others.map { $0.clamped(bound.limit) }
      return (PositionElements(inputs: elements.inputs, others: others), false)
    }
    return (PositionElements(others: site.range.clamped(bound.limit)), true)
  }

  /// Row indices that nobody has checked are checked here.
  private func rowIndices(
    _ indices: ValueID, rows: Int, _ node: Node, in region: inout Region
  ) -> ValueID {
    let bound = PositionBound.rows(rows)
    let key = Region.Check(value: indices, limit: rows)
    if let earlier = region.checks[key] { return earlier }
    let (checked, isChecked) = check(
      indices, bound, region.elements[indices.index], node.provenance)
    guard isChecked else { return indices }
    let result = region.newValue(region.graph.type(of: indices), checked)
    region.nodes.append(
      Node(
        op: .checkPositions(bound), operands: [indices], results: [result],
        provenance: node.provenance))
    region.checks[key] = result
    return result
  }

  private func elements(of node: Node, in region: Region) -> PositionElements {
    let known = node.operands.map { region.elements[$0.index] }
    let types = node.operands.map { region.graph.type(of: $0) }
    guard node.op.family == .movement, known.contains(where: { !$0.inputs.isEmpty }) else {
      return PositionElements(others: node.op.positionRange(known.map(range), types))
    }
    var result = PositionElements(inputs: known.reduce(into: []) { $0.formUnion($1.inputs) })
    let others = known.compactMap(\.others).map(\.some)
    result.others = others.dropFirst().reduce(others.first) { $0?.joined($1) }
    if case .pad = node.op { result.others = (result.others ?? .constant(0)).joined(.constant(0)) }
    return result
  }

  // MARK: Loops

  private func visit(_ loop: Loop, _ node: inout Node, in region: inout Region) {
    var loop = loop
    let operands = node.operands.map { region.elements[$0.index] }
    let counter = counter(extent: loop.tripCount)
    let number = counterCount
    let unchanged = loop.carryRange.filter { loop.body.outputs[$0] == loop.body.inputs[$0 + 1] }
    var inputs = [PositionElements(others: loop.isLimited ? counter.some : counter)]
    for (position, elements) in operands.enumerated() {
      if loop.carryRange.contains(position), !unchanged.contains(position) {
        inputs.append(PositionElements(others: .anything))
      } else if loop.stackedInputRange.contains(position) {
        inputs.append(elements.slice(ofIteration: number))
      } else {
        inputs.append(elements)
      }
    }
    let (body, outputs) = run(loop.body, inputs)
    loop.body = body
    node.op = .loop(loop)
    region.nodes.append(node)
    for (position, result) in node.results.enumerated() {
      region.elements[result.index] =
        if unchanged.contains(position) {
          operands[position]
        } else if position < loop.carryCount {
          PositionElements(others: range(operands[position]).joined(range(outputs[position])).some)
        } else {
          outputs[position].stacked(overIteration: number)
        }
    }
  }
}

extension PositionElements {
  /// One slice of a stacked input: the first axis is the loop's iteration.
  fileprivate func slice(ofIteration number: Int) -> PositionElements {
    PositionElements(
      inputs: inputs,
      others: others?.moved { index in
        guard case .axis(let axis) = index else { return index }
        return axis == 0 ? .iteration(number) : .axis(axis - 1)
      })
  }

  /// The slices of all iterations together.
  fileprivate func stacked(overIteration number: Int) -> PositionElements {
    PositionElements(
      inputs: inputs,
      others: others?.moved { index in
        switch index {
        case .axis(let axis): .axis(axis + 1)
        case .iteration(number): .axis(0)
        case .iteration: index
        }
      })
  }
}
