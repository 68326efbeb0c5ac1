// SPDX-License-Identifier: Apache-2.0
//
// The inner steps of a problem, appended to its value program one after another: in a loop, or one
// by one before and after it. Apart, a step costs code of its own, and lets the passes see what its
// place in the trajectory makes superfluous.

import TensorIR

/// Inner steps under construction.
struct InnerSteps {
  /// theta and the optimiser's state after the steps so far.
  private(set) var carries: [ValueID]
  /// What the outer loss reads of the steps so far, as the body has it after the carries: for each
  /// output the parts of its stack, `[n, ...]`.
  private var stacks: [[ValueID]]

  private let body: Graph
  /// How many steps there are in all.
  private let count: Int
  private let policy: SavePolicy
  private let builder: GraphBuilder
  private let streams: [ValueID]
  private let invariants: [ValueID]

  /// - Parameters:
  ///   - body: one step, from `(step, theta..., state..., streamed data..., meta..., fixed data...)`
  ///     to `(theta..., state...)` and what the outer loss reads of the step.
  ///   - policy: what the steps keep.
  init(
    _ problem: MetaProblem, body: Graph, _ policy: SavePolicy, _ carries: [ValueID],
    _ meta: [ValueID], _ data: [ValueID], _ builder: GraphBuilder
  ) {
    let isStreamed = problem.innerData.map(\.isStreamed)
    (self.body, self.carries, self.builder) = (body, carries, builder)
    (count, self.policy) = (problem.steps, policy)
    streams = zip(data, isStreamed).filter(\.1).map(\.0)
    invariants = meta + zip(data, isStreamed).filter { !$0.1 }.map(\.0)
    stacks = body.outputs.dropFirst(carries.count).map { _ in [] }
  }

  /// The stacks over all steps so far: `[steps, ...]` for each output of the body after the carries.
  var trajectory: [ValueID] {
    stacks.map { $0.count == 1 ? $0[0] : builder.concatenate($0, axis: 0) }
  }

  /// Appends steps as a loop.
  mutating func appendLoop(_ steps: Range<Int>) {
    if steps.isEmpty { return }
    var body = body
    if steps.lowerBound > 0 { body = body.withIndex(from: steps.lowerBound) }
    if steps.count == 1 { body = body.namingCarries(carries.count, after: steps.upperBound) }
    for output in body.outputs.prefix(carries.count) {
      body.raise(output, to: purpose(after: steps.upperBound))
    }
    let loop = Loop(
      role: .innerSteps, tripCount: steps.count, carryCount: carries.count,
      stackedInputCount: streams.count, savePolicy: policy, body: body)
    let windows = streams.map { window(of: $0, steps) }
    let results = builder.append(.loop(loop), carries + windows + invariants)
    for (index, stack) in results.dropFirst(carries.count).enumerated() {
      stacks[index].append(stack)
    }
    carries = Array(results.prefix(carries.count))
  }

  /// Appends steps one by one.
  mutating func appendApart(_ steps: Range<Int>) {
    let body = body.keepingGradients
    for step in steps {
      let index = builder.constant(Double(step), .scalar(.i32))
      let slices = streams.map { stream in
        builder.reshape(
          window(of: stream, step..<(step + 1)), to: Array(builder.shape(of: stream).dropFirst()))
      }
      let mark = builder.mark
      let results = builder.inline(body, [index] + carries + slices + invariants)
      for (name, carry) in zip(body.outputNames, results.prefix(carries.count)) {
        builder.rename(carry, name.afterStep(step + 1), madeSince: mark)
        builder.raise(carry, to: purpose(after: step + 1))
      }
      for (index, slice) in results.dropFirst(carries.count).enumerated() {
        stacks[index].append(builder.reshape(slice, to: [1] + builder.shape(of: slice)))
      }
      carries = Array(results.prefix(carries.count))
    }
  }

  /// What theta and the optimiser's state are for after a number of steps: if another one follows, its
  /// derivative is taken where they are. Where steps are replayed, those of one or two steps are there,
  /// however many steps there are.
  private func purpose(after steps: Int) -> Purpose {
    steps < count && policy != .gradients ? .trajectory : .state
  }

  /// The part of streamed data that some steps read.
  private func window(of stream: ValueID, _ steps: Range<Int>) -> ValueID {
    let shape = builder.shape(of: stream)
    if steps == 0..<shape[0] { return stream }
    return builder.slice(
      stream, starts: [steps.lowerBound] + shape.dropFirst().map { _ in 0 },
      shape: [steps.count] + shape.dropFirst())
  }
}

extension String {
  /// What a leaf is called after a number of steps: `theta2.w1`.
  fileprivate func afterStep(_ step: Int) -> String {
    let tree = prefix { $0 != "." }
    return tree + (tree.last?.isNumber == true ? "_" : "") + "\(step)" + dropFirst(tree.count)
  }
}

extension Graph {
  /// The graph of a step that stands apart: its gradient is there for its derivative to read.
  fileprivate var keepingGradients: Graph {
    var graph = self
    for index in nodes.indices {
      guard case .gradient = nodes[index].op else { continue }
      graph.nodes[index].provenance.purpose = .trajectory
    }
    return graph
  }

  /// The graph of a value and its gradient, where what the nodes from `mark` on, which compute the
  /// gradient, turn out not to read is no trajectory.
  func withoutTrajectory(notReadFrom mark: Int) -> Graph {
    var isNeeded = [Bool](repeating: false, count: types.count)
    for output in outputs { isNeeded[output.index] = true }
    var isKept = [Bool](repeating: false, count: types.count)
    for (index, node) in nodes.enumerated().reversed()
    where node.results.contains(where: { isNeeded[$0.index] }) {
      for operand in node.operands {
        isNeeded[operand.index] = true
        if index >= mark { isKept[operand.index] = true }
      }
    }
    var graph = self
    for (index, node) in nodes[..<mark].enumerated() where node.provenance.purpose == .trajectory {
      if node.results.contains(where: { isKept[$0.index] }) { continue }
      graph.nodes[index].provenance.purpose = .state
    }
    return graph
  }

  /// The body of a loop of a single step, its carries called as they are after that step.
  fileprivate func namingCarries(_ count: Int, after step: Int) -> Graph {
    let builder = GraphBuilder(continuing: self)
    for (name, output) in zip(outputNames, outputs).prefix(count) {
      builder.rename(output, name.afterStep(step))
    }
    return builder.graph
  }

  /// The graph for a loop whose index begins at 0 where that of this graph begins at `first`.
  fileprivate func withIndex(from first: Int) -> Graph {
    let builder = GraphBuilder(name: name)
    let arguments = zip(inputNames, inputTypes).map { builder.input($0, $1) }
    let offset = builder.constant(Double(first), .scalar(.i32))
    let index = builder.add(arguments[0], offset)
    for (name, output) in zip(outputNames, builder.inline(self, [index] + arguments.dropFirst())) {
      builder.output(name, output)
    }
    return builder.graph
  }
}
