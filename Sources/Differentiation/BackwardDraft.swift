// SPDX-License-Identifier: Apache-2.0
//
// The uncut backward body of a loop: a copy of the forward body, its reverse sweep, and the sums
// that the backward loop carries. `LoopVJP` cuts it at the save set, which is decided here from the
// loop's `savePolicy`.

import TensorIR

/// A backward body under construction.
struct BackwardDraft {
  let loop: Loop
  let builder: GraphBuilder
  /// What stands for the inputs of the loop's body.
  private(set) var inputs: [ValueID] = []
  /// What stands for its outputs.
  private(set) var primalOutputs: [ValueID] = []
  /// The adjoints of some of its outputs, as inputs.
  private(set) var adjointInputs: [ValueID] = []
  /// The sums so far of the adjoints of invariants, as inputs.
  private(set) var accumulators: [ValueID] = []
  private(set) var outputs: [ValueID] = []
  private(set) var outputNames: [String] = []
  /// The nodes before this one are the copy of the forward body.
  private var primalNodeCount = 0

  init(loop: Loop) {
    self.loop = loop
    // What a derivative recomputes and the forward body has is then one value, which can be kept.
    builder = GraphBuilder(
      name: loop.body.name, sharesEqualNodes: loop.savePolicy == .activations)
  }

  /// Copies the forward body and appends its reverse sweep. The body outputs `adjointOutputs` get
  /// an adjoint input, in that order.
  ///
  /// - Returns: the adjoints of the body's inputs.
  /// - Throws: `UndefinedDerivative`.
  mutating func sweep(
    differentiator: Differentiator, variedInputs: [Bool], adjointOutputs: [Int]
  ) throws -> [ValueID?] {
    let body = loop.body
    for (name, type) in zip(body.inputNames, body.inputTypes) { inputs.append(input(name, type)) }
    var adjoints = [ValueID?](repeating: nil, count: body.outputs.count)
    for position in adjointOutputs {
      let value = input(body.outputNames[position] + "_adj", body.outputTypes[position])
      adjointInputs.append(value)
      adjoints[position] = value
    }
    var sweep = ReverseSweep(
      body, differentiator: differentiator, builder: builder, neededInputs: variedInputs,
      usefulOutputs: adjoints.map { $0 != nil })
    primalOutputs = try sweep.runForward(arguments: inputs)
    primalNodeCount = builder.graph.nodes.count
    return try sweep.runBackward(outputAdjoints: adjoints)
  }

  /// Adds the outputs of the backward body: the next adjoints of carries, the sums of the adjoints
  /// of invariants, one slice of the adjoint of each stacked input. `adjoints` are of the body's
  /// inputs; the positions in the other lists are of operands of the loop.
  mutating func addOutputs(
    _ adjoints: [ValueID?], carries: [Int], accumulated: [Int], stacked: [Int]
  ) {
    func adjoint(_ position: Int) -> ValueID {
      adjoints[position + 1] ?? builder.constant(0, like: inputs[position + 1])
    }
    outputs = carries.map(adjoint)
    for position in accumulated {
      let name = loop.body.inputNames[position + 1] + "_adj"
      let sum = input(name, loop.body.inputTypes[position + 1])
      accumulators.append(sum)
      outputs.append(builder.add(sum, adjoint(position)))
    }
    outputs += stacked.map(adjoint)
    outputNames = (carries + accumulated + stacked).map {
      loop.body.inputNames[$0 + 1] + "_adj"
    }
  }

  /// The results of forward nodes that the policy keeps for the backward body, if it reads them.
  /// What the carries at the start of each iteration come from is up to `LoopVJP`.
  ///
  /// Values that are the same in every iteration are never kept, nor are the results of creation,
  /// movement and (but for `activations`) elementwise ops: to recompute those inside the kernel that
  /// reads them costs less than to write and read them.
  func saveSet(in graph: Graph) -> [ValueID] {
    var changes = [Bool](repeating: false, count: graph.types.count)
    for input in inputs[...loop.stackedInputRange.upperBound] { changes[input.index] = true }
    var saved: [ValueID] = []
    for node in graph.nodes[..<primalNodeCount] {
      guard node.operands.contains(where: { changes[$0.index] }) else { continue }
      for result in node.results {
        changes[result.index] = true
        if isSaved(node.op, graph.type(of: result).dtype) { saved.append(result) }
      }
    }
    return saved
  }

  private func isSaved(_ op: Op, _ dtype: DType) -> Bool {
    switch loop.savePolicy {
    case .carries: return false
    case .carriesAndGradients, .gradients:
      if case .gradient = op { return true }
      return false
    case .everything, .activations:
      switch op.family {
      case .elementwise: return loop.savePolicy == .activations && op.isTranscendental
      case .creation, .movement: return false
      case .structure: return true
      case .reduction, .contraction, .indexing, .structured: return dtype.isFloat
      }
    }
  }

  private func input(_ name: String, _ type: TensorType) -> ValueID {
    builder.input(name, type)
  }
}
