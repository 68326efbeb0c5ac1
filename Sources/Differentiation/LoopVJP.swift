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
// Under the policy `gradients` the carries are not stacked either: `LoopReplay` finds them.

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
  /// Where the operands of the backward loop after its carries come from, in order.
  private var origins: [Origin] = []
  /// The values, of the draft's graph, that the forward loop stacks.
  private var savedValues: [ValueID] = []

  /// What an input of the backward body is.
  private enum Origin {
    /// The index or a carry: an input even if nothing reads it.
    case always
    /// A slice of a value that the forward loop stacks.
    case saved(ValueID)
    /// A carry at the start of the iteration, found by replaying the loop.
    case replayed(Int)
    /// A carry at the start of an only iteration, which is an operand of the loop.
    case start(Int)
    /// What the replay reads besides: arrays as they are outside.
    case whole(LoopReplay.Source)
    /// An operand of the loop, by position.
    case stackedInput(Int)
    case invariant(Int)
    /// The adjoint of a stacked result of the loop, by position.
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
    let saved = forwardResults.dropFirst(loop.body.outputs.count)
    let stacks = Dictionary(uniqueKeysWithValues: zip(savedValues, saved))
    func stack(_ value: ValueID) -> ValueID {
      guard let stack = stacks[value] else {
        preconditionFailure("compiler bug: \(value) of \(loop.role) was not saved")
      }
      return stack
    }
    var arguments = adjointCarries.map(adjoint)
    arguments += accumulated.map { builder.constant(0, like: operands[$0]) }
    for origin in origins {
      switch origin {
      case .always, .replayed: break
      case .saved(let value), .whole(.saved(let value)): arguments.append(stack(value))
      case .whole(.operand(let position)): arguments.append(operands[position])
      case .start(let position), .stackedInput(let position), .invariant(let position):
        arguments.append(operands[position])
      case .adjoint(let position): arguments.append(adjoint(position))
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
    let known = knownValues(draft, graph)
    let names = graph.valueNames.enumerated().map { $1.isEmpty ? "saved_\($0)" : $1 }
    let body = Subgraph(
      of: graph, name: "\(loop.body.name), backward",
      known: known.map { (names[$0.value.index], $0.value) },
      outputs: zip(draft.outputNames, draft.outputs).map { ($0, $1) },
      keepsUnused: { if case .always = known[$0].origin { true } else { false } })
    let kept = body.keptInputs.map { known[$0] }
    origins = kept.map(\.origin)
    savedValues = kept.compactMap { if case .saved(let value) = $0.origin { value } else { nil } }
    backward.body = body.graph
    if origins.contains(where: { if case .replayed = $0 { true } else { false } }) {
      addReplay(draft, graph)
    }

    backward.role = loop.role.entering(.backward)
    backward.carryCount = adjointCarries.count + accumulated.count
    backward.stackedInputCount = origins.count { origin in
      switch origin {
      case .saved, .stackedInput, .adjoint: true
      case .always, .replayed, .start, .invariant, .whole: false
      }
    }
    backward.isReversed = !loop.isReversed
    backward.body = backward.body.withDistinctNames()

    forward.body =
      Subgraph(
        of: graph, name: loop.body.name,
        known: zip(loop.body.inputNames, draft.inputs).map { ($0, $1) },
        outputs: zip(loop.body.outputNames, draft.primalOutputs).map { ($0, $1) }
          + savedValues.map { ("\(names[$0.index])_saved", $0) }
      ).graph.withDistinctNames()
  }

  /// Puts a replay of the loop in front of the backward body, in the place of the carries it reads.
  private mutating func addReplay(_ draft: BackwardDraft, _ graph: Graph) {
    let carries = origins.map { origin -> Int? in
      if case .replayed(let carry) = origin { carry } else { nil }
    }
    let replay = LoopReplay(loop, draft: draft, graph: graph)
    backward.body = replay.prepended(to: backward.body, carries: carries)
    origins = origins.filter { if case .replayed = $0 { false } else { true } }
    origins += replay.sources.map { .whole($0) }
    for case .saved(let value) in replay.sources where !savedValues.contains(value) {
      savedValues.append(value)
    }
  }

  /// Whether carries are found by replay: the replay runs upwards, from the loop's start.
  private var replaysCarries: Bool {
    loop.savePolicy == .gradients && !loop.isReversed && loop.tripCount > 1
  }

  /// The values that the backward body may take as given, in the order of a loop body's inputs:
  /// index and carries, stacked arrays, invariants.
  private func knownValues(
    _ draft: BackwardDraft, _ graph: Graph
  ) -> [(value: ValueID, origin: Origin)] {
    func input(_ position: Int) -> ValueID { draft.inputs[position + 1] }
    let (carried, stacked) = (
      draft.adjointInputs.prefix(adjointCarries.count),
      draft.adjointInputs.dropFirst(adjointCarries.count)
    )
    let fixed = [draft.inputs[0]] + carried + draft.accumulators
    var known: [(value: ValueID, origin: Origin)] = fixed.map { ($0, .always) }
    if loop.tripCount > 1 {
      known += loop.carryRange.map { carry in
        (input(carry), replaysCarries ? .replayed(carry) : .saved(input(carry)))
      }
    }
    known += draft.saveSet(in: graph).map { ($0, .saved($0)) }
    known += loop.stackedInputRange.map { (input($0), .stackedInput($0)) }
    known += zip(adjointOutputs, stacked).map { ($1, .adjoint($0)) }
    known += loop.invariantRange.map { (input($0), .invariant($0)) }
    if loop.tripCount == 1 { known += loop.carryRange.map { (input($0), .start($0)) } }
    return known
  }
}
