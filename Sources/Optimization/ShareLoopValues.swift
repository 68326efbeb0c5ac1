// SPDX-License-Identifier: Apache-2.0
//
// Takes from an earlier loop what a later one would compute again.
//
//     %1 = loop{"layers"} %0, %w        body: y = f(x, w)
//     %3, %4 = loop{"layers"} %0, %2, %w
//                                       body: y = f(x, w), y_tan = g(f(x, w), x_tan, w)
//   ->
//     %1, %5 = loop{"layers"} %0, %w    body: y = f(x, w), stacked: y
//     %4 = loop{"layers"} %2, %5, %w    body: y_tan = g(y, x_tan, w)
//
// For the last inner step, when it stands beside its second-order pass: the tangent pass over the
// program of its gradient, forward and backward loop alike, then reads the primal values instead of
// computing them, 6 units of work instead of 8. What it costs is the memory to keep them meanwhile,
// so the pass is for those who have it: see `--memory`.
//
// A value that is cheap to make from what is kept, or whose size is large for the work it saves, is
// computed again. Equal nodes outside of loops are merged on the way, as one loop's results are the
// next one's operands.

import TensorIR

extension Pass {
  /// - Parameter intensity: floating-point operations that a kept value saves for each of its bytes,
  ///   at least.
  package static func shareLoopValues(intensity: Int) -> Pass {
    Pass(
      name: "share loop values",
      summary: "takes from an earlier loop what a later one would compute again",
      run: { shared($0, intensity) })
  }
}

private func shared(_ graph: Graph, _ intensity: Int) -> Graph {
  var sharing = LoopSharing(graph, intensity)
  for index in graph.nodes.indices { sharing.visit(index) }
  return sharing.finished
}

/// The rewriting of one region.
private struct LoopSharing {
  private var graph: Graph
  private let intensity: Int
  /// What to read instead of a value.
  private var replacement: [ValueID: ValueID] = [:]
  private var known: [Expression: [ValueID]] = [:]
  /// The loops so far, and the pairs of them that share.
  private var loops: [Int] = []
  private var pairs: [(earlier: Int, later: Int)] = []

  init(_ graph: Graph, _ intensity: Int) {
    self.graph = graph
    self.intensity = intensity
  }

  var finished: Graph {
    var result = graph
    result.outputs = graph.outputs.map { replacement[$0] ?? $0 }
    return result.withoutUnreadNodes()
  }

  mutating func visit(_ index: Int) {
    let intensity = intensity
    graph.nodes[index].op = graph.nodes[index].op.mapRegions { shared($0, intensity) }
    graph.nodes[index].operands = graph.nodes[index].operands.map { replacement[$0] ?? $0 }
    let node = graph.nodes[index]
    let expression = Expression(node.op, node.operands)
    if let results = known[expression] {
      for (old, new) in zip(node.results, results) {
        if let purpose = node.purpose(of: old) { graph.raise(new, to: purpose) }
        replacement[old] = new
      }
      return
    }
    known[expression] = node.results
    guard case .loop(let loop) = node.op else { return }
    share(LoopCall(loop: loop, operands: node.operands), at: index)
    loops.append(index)
  }

  /// Lets a loop read what the earlier loop that has most in common with it computes.
  private mutating func share(_ later: LoopCall, at index: Int) {
    var best: (earlier: Int, plan: SharingPlan)?
    for candidate in loops where !encloses(candidate, index) {
      guard case .loop(let loop) = graph.nodes[candidate].op,
        let plan = SharingPlan(
          LoopCall(loop: loop, operands: graph.nodes[candidate].operands), later, intensity)
      else { continue }
      if plan.savedFlops > best?.plan.savedFlops ?? 0 { best = (candidate, plan) }
    }
    guard let (earlier, plan) = best else { return }
    pairs.append((earlier, index))
    stack(plan.added, ofLoopAt: earlier)
    let results = graph.nodes[earlier].results
    for (old, new) in plan.results {
      replacement[graph.nodes[index].results[old]] = results[new]
    }
    let reading = plan.laterReading(results)
    graph.nodes[index].op = .loop(reading.loop)
    graph.nodes[index].operands = reading.operands
  }

  /// Whether a pair that shares already lies between two loops. What they share would be kept all
  /// that time, beside what the pair shares: the memory of two steps where that of one was meant.
  private func encloses(_ earlier: Int, _ later: Int) -> Bool {
    pairs.contains { earlier < $0.earlier && $0.later < later }
  }

  /// Gives a loop more stacked outputs: values of its body.
  private mutating func stack(_ values: [ValueID], ofLoopAt index: Int) {
    guard case .loop(var loop) = graph.nodes[index].op else { return }
    for value in values {
      var type = loop.body.type(of: value)
      type.shape.insert(loop.tripCount, at: 0)
      loop.body.raise(value, to: .activation)
      loop.body.outputs.append(value)
      loop.body.outputNames.append("shared_\(value.index)")
      graph.nodes[index].results.append(ValueID(index: graph.types.count))
      graph.types.append(type)
    }
    graph.nodes[index].op = .loop(loop)
  }
}

/// Which values of a later loop's body are read from an earlier loop.
private struct SharingPlan {
  /// Values of the earlier body that it has to stack besides what it stacks anyway.
  private(set) var added: [ValueID] = []
  /// For results of the later loop, those of the earlier one that are the same.
  private(set) var results: [(later: Int, earlier: Int)] = []
  /// For values of the later body that are not computed there, the result of the earlier loop that
  /// stacks them.
  private var sources: [ValueID: Int] = [:]
  /// Operations of one iteration that the later loop does not do again.
  private(set) var savedFlops = 0

  private let earlier: LoopCall
  private let later: LoopCall
  private let twins: LoopTwins
  private let intensity: Int
  /// The node that defines each value of the later body.
  private let definition: [Int?]
  /// The result of the earlier loop that stacks a value of its body.
  private var stacked: [ValueID: Int]
  private var visited = Set<ValueID>()

  init?(_ earlier: LoopCall, _ later: LoopCall, _ intensity: Int) {
    guard let twins = LoopTwins(earlier, later) else { return nil }
    (self.earlier, self.later, self.twins, self.intensity) = (earlier, later, twins, intensity)
    let body = later.loop.body
    definition = body.definitions()
    let outputs = earlier.loop.body.outputs.enumerated().dropFirst(earlier.loop.carryCount)
    stacked = Dictionary(outputs.map { ($0.element, $0.offset) }) { first, _ in first }
    replaceResults()
    for node in body.nodes where !twins.twins.keys.contains(node.results[0]) {
      for operand in node.operands { need(operand) }
    }
    countSavedFlops()
  }

  private func node(_ value: ValueID) -> Node? {
    definition[value.index].map { later.loop.body.nodes[$0] }
  }

  /// Finds the results of the later loop that need not be computed; the others are needed.
  private mutating func replaceResults() {
    for (position, output) in later.loop.body.outputs.enumerated() {
      if position < later.loop.carryCount {
        if let twin = twins.carries[position] {
          results.append((position, twin))
        } else {
          need(output)
        }
      } else if let twin = twins.twins[output], let source = stacked[twin] {
        results.append((position, source))
      } else {
        need(output)
      }
    }
  }

  /// Makes sure that a value is there in the later body.
  private mutating func need(_ value: ValueID) {
    guard visited.insert(value).inserted, let twin = twins.twins[value] else { return }
    if let source = stacked[twin] {
      sources[value] = source
    } else if isWorthKeeping(value) {
      keep(value, twin)
    } else {
      for operand in node(value)?.operands ?? [] { need(operand) }
    }
  }

  private mutating func keep(_ value: ValueID, _ twin: ValueID) {
    let position = earlier.loop.body.outputs.count + added.count
    added.append(twin)
    stacked[twin] = position
    sources[value] = position
  }

  /// Whether the earlier loop should stack a value for the later one.
  private func isWorthKeeping(_ value: ValueID) -> Bool {
    guard let node = node(value) else {
      return later.loop.carryRange.contains { later.input($0) == value }
    }
    let body = later.loop.body
    let bytes = body.type(of: value).byteCount
    if node.op.isCheap {
      // Instead of several larger values that it is made of.
      let frontier = frontier(of: value)
      let frontierBytes = frontier.reduce(0) { $0 + body.type(of: $1).byteCount }
      let flops = frontier.reduce(0) { $0 + body.flops(of: self.node($1)) }
      return frontierBytes >= 2 * bytes && flops / bytes >= intensity
    }
    if case .reduce = node.op, bytes * 16 <= body.type(of: node.operands[0]).byteCount {
      return true
    }
    let all = node.results.reduce(0) { $0 + body.type(of: $1).byteCount }
    return body.flops(of: node) / all >= intensity
  }

  /// The values that are not cheap, and not kept so far, from which a value can be made cheaply.
  private func frontier(of value: ValueID) -> Set<ValueID> {
    var result = Set<ValueID>()
    var seen = Set<ValueID>()
    var pending = [value]
    while let next = pending.popLast() {
      guard seen.insert(next).inserted, let node = node(next),
        let twin = twins.twins[next], stacked[twin] == nil
      else { continue }
      if node.op.isCheap { pending += node.operands } else { result.insert(next) }
    }
    return result
  }

  private mutating func countSavedFlops() {
    let body = later.loop.body
    var isComputed = Set<ValueID>()
    var pending = body.outputs.indices.filter { position in
      !results.contains { $0.later == position }
    }.map { body.outputs[$0] }
    while let value = pending.popLast() {
      guard sources[value] == nil, isComputed.insert(value).inserted, let node = node(value)
      else { continue }
      pending += node.operands
    }
    for node in body.nodes where !node.results.contains(where: isComputed.contains) {
      savedFlops += body.flops(of: node)
    }
  }

  /// The later loop with the shared values as stacked inputs, from the results of the earlier one.
  func laterReading(_ results: [ValueID]) -> LoopCall {
    let shared = sources.sorted { $0.key < $1.key }
    let old = later.loop.body
    let body = GraphBuilder(name: old.name)
    var map = [ValueID?](repeating: nil, count: old.types.count)
    let firstInvariant = later.loop.invariantRange.lowerBound + 1
    for position in 0..<firstInvariant {
      map[old.inputs[position].index] = body.input(
        old.inputNames[position], old.type(of: old.inputs[position]))
    }
    for (value, _) in shared {
      map[value.index] = body.input("shared_\(value.index)", old.type(of: value))
    }
    for position in firstInvariant..<old.inputs.count {
      map[old.inputs[position].index] = body.input(
        old.inputNames[position], old.type(of: old.inputs[position]))
    }
    for node in old.nodes {
      let new = body.withProvenance(node.provenance) {
        body.append(node.op, node.operands.compactMap { map[$0.index] })
      }
      for (result, value) in zip(node.results, new) where sources[result] == nil {
        map[result.index] = value
      }
    }
    for (name, output) in zip(old.outputNames, old.outputs) {
      if let value = map[output.index] { body.output(name, value) }
    }
    var call = later
    call.loop.body = body.graph
    call.loop.stackedInputCount += shared.count
    call.operands.insert(
      contentsOf: shared.map { results[$0.value] }, at: later.loop.invariantRange.lowerBound)
    return call
  }
}

extension Op {
  /// Whether the op costs hardly more than reading its operands.
  fileprivate var isCheap: Bool { costPerElement != nil }
}

extension Graph {
  /// Floating-point operations of a node, so far as they count: those of products. All else is as
  /// much work as its operands are long.
  fileprivate func flops(of node: Node?) -> Int {
    node.map { cost(of: $0).products.saturatingProduct(2) } ?? 0
  }
}
