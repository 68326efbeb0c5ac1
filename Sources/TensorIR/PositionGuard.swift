// SPDX-License-Identifier: Apache-2.0
//
// Follows the i32 values of a graph to every place where they are positions: checks, gathers,
// scatters. What the ranges prove needs no check; what comes straight from an input is checked once,
// at entry, before anything runs; before the rest stands a `check_positions`, which programs carry
// out and clamp.
//
//     before:  %4 = gather %e, %tokens              after:  %4 = gather %e, %tokens   tokens: 0 ... 49
//              %6 = check_positions %iota                   %7 = gather %m, %iota     proved
//              %7 = gather %m, %6
//              %9 = gather %m, %computed                    %8 = check_positions{below 5} %computed
//                                                           %9 = gather %m, %8
//
// A loop's counter takes all its values; an i32 that a loop carries on and changes may be anything.
// An element that an input gives and no position reads (a slice of the input is one) is checked with
// the others.

/// What an entry point demands of an i32 input, and for which use of it.
package struct InputBound: Hashable, Sendable {
  package var range: ClosedRange<Int>
  /// What its elements are; see `PositionBound`.
  package var purpose: String
  /// The place in the spec that asks for it; empty if none does.
  package var location: String

  package init(range: ClosedRange<Int>, purpose: String, location: String = "") {
    self.range = range
    self.purpose = purpose
    self.location = location
  }
}

/// A graph in which every position is proved, checked at entry, or checked by an op.
package struct GuardedGraph: Sendable {
  package var graph: Graph
  /// By input of the graph: what is to be checked at entry.
  package var bounds: [InputBound?]
}

/// Leaves the checks of positions that have to be made while the program runs, and says what is to
/// be checked before.
///
/// - Parameter bounds: by input, what is demanded of it anyway.
/// - Cost: two passes over the nodes, bodies of loops included.
package func guardPositions(_ graph: Graph, bounds: [InputBound?] = []) -> GuardedGraph {
  let unknown = [InputBound?](repeating: nil, count: graph.inputs.count - bounds.count)
  let guarding = EntryGuarding(bounds + unknown)
  // What the first pass demands of inputs proves more in the second.
  _ = guarding.run(graph)
  let guarded = guarding.run(graph)
  return GuardedGraph(graph: guarded, bounds: guarding.bounds)
}

/// Decides about each position of one graph.
private final class EntryGuarding {
  var bounds: [InputBound?]

  init(_ bounds: [InputBound?]) { self.bounds = bounds }

  func run(_ graph: Graph) -> Graph {
    let walk = PositionWalk(
      inputRange: { [unowned self] in
        bounds[$0].map { .some($0.range.lowerBound, $0.range.upperBound) } ?? .anything
      },
      isNeeded: { [unowned self] in isCheckNeeded($0) })
    let inputs = graph.inputs.indices.map { PositionElements(inputs: [$0]) }
    return walk.run(graph, inputs).graph
  }

  private func isCheckNeeded(_ site: PositionSite) -> Bool {
    if site.range.isWithin(site.bound.limit) { return false }
    guard !site.elements.inputs.isEmpty,
      site.elements.others?.isWithin(site.bound.limit) ?? true
    else { return true }
    for input in site.elements.inputs { demand(site, of: input) }
    return false
  }

  private func demand(_ site: PositionSite, of input: Int) {
    let last = site.bound.limit - 1
    guard let known = bounds[input] else {
      bounds[input] = InputBound(
        range: 0...last, purpose: site.bound.purpose, location: site.provenance.location)
      return
    }
    if known.range.upperBound > last {
      bounds[input] = InputBound(
        range: max(0, min(known.range.lowerBound, last))...last, purpose: site.bound.purpose,
        location: site.provenance.location)
    } else if known.range.lowerBound < 0 {
      bounds[input]?.range = 0...max(0, known.range.upperBound)
    }
  }
}

/// A position that is out of range whatever the inputs are.
package struct CertainFault: Sendable {
  package var bound: PositionBound
  package var provenance: Provenance
  /// What an element is.
  package var value: Int
}

/// The positions of a graph that are certainly out of range.
///
/// - Parameter counters: by input, how many values it takes from 0 on, each in some call.
package func certainFaults(in graph: Graph, counters: [Int: Int] = [:]) -> [CertainFault] {
  var faults: [CertainFault] = []
  let walk = PositionWalk(inputRange: { _ in .anything }) { site in
    if let value = site.range.certainFault(site.bound.limit) {
      faults.append(CertainFault(bound: site.bound, provenance: site.provenance, value: value))
    }
    return true
  }
  let inputs = graph.inputs.indices.map { index in
    counters[index].map { PositionElements(others: walk.counter(extent: $0)) }
      ?? PositionElements(inputs: [index])
  }
  _ = walk.run(graph, inputs)
  return faults
}
