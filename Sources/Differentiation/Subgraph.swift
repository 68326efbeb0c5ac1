// SPDX-License-Identifier: Apache-2.0
//
// Cutting a part out of a graph: the nodes that given outputs need, where given values (inputs or
// node results) are taken as known. This is dead-code elimination and the cut between a loop's
// forward and backward body in one: whatever the cut does not need is not kept. Loops inside are
// cut too, down to the carries, stacked arrays and invariants that matter, so that a recomputed
// inner loop does not ask for values only its unused results need.

import TensorIR

/// The part of a graph between known values and outputs.
struct Subgraph {
  /// The part as a graph. Its inputs are those known values that are needed or were to be kept.
  var graph: Graph
  /// For each input of `graph`, its position among the known values.
  var keptInputs: [Int]

  /// Cuts `outputs` out of `source`, where the values `known` are taken as inputs. `keepsUnused`
  /// tells whether a known value, by position, stays an input even if nothing needs it.
  /// - Cost: linear in the nodes of `source`, those of nested loops included.
  init(
    of source: Graph, name: String, known: [(name: String, value: ValueID)],
    outputs: [(name: String, value: ValueID)], keepsUnused: (Int) -> Bool = { _ in true }
  ) {
    let liveness = Liveness(of: source, known: known.map(\.value), outputs: outputs.map(\.value))
    self.init(of: source, name: name, known, outputs, liveness, keepsUnused)
  }

  /// The same, where it is known what is live.
  fileprivate init(
    of source: Graph, name: String, _ known: [(name: String, value: ValueID)],
    _ outputs: [(name: String, value: ValueID)], _ liveness: Liveness,
    _ keepsUnused: (Int) -> Bool = { _ in true }
  ) {
    let builder = GraphBuilder(name: name)
    var map = ValueMap(for: source)
    keptInputs = known.indices.filter {
      keepsUnused($0) || liveness.isNeeded[known[$0].value.index]
    }
    for position in keptInputs {
      let value = known[position].value
      map[value] = builder.input(known[position].name, source.type(of: value))
    }
    for (index, node) in source.nodes.enumerated() where liveness.isLive[index] {
      let trimmed = liveness.trimmedLoops[index]
      let operands = trimmed.map { $0.keptOperands.map { node.operands[$0] } } ?? node.operands
      let kept = trimmed.map { $0.keptResults.map { node.results[$0] } } ?? node.results
      let results = builder.withProvenance(node.provenance) {
        builder.append(trimmed.map { .loop($0.loop) } ?? node.op, map[operands])
      }
      for (old, new) in zip(kept, results) where !map.contains(old) { map[old] = new }
    }
    for (name, value) in outputs { builder.output(name, map[value]) }
    graph = builder.graph
  }
}

extension Graph {
  /// The graph without nodes, and parts of loops, that the outputs do not need. Inputs all stay.
  func removingDeadCode() -> Graph {
    Subgraph(
      of: self, name: name, known: zip(inputNames, inputs).map { ($0, $1) },
      outputs: zip(outputNames, outputs).map { ($0, $1) }
    ).graph
  }
}

/// What of a graph its outputs need.
private struct Liveness {
  /// By node index.
  var isLive: [Bool]
  /// By node index: the loops that are live, cut to size.
  var trimmedLoops: [Int: TrimmedLoop] = [:]
  /// By value: read by a live node, or an output.
  var isNeeded: [Bool]

  /// - Parameter earlier: of the same graph with fewer outputs; loops of which the same results are
  ///   needed are not looked into again, or the work would double with each level of nesting.
  init(of graph: Graph, known: [ValueID], outputs: [ValueID], earlier: Liveness? = nil) {
    isLive = [Bool](repeating: false, count: graph.nodes.count)
    isNeeded = [Bool](repeating: false, count: graph.types.count)
    var isKnown = isNeeded
    for value in known { isKnown[value.index] = true }
    for value in outputs { isNeeded[value.index] = true }
    for (index, node) in graph.nodes.enumerated().reversed() {
      let needed = node.results.map { isNeeded[$0.index] && !isKnown[$0.index] }
      guard needed.contains(true) else { continue }
      isLive[index] = true
      var operands = node.operands
      if case .loop(let loop) = node.op {
        let known = earlier?.trimmedLoops[index]
        let trimmed =
          known?.neededResults == needed ? known : TrimmedLoop(loop, neededResults: needed)
        guard let trimmed else { continue }
        operands = trimmed.keptOperands.map { operands[$0] }
        trimmedLoops[index] = trimmed
      }
      for operand in operands { isNeeded[operand.index] = true }
    }
  }
}

/// A loop cut down to what some of its results need.
private struct TrimmedLoop {
  /// What the cut was for.
  let neededResults: [Bool]
  var loop: Loop
  var keptOperands: [Int]
  var keptResults: [Int]

  init(_ loop: Loop, neededResults: [Bool]) {
    let body = loop.body
    self.neededResults = neededResults
    var isKept = neededResults
    var needed: [Bool]
    var liveness: Liveness?
    repeat {  // A carry that a kept output reads is kept, which may need further carries.
      let outputs = body.outputs.indices.filter { isKept[$0] }.map { body.outputs[$0] }
      let found = Liveness(of: body, known: body.inputs, outputs: outputs, earlier: liveness)
      liveness = found
      needed = body.inputs.map { found.isNeeded[$0.index] }
      if loop.isLimited { needed[needed.count - 1] = true }
      let missing = loop.carryRange.filter { needed[$0 + 1] && !isKept[$0] }
      for carry in missing { isKept[carry] = true }
      if missing.isEmpty { break }
    } while true
    let kept = isKept
    keptResults = kept.indices.filter { kept[$0] }
    keptOperands = loop.carryRange.filter { kept[$0] }
    let carryCount = keptOperands.count
    let stacked = loop.stackedInputRange.filter { needed[$0 + 1] }
    keptOperands += stacked + loop.invariantRange.filter { needed[$0 + 1] }
    let inputs = [0] + keptOperands.map { $0 + 1 }
    self.loop = loop
    self.loop.carryCount = carryCount
    self.loop.stackedInputCount = stacked.count
    guard let liveness else { return }
    self.loop.body =
      Subgraph(
        of: body, name: body.name, inputs.map { (body.inputNames[$0], body.inputs[$0]) },
        keptResults.map { (body.outputNames[$0], body.outputs[$0]) }, liveness
      ).graph
  }
}
