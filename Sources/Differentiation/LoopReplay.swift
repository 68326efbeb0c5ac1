// SPDX-License-Identifier: Apache-2.0
//
// Finding the carries at the start of an iteration without having kept them: the loop is run again
// from its start up to that iteration, with the values that its policy did keep (the inner
// gradients) in the place of the work that made them. For an optimiser this is an elementwise pass
// per step, so a trajectory costs T gradients of memory instead of T optimiser states.
//
//   backward body of iteration i:   c_i = loop limited to i (c_0; saved; w)     <- the replay
//                                   ... what reads c_i ...

import TensorIR

/// The replay of a loop inside its backward body.
struct LoopReplay {
  /// An array that the replay reads, from outside of the backward loop.
  enum Source {
    /// The stack of a value that the forward loop keeps.
    case saved(ValueID)
    /// An operand of the loop, by position: the start of a carry, a whole stacked array, an
    /// invariant.
    case operand(Int)
  }

  private let loop: Loop
  /// From the iteration's index, the carries and the arrays of `sources` to the next carries.
  private let body: Subgraph
  /// What the replay reads: the starts of all carries, then stacked arrays, then invariants.
  private(set) var sources: [Source] = []
  private var stackedCount = 0

  /// - Parameters:
  ///   - draft: the backward body of the loop before it was cut.
  ///   - graph: the draft's graph.
  init(_ loop: Loop, draft: BackwardDraft, graph: Graph) {
    self.loop = loop
    let fixed = draft.inputs.prefix(loop.carryCount + 1)
    var candidates = draft.saveSet(in: graph).map { ($0, Source.saved($0)) }
    candidates += loop.stackedInputRange.map { (draft.inputs[$0 + 1], .operand($0)) }
    let stackedCandidates = candidates.count
    candidates += loop.invariantRange.map { (draft.inputs[$0 + 1], .operand($0)) }
    let known = fixed + candidates.map(\.0)
    let names = graph.valueNames
    body = Subgraph(
      of: graph, name: "\(loop.body.name), replayed",
      known: known.map { (names[$0.index].isEmpty ? "saved_\($0.index)" : names[$0.index], $0) },
      outputs: loop.carryRange.map { (loop.body.outputNames[$0], draft.primalOutputs[$0]) },
      keepsUnused: { $0 < fixed.count })
    let read = body.keptInputs.dropFirst(fixed.count).map { $0 - fixed.count }
    sources = loop.carryRange.map { .operand($0) } + read.map { candidates[$0].1 }
    stackedCount = read.count { $0 < stackedCandidates }
  }

  /// The backward body with the replay in front of it.
  ///
  /// - Parameter carries: for each input of the body, the carry that it is, or `nil`.
  /// - Returns: a body without those inputs, and with one for each of `sources` at the end.
  func prepended(to backward: Graph, carries: [Int?]) -> Graph {
    let builder = GraphBuilder(name: backward.name)
    var arguments: [ValueID?] = zip(backward.inputs, backward.inputNames).enumerated().map {
      position, input in
      carries[position] == nil ? builder.input(input.1, backward.type(of: input.0)) : nil
    }
    let replay = replayLoop()
    let types = replay.body.inputTypes.dropFirst().dropLast()
    let inputs = zip(replay.body.inputNames.dropFirst(), types).enumerated().map {
      position, input in
      let isStacked = replay.stackedInputRange.contains(position)
      let shape = (isStacked ? [loop.tripCount] : []) + input.1.shape
      return builder.input("\(input.0)_whole", TensorType(shape, input.1.dtype))
    }
    let index = builder.graph.inputs[0]
    let values = builder.append(.loop(replay), inputs + [index])
    for (position, carry) in carries.enumerated() {
      if let carry { arguments[position] = values[carry] }
    }
    for (name, output) in zip(
      backward.outputNames, builder.inline(backward, arguments.compactMap(\.self)))
    {
      builder.output(name, output)
    }
    return builder.graph
  }

  private func replayLoop() -> Loop {
    let limited = GraphBuilder(name: body.graph.name)
    let inputs = zip(body.graph.inputNames, body.graph.inputTypes).map { limited.input($0, $1) }
    _ = limited.input("limit", .scalar(.i32))
    for (name, output) in zip(body.graph.outputNames, limited.inline(body.graph, inputs)) {
      limited.output(name, output)
    }
    return Loop(
      role: loop.role.entering(.replayed), tripCount: loop.tripCount, carryCount: loop.carryCount,
      stackedInputCount: stackedCount, isLimited: true, body: limited.graph.withDistinctNames())
  }
}
