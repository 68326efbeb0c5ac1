// SPDX-License-Identifier: Apache-2.0
//
// Bounds on whole programs. Each array of a spec may be large, and so may each number of iterations:
// what a program makes of both (a value kept for every step, loops within loops) can be beyond any
// machine, and beyond what 64 bits count. It is refused here, so that no later stage overflows.

/// Why a program is beyond the limits.
package struct GraphExcess: Hashable, Sendable {
  /// What it needs, for "... needs".
  package var text: String
  /// Where in the spec it comes from, if that is known.
  package var place: String
}

extension Graph {
  /// No array has more elements: 2^43 floats are 32 TiB.
  package static let largestElementCount = 1 << 43
  /// No call works on more elements: at ten thousand millions a second that takes a month.
  package static let largestWork = 1 << 55

  /// What is too large in the program, or nil.
  package var excess: GraphExcess? {
    if let excess = largestArrayExcess { return excess }
    let work = work
    guard work > Self.largestWork else { return nil }
    return GraphExcess(
      text: work == .max
        ? "more than 2^63 operations" : "some \(work) operations, more than \(Self.largestWork)",
      place: "")
  }

  private var largestArrayExcess: GraphExcess? {
    for node in nodes {
      for region in node.op.regions {
        if let excess = region.largestArrayExcess { return excess }
      }
      for result in node.results where type(of: result).elementCount > Self.largestElementCount {
        return GraphExcess(
          text: "an array \(type(of: result)), more than \(Self.largestElementCount) elements",
          place: node.provenance.location)
      }
    }
    let input = inputs.first { type(of: $0).elementCount > Self.largestElementCount }
    return input.map {
      GraphExcess(
        text: "an array \(type(of: $0)), more than \(Self.largestElementCount) elements", place: "")
    }
  }

  /// Elements that all nodes work on, loops multiplied out; `Int.max` if that is more than can be
  /// counted.
  fileprivate var work: Int {
    nodes.reduce(0) { $0.saturatingSum($1.work(in: self)) }
  }
}

extension Node {
  fileprivate func work(in graph: Graph) -> Int {
    let types = (operands + results).map { graph.type(of: $0) }
    switch op {
    case .loop(let loop):
      return loop.body.work.saturatingProduct(loop.tripCount)
    case .contract(let labels):
      return labels.productCount(types[0], types[1])
    case .structured:
      // Products of the operands' sizes: no bound is sharper for all of them, and none is needed.
      return types.reduce(0) { $0.saturatingSum($1.elementCount) }
        .saturatingProduct(types.flatMap(\.shape).max() ?? 1)
    default:
      let inside = op.regions.reduce(0) { $0.saturatingSum($1.work) }
      return types.reduce(inside) { $0.saturatingSum($1.elementCount) }
    }
  }
}

extension Int {
  /// The product of numbers that are not negative, or the largest number if that is beyond it.
  package func saturatingProduct(_ other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }

  /// The sum of numbers that are not negative, or the largest number if that is beyond it.
  package func saturatingSum(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
