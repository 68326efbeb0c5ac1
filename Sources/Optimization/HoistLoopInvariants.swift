// SPDX-License-Identifier: Apache-2.0
//
// Computes once, before a loop, what every iteration would compute alike.
//
//     %2 = loop{"steps" ...} %0, %1 : f32[3]       %2 = exp %1 : f32[]
//       body "step" {                              %3 = loop{"steps" ...} %0, %1, %2 : f32[3]
//         %3 = exp %rate : f32[]              ->     body "step" { ... %exp is an input now ... }
//
// Creation and movement stay inside: they cost little and are often larger than their source. Cheap
// arithmetic whose result is larger than what it is computed from (a mask, an outer product) stays
// as well; costly arithmetic leaves if the body anyway holds an array as large (a table of cosines).
// What stays is copied outside where a hoisted node reads it. Inner loops come first, so an
// invariant can leave several loops at once. Operands that the body no longer reads are left for
// `EliminateDeadCode`.

import Kernels
import TensorIR

extension Pass {
  package static let hoistLoopInvariants = Pass(
    name: "hoist loop invariants",
    summary: "computes before a loop what every iteration computes alike",
    run: { withHoistedInvariants($0) })
}

private func withHoistedInvariants(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    let op = node.op.mapRegions(withHoistedInvariants)
    // A limited loop's last operand must stay its last: nothing is appended to its operands.
    guard case .loop(let loop) = op, !loop.isLimited else { return rewriter.append(op, operands) }
    let invariants = InvariantAnalysis(of: loop)
    if !invariants.isHoisted.contains(true) { return rewriter.append(op, operands) }
    return hoist(invariants, outOf: loop, operands, rewriter)
  }
}

/// Which nodes of a loop body depend on nothing that changes, and which of them are worth hoisting.
private struct InvariantAnalysis {
  /// For each node of the body.
  private(set) var isHoisted: [Bool] = []
  /// For each hoisted node: whether something that stays reads one of its results.
  private(set) var isNeededInside: [Bool] = []
  /// Bytes that an invariant value is computed from; `nil` if it varies.
  private var sourceBytes: [Int?]
  /// Bytes of the largest value that varies.
  private let largestVarying: Int

  init(of loop: Loop) {
    let body = loop.body
    let varies = InvariantAnalysis.varying(loop)
    largestVarying = zip(body.types, varies).filter(\.1).map(\.0.byteCount).max() ?? 0
    sourceBytes = zip(body.types, varies).map { $1 ? nil : $0.byteCount }
    for node in body.nodes { isHoisted.append(classify(node, body)) }
    isNeededInside = InvariantAnalysis.needed(isHoisted, body)
  }

  /// For each value of the body, whether it may differ between iterations.
  private static func varying(_ loop: Loop) -> [Bool] {
    let body = loop.body
    var varies = [Bool](repeating: true, count: body.types.count)
    for operand in loop.invariantRange { varies[body.inputs[operand + 1].index] = false }
    for node in body.nodes {
      let isVarying = node.operands.contains { varies[$0.index] }
      for result in node.results { varies[result.index] = isVarying }
    }
    return varies
  }

  /// Returns whether to hoist the node; if not, its results are as good as what they come from.
  private mutating func classify(_ node: Node, _ body: Graph) -> Bool {
    let sources = node.operands.compactMap { sourceBytes[$0.index] }
    guard sources.count == node.operands.count else { return false }
    let source = sources.reduce(0, +)
    let bytes = node.results.map { body.type(of: $0).byteCount }.reduce(0, +)
    let isAffordable =
      bytes <= max(source, Machine.usual.hoistedBytes)
      || node.op.isCostly && bytes <= largestVarying
    if isAffordable && !node.op.isRecomputedFreely { return true }
    for result in node.results { sourceBytes[result.index] = source }
    return false
  }

  private static func needed(_ isHoisted: [Bool], _ body: Graph) -> [Bool] {
    var isRead = [Bool](repeating: false, count: body.types.count)
    for output in body.outputs { isRead[output.index] = true }
    var needed = [Bool](repeating: false, count: body.nodes.count)
    for (index, node) in body.nodes.enumerated().reversed() {
      guard node.results.contains(where: { isRead[$0.index] }) else { continue }
      if isHoisted[index] {
        needed[index] = true
      } else {
        for operand in node.operands { isRead[operand.index] = true }
      }
    }
    return needed
  }
}

/// Appends the hoisted nodes and the loop without them; returns the loop's results.
private func hoist(
  _ invariants: InvariantAnalysis, outOf loop: Loop, _ operands: [ValueID], _ outer: Rewriter
) -> [ValueID] {
  let hoister = Hoister(loop, operands, outer)
  let body = Rewriter(replacing: loop.body)
  for (input, name) in zip(loop.body.inputs, loop.body.inputNames) {
    body.bind(input, to: body.input(name, loop.body.type(of: input)))
  }
  var newOperands = operands
  for (index, node) in loop.body.nodes.enumerated() where invariants.isHoisted[index] {
    for result in node.results {
      let value = hoister.outside(result)
      guard invariants.isNeededInside[index] else { continue }
      newOperands.append(value)
      let name = "invariant\(newOperands.count)"
      body.bind(result, to: body.input(name, loop.body.type(of: result)))
    }
  }
  for (index, node) in loop.body.nodes.enumerated() where !invariants.isHoisted[index] {
    guard let operands = body.newIfBound(node.operands) else { continue }
    let results = body.append(copyOf: node, operands)
    for (result, new) in zip(node.results, results) { body.bind(result, to: new) }
  }
  for (output, name) in zip(loop.body.outputs, loop.body.outputNames) {
    body.output(name, body.new(output))
  }
  var loop = loop
  loop.body = body.finished
  return outer.append(.loop(loop), newOperands)
}

/// Copies invariant values of a body to the graph around it, each once.
private final class Hoister {
  private let body: Graph
  private let definitions: [Int?]
  private let outer: Rewriter
  private var copies: [ValueID: ValueID] = [:]

  init(_ loop: Loop, _ operands: [ValueID], _ outer: Rewriter) {
    body = loop.body
    definitions = loop.body.definitions()
    self.outer = outer
    for operand in loop.invariantRange { copies[body.inputs[operand + 1]] = operands[operand] }
  }

  func outside(_ value: ValueID) -> ValueID {
    if let copy = copies[value] { return copy }
    guard let index = definitions[value.index] else {
      preconditionFailure("compiler bug: \(value) varies with the iteration")
    }
    let node = body.nodes[index]
    let results = outer.append(copyOf: node, node.operands.map(outside))
    for (result, copy) in zip(node.results, results) { copies[result] = copy }
    return results[node.results.firstIndex(of: value) ?? 0]
  }
}

extension Op {
  /// Creation and movement: reading them back would cost as much as making them again.
  fileprivate var isRecomputedFreely: Bool { family == .creation || family == .movement }

  /// Takes many cycles for each element of the result.
  fileprivate var isCostly: Bool {
    guard let cost = costPerElement else { return true }
    return cost.transcendentals + cost.divisions > 0
  }
}
