// SPDX-License-Identifier: Apache-2.0
//
// The VJP of a loop: the forward loop, with some values stacked for later, and a backward loop that
// runs in the opposite direction.
//
//   (c, ys, saved)      = loop (c0, xs, w)
//   (c0_adj, w_adj, xs_adj) = loop reversed (c_adj, 0; saved, xs, ys_adj; w)
//
// There is one mechanism for every save policy. The backward body starts as a copy of the forward
// body followed by its reverse sweep. Then it is cut at the *save set* of the policy: values in the
// set, and the carries, come from the forward loop; whatever else the sweep reads is recomputed;
// what it does not read is gone (`Subgraph`). The forward loop stacks exactly the values cut at.

import TensorIR

/// The two loops that a loop's VJP consists of, before the adjoints are known.
struct LoopVJP {
  private let loop: Loop
  private let flow: NodeFlow
  /// The forward loop: the results of `loop`, then the saved values.
  private(set) var forward: Loop
  private var backward: Loop
  /// Body outputs of `loop` that have an adjoint input in the backward body: carries, then others.
  private var adjointCarries: [Int] = []
  private var adjointOutputs: [Int] = []
  /// Operands of `loop` whose adjoints the backward loop computes.
  private var accumulated: [Int] = []
  private var stacked: [Int] = []
  /// Operands of the backward loop after the carries.
  private var sources: [Source] = []

  /// Where the backward loop gets an operand from.
  private enum Source {
    /// A result of the forward loop beyond those of `loop`, by position among them.
    case saved(Int)
    /// An operand of the loop.
    case operand(Int)
    /// The adjoint of a result of the loop.
    case adjoint(Int)
  }

  /// Makes the two loops; `flow` is as the structured rule got it.
  init(_ loop: Loop, flow: NodeFlow, differentiator: Differentiator) throws {
    self.loop = loop
    self.flow = flow
    forward = loop
    backward = loop
    let activity = Activity(rule: differentiator.rule)
    let variedInputs = activity.variedBodyInputs(of: loop, operands: flow.neededOperands)
    let varied = activity.variedValues(of: loop.body, inputs: variedInputs)
    let useful = activity.usefulBodyOutputs(of: loop, results: flow.usefulResults)
    let hasAdjoint = useful.indices.map { useful[$0] && varied[loop.body.outputs[$0].index] }
    // A carry that varies only through its start still passes its adjoint on to that start.
    adjointCarries = loop.carryRange.filter { useful[$0] && variedInputs[$0 + 1] }
    adjointOutputs = (loop.carryCount..<loop.body.outputs.count).filter { hasAdjoint[$0] }

    var draft = BackwardDraft(loop: loop)
    let adjoints = try draft.sweep(
      differentiator: differentiator, variedInputs: variedInputs,
      adjointOutputs: adjointCarries + adjointOutputs)
    accumulated = loop.invariantRange.filter { adjoints[$0 + 1] != nil }
    stacked = loop.stackedInputRange.filter { adjoints[$0 + 1] != nil }
    draft.addOutputs(
      adjoints, carries: adjointCarries, accumulated: accumulated, stacked: stacked)
    cut(draft)
  }

  /// Emits the backward loop.
  ///
  /// - Parameters:
  ///   - operands: those of the original loop.
  ///   - forwardResults: the results of `forward`.
  ///   - adjoints: of the results of the original loop.
  ///   - builder: where the forward loop is.
  /// - Returns: the adjoints of the operands.
  func emitBackward(
    operands: [ValueID], forwardResults: [ValueID], adjoints: [ValueID?],
    builder: GraphBuilder
  ) -> [ValueID?] {
    func adjoint(_ position: Int) -> ValueID {
      adjoints[position] ?? builder.constant(0, like: forwardResults[position])
    }
    var arguments = adjointCarries.map(adjoint)
    arguments += accumulated.map { builder.constant(0, like: operands[$0]) }
    arguments += sources.map { source in
      switch source {
      case .saved(let index): forwardResults[loop.body.outputs.count + index]
      case .operand(let position): operands[position]
      case .adjoint(let position): adjoint(position)
      }
    }
    let results = builder.append(.loop(backward), arguments)
    var operandAdjoints = [ValueID?](repeating: nil, count: operands.count)
    for (position, result) in zip(adjointCarries + accumulated + stacked, results)
    where flow.neededOperands[position] {
      operandAdjoints[position] = result
    }
    return operandAdjoints
  }

  /// Cuts the draft at the save set and makes the two loops of the two parts.
  private mutating func cut(_ draft: BackwardDraft) {
    let graph = draft.builder.graph
    let candidates = draft.saveSet(in: graph)
    // What the backward body may read, in the order of its inputs: index, carries; stacked arrays;
    // invariants. The first group always stays, of the others what is needed.
    var known =
      [draft.inputs[0]] + draft.adjointInputs[..<adjointCarries.count] + draft.accumulators
    let fixedCount = known.count
    var origins: [(source: Source, savedValue: ValueID?, isStacked: Bool)] = []
    for position in loop.carryRange {
      known.append(draft.inputs[position + 1])
      origins.append((.saved(0), draft.inputs[position + 1], true))
    }
    for value in candidates {
      known.append(value)
      origins.append((.saved(0), value, true))
    }
    for position in loop.stackedInputRange {
      known.append(draft.inputs[position + 1])
      origins.append((.operand(position), nil, true))
    }
    for (position, input) in zip(
      adjointOutputs, draft.adjointInputs.dropFirst(adjointCarries.count))
    {
      known.append(input)
      origins.append((.adjoint(position), nil, true))
    }
    for position in loop.invariantRange {
      known.append(draft.inputs[position + 1])
      origins.append((.operand(position), nil, false))
    }
    let names = draft.names
    let body = Subgraph(
      of: graph, name: "\(loop.body.name), backward",
      known: known.map { (names[$0] ?? "saved_\($0.index)", $0) },
      outputs: zip(draft.outputNames, draft.outputs).map { ($0, $1) },
      keepsUnused: { $0 < fixedCount })

    var saved: [ValueID] = []
    backward.stackedInputCount = 0
    for position in body.keptInputs.dropFirst(fixedCount) {
      var (source, savedValue, isStacked) = origins[position - fixedCount]
      if let savedValue {
        source = .saved(saved.count)
        saved.append(savedValue)
      }
      if isStacked { backward.stackedInputCount += 1 }
      sources.append(source)
    }
    backward.label = "\(loop.label), backward"
    backward.carryCount = adjointCarries.count + accumulated.count
    backward.isReversed = !loop.isReversed
    backward.body = body.graph.withDistinctNames()
    forward.body =
      Subgraph(
        of: graph, name: loop.body.name,
        known: zip(loop.body.inputNames, draft.inputs).map { ($0, $1) },
        outputs: zip(loop.body.outputNames, draft.primalOutputs).map { ($0, $1) }
          + saved.map { (names[$0].map { "\($0)_saved" } ?? "saved_\($0.index)", $0) }
      ).graph.withDistinctNames()
  }
}
