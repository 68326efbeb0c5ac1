// SPDX-License-Identifier: Apache-2.0
//
// Examples one at a time, or some at a time: what a loss computes for each example of a batch alone
// becomes a loop over groups of examples, so that only one group's values exist at once, in every
// derivative of the loss. What crosses examples stays outside.
//
//   before:  %3 = contract %x, %w : f32[8, 10]        %x: f32[8, 64], %w: f32[64, 10]
//            %5 = reduce_sum{axes [0, 1]} %4 : f32[]
//   after:   %3 = reshape %x : f32[4, 2, 64]
//            %4 = loop{"example groups" trips 4 stacked 1 save carries} %3, %w : f32[4, 2]
//              body: ... reduce_sum{axes [1]} ... : f32[2]
//            %5 = reshape %4 : f32[8]
//            %6 = reduce_sum{axes [0]} %5 : f32[]
//
// The loop has no carries: each example gives its part of the loss. In the loop's VJP parameters are
// invariants, whose adjoints are summed group by group. It keeps nothing for its backward run, which
// computes each group again: that is the point.
//
// Which axis holds examples is found by trying (`ExampleWalk`): every axis of the inputs that may have
// examples, of which that is taken with most bytes inside of the loop. A region ends where examples
// mix; of several regions one after another (before and after a normalisation over the batch) the
// largest is taken, if what it hands over is little beside what is in it.
//
// Integer positions (labels, tokens) are prepared outside, so that their checks name the element of
// the user's array.

package import TensorIR

extension Graph {
  /// The graph with a loop over groups of examples, or the graph itself if nothing is gained.
  ///
  /// - Parameters:
  ///   - inputs: positions of the inputs that may have examples.
  ///   - size: the most examples in a group; the largest divisor of their number is taken.
  /// - Cost: one walk over the graph for each axis of these inputs.
  package func groupingExamples(ofInputs inputs: [Int], size: Int) -> Graph {
    var best: ExampleRegion?
    for input in inputs.map({ self.inputs[$0] }) {
      for (axis, extent) in type(of: input).shape.enumerated() where extent > max(size, 1) {
        let walk = ExampleWalk(self, rules: ExampleAxes(count: extent), seed: input, axis: axis)
        guard let region = ExampleRegion.largest(of: walk) else { continue }
        if region.savedBytes > best?.savedBytes ?? 0 { best = region }
      }
    }
    guard let best else { return self }
    let count = best.walk.rules.count
    let examples = (1...max(size, 1)).last { count.isMultiple(of: $0) } ?? 1
    return GroupedGraph(best, examples: examples).graph
  }
}

/// What is computed for each example alone between two places where examples mix.
private struct ExampleRegion {
  let walk: ExampleWalk
  let level: Int
  /// Bytes of the arrays that exist for one group at a time instead of all.
  private(set) var savedBytes = 0
  /// For each node, whether it is inside of the region.
  let isInside: [Bool]

  /// The region of a walk that saves most; `nil` if none is worth it.
  static func largest(of walk: ExampleWalk) -> ExampleRegion? {
    let prepared = walk.preparedNodes
    let levels = Set(walk.graph.nodes.indices.compactMap { walk.level(ofExamplesIn: $0) })
    return levels.sorted().compactMap { ExampleRegion(walk, level: $0, prepared: prepared) }
      .max { $0.savedBytes < $1.savedBytes }
  }

  private init?(_ walk: ExampleWalk, level: Int, prepared: Set<Int>) {
    (self.walk, self.level) = (walk, level)
    let graph = walk.graph
    let isInside = graph.nodes.indices.map {
      walk.level(ofExamplesIn: $0) == level && !prepared.contains($0)
    }
    self.isInside = isInside
    var (inner, crossing) = (0, 0)
    var isWorthwhile = false
    for (index, node) in graph.nodes.enumerated() where isInside[index] {
      inner += graph.byteCountOfResults(of: node)
      switch node.op.family {
      case .contraction, .structured, .structure: isWorthwhile = true
      case .elementwise, .creation, .movement, .reduction, .indexing: break
      }
      for operand in node.operands {
        guard let made = walk.nodeIndex(of: operand), !isInside[made],
          walk.axis(of: operand) != nil
        else { continue }
        crossing += graph.type(of: operand).byteCount
      }
    }
    let yields = ExampleYields(self)
    crossing += yields.byteCount
    savedBytes = inner - crossing
    guard isWorthwhile, inner > 4 * crossing else { return nil }
  }
}

extension ExampleWalk {
  /// The level of a node through which examples pass; `nil` for others.
  fileprivate func level(ofExamplesIn index: Int) -> Int? {
    let results = graph.nodes[index].results
    return results.contains { axis(of: $0) != nil } ? level(of: results[0]) : nil
  }

  /// Nodes that prepare positions: whole numbers that are computed of inputs alone.
  fileprivate var preparedNodes: Set<Int> {
    var nodes: Set<Int> = []
    for (index, node) in graph.nodes.enumerated() where node.results.count == 1 {
      guard graph.type(of: node.result).dtype == .i32 else { continue }
      switch node.op.family {
      case .elementwise, .movement, .indexing: break
      case .creation, .reduction, .contraction, .structured, .structure: continue
      }
      let isPrepared = node.operands.allSatisfy { operand in
        guard graph.type(of: operand).dtype == .i32 else { return false }
        guard let made = nodeIndex(of: operand) else { return true }
        return nodes.contains(made) || axis(of: operand) == nil
      }
      if isPrepared { nodes.insert(index) }
    }
    return nodes
  }
}

extension Graph {
  /// Bytes of what a node makes, in the body of a loop in all iterations.
  fileprivate func byteCountOfResults(of node: Node) -> Int {
    guard case .loop(let loop) = node.op else {
      return node.results.reduce(0) { $0 + type(of: $1).byteCount }
    }
    return loop.body.nodes.reduce(0) { $0 + loop.body.byteCountOfResults(of: $1) }
      * loop.tripCount
  }
}

/// What a region hands over, in the order in which it is read.
private struct ExampleYields {
  /// A value as it is, or what is left of it when each example is reduced.
  struct Yield: Hashable {
    var value: ValueID
    var reduction: Reduction?
    /// The axes reduced, that of the examples included.
    var axes: [Int] = []
  }

  private(set) var yields: [Yield] = []
  private(set) var byteCount = 0
  /// For each node that reduces over examples and more, what it reads instead.
  private(set) var reductions: [Int: Yield] = [:]

  init(_ region: ExampleRegion) {
    let (walk, graph) = (region.walk, region.walk.graph)
    func isYielded(_ value: ValueID) -> Bool {
      walk.nodeIndex(of: value).map { region.isInside[$0] } ?? false
    }
    for (index, node) in graph.nodes.enumerated() where !region.isInside[index] {
      for operand in node.operands where isYielded(operand) {
        guard case .reduce(let reduction, let axes) = node.op, let axis = walk.axis(of: operand),
          axes.count > 1 || graph.type(of: operand).shape[axis] > walk.rules.count
        else {
          add(Yield(value: operand), graph.type(of: operand).byteCount)
          continue
        }
        let yield = Yield(value: operand, reduction: reduction, axes: axes)
        reductions[index] = yield
        add(yield, graph.type(of: node.result).byteCount * walk.rules.count)
      }
    }
    for output in graph.outputs where isYielded(output) {
      add(Yield(value: output), graph.type(of: output).byteCount)
    }
  }

  private mutating func add(_ yield: Yield, _ bytes: Int) {
    guard !yields.contains(yield) else { return }
    yields.append(yield)
    byteCount += bytes
  }
}

/// A graph with a region as a loop.
private struct GroupedGraph {
  private let region: ExampleRegion
  private let examples: Int
  private let builder: GraphBuilder
  /// By `ValueID.index` of the old graph.
  private var new: [ValueID?]
  private let yields: ExampleYields
  /// Each yield for all examples, and the axis they are on.
  private var whole: [ExampleYields.Yield: (value: ValueID, axis: Int)] = [:]

  private var walk: ExampleWalk { region.walk }
  private var old: Graph { region.walk.graph }
  var graph: Graph { builder.graph.withoutUnreadNodes() }

  init(_ region: ExampleRegion, examples: Int) {
    (self.region, self.examples) = (region, examples)
    builder = GraphBuilder(name: region.walk.graph.name)
    new = [ValueID?](repeating: nil, count: region.walk.graph.types.count)
    yields = ExampleYields(region)
    for (input, name) in zip(old.inputs, old.inputNames) {
      new[input.index] = builder.input(name, old.type(of: input))
    }
    let outside = old.nodes.indices.filter { !region.isInside[$0] }
    let isBefore = { (index: Int) in
      let node = region.walk.graph.nodes[index]
      return node.results.allSatisfy { region.walk.level(of: $0) <= region.level }
    }
    for index in outside where isBefore(index) { append(index) }
    appendLoop()
    for index in outside where !isBefore(index) { append(index) }
    for (name, output) in zip(old.outputNames, old.outputs) {
      builder.output(name, value(output))
    }
  }

  private func value(_ old: ValueID) -> ValueID {
    if let value = new[old.index] { return value }
    guard let whole = whole[ExampleYields.Yield(value: old)] else {
      preconditionFailure("compiler bug: \(old) does not leave the loop over examples")
    }
    return whole.value
  }

  /// Appends a node that is outside of the region.
  private mutating func append(_ index: Int) {
    let node = old.nodes[index]
    let results = builder.withProvenance(node.provenance) {
      if let yield = yields.reductions[index], let part = whole[yield],
        case .reduce(let reduction, _) = node.op
      {
        return [builder.reduce(reduction, part.value, axes: [part.axis])]
      }
      return builder.append(node.op, node.operands.map(value))
    }
    for (old, result) in zip(node.results, results) { new[old.index] = result }
  }

  /// Appends the loop and what makes whole arrays of its results.
  private mutating func appendLoop() {
    let frame = ExampleFrame(walk, examples: examples) { [region] in region.isInside[$0] }
    let names = old.valueNames
    for index in old.nodes.indices where region.isInside[index] { frame.append(index) }
    let axes = yields.yields.map { yield in
      let axis = walk.axis(of: yield.value) ?? 0
      guard let reduction = yield.reduction else {
        frame.output(
          names[yield.value.index],
          frame.value(ExampleFrame.Request(value: yield.value, axis: axis)))
        return axis
      }
      let node = walk.definition(of: yield.value)?.provenance ?? Provenance()
      let part = frame.withProvenance(node) {
        frame.reduced(reduction, yield.value, examplesOn: axis, axes: yield.axes)
      }
      frame.output(names[yield.value.index], part.value)
      return part.axis
    }
    let stacked = frame.requests.filter { $0.axis != nil }
    let invariants = frame.requests.filter { $0.axis == nil }
    let loop = Loop(
      role: .exampleGroups, tripCount: walk.rules.count / examples, carryCount: 0,
      stackedInputCount: stacked.count, savePolicy: .carries,
      body: frame.body(index: nil, inputs: stacked + invariants))
    let operands =
      stacked.map { inGroups(value($0.value), axis: $0.axis ?? 0) }
      + invariants.map { value($0.value) }
    let results = builder.append(.loop(loop), operands)
    for ((yield, axis), result) in zip(zip(yields.yields, axes), results) {
      whole[yield] = (ungrouped(result, axis: axis), axis)
    }
  }

  /// An array with an axis of groups in front.
  private func inGroups(_ value: ValueID, axis: Int) -> ValueID {
    var shape = builder.shape(of: value)
    let groups = walk.rules.count / examples
    shape.replaceSubrange(axis...axis, with: [groups, shape[axis] / groups])
    let split = builder.reshape(value, to: shape)
    return builder.transpose(split, [axis] + shape.indices.filter { $0 != axis })
  }

  /// The array of all examples of one with an axis of groups in front.
  private func ungrouped(_ value: ValueID, axis: Int) -> ValueID {
    var shape = builder.shape(of: value)
    var order = Array(shape.indices.dropFirst())
    order.insert(0, at: axis)
    let moved = builder.transpose(value, order)
    shape = order.map { shape[$0] }
    shape.replaceSubrange(axis...(axis + 1), with: [shape[axis] * shape[axis + 1]])
    return builder.reshape(moved, to: shape)
  }
}
