// SPDX-License-Identifier: Apache-2.0
//
// Ops that share a loop nest: what is computed for each element, what once a row, what into memory.

import TensorIR

/// A group of elementwise ops and reductions that share one loop nest over `domain`.
///
/// With row reductions, the axes not in `rowAxes` are looped outside ("rows"), and the row is
/// traversed once per phase: an element value that depends on a reduction of phase p has phase p + 1.
struct Cluster {
  let domain: [Int]
  /// The axes that row reductions combine; `nil` while the cluster has none.
  private(set) var rowAxes: [Int]?
  /// In an order in which each finds its operands made.
  private(set) var entries: [Entry] = []
  /// In an epilogue, the result of the contraction: an element at hand when the first traversal begins.
  private(set) var accumulator: ValueID?
  private var placements: [ValueID: ClusterPlacement] = [:]

  struct Entry {
    var node: Node
    /// How the operands are read.
    var operands: [Binding]
    var placement: ClusterPlacement

    var result: ValueID { node.result }
    /// The views that are read.
    var views: [View] {
      operands.compactMap { if case .view(let view) = $0 { view } else { nil } }
    }
  }

  init(domain: [Int]) { self.domain = domain }

  mutating func append(_ entry: Entry) {
    if case .rowReduction = entry.placement, case .reduce(_, let axes) = entry.node.op {
      rowAxes = axes
    }
    entries.append(entry)
    placements[entry.result] = entry.placement
  }

  mutating func removeEntries(where isUnwanted: (Entry) -> Bool) {
    entries.removeAll(where: isUnwanted)
    let kept = Set(entries.map(\.result))
    placements = placements.filter { kept.contains($0.key) }
  }

  /// Makes the cluster the epilogue of a contraction with the given result.
  mutating func follow(_ result: ValueID) {
    accumulator = result
    placements[result] = .element(phase: 0)
  }

  /// Where in the nest a value is made; `nil` for values that other steps make.
  func placement(of value: ValueID) -> ClusterPlacement? { placements[value] }

  /// Whether the cluster makes a value, or finds it in registers.
  func has(_ value: ValueID) -> Bool { placements[value] != nil }

  /// All views that the ops read.
  var views: [View] { entries.flatMap(\.views) }

  /// The views of values that other steps make.
  var viewsOfOthers: [View] { views.filter { !has($0.root) } }

  /// The shape of a row-level value.
  var keptShape: [Int] { keptAxes.map { domain[$0] } }
  var keptAxes: [Int] { domain.indices.filter { !(rowAxes ?? []).contains($0) } }
  /// Elements of one row.
  var rowElementCount: Int { (rowAxes ?? []).reduce(1) { $0 * domain[$1] } }

  /// The provenance of the last op: the result that the others lead up to.
  var provenance: Provenance { entries.last?.node.provenance ?? Provenance() }

  /// The member that makes a value, if every traversal of a row makes it for itself: a comparison of
  /// what is at hand, such as an index with a label, is less work than to keep it.
  func repeatedEntry(of value: ValueID) -> Entry? {
    guard case .element? = placements[value],
      let entry = entries.first(where: { $0.node.results == [value] }),
      case .compare = entry.node.op,
      entry.views.allSatisfy({ $0.root == accumulator || !has($0.root) })
    else { return nil }
    return entry
  }
}

/// Where in the cluster's loop nest a value is computed.
enum ClusterPlacement: Hashable {
  /// For every element, in the given traversal of the row.
  case element(phase: Int)
  /// Once a row, after the given traversal.
  case row(phase: Int)
  /// A reduction over the row axes, complete after the given traversal.
  case rowReduction(phase: Int)
  /// A reduction over other axes, accumulated in memory; of use only to later steps.
  case memoryReduction(phase: Int)

  /// Whether a value is computed once a row by an op on values of the row.
  var isRow: Bool {
    if case .row = self { true } else { false }
  }

  /// The traversal in which, or after which, the value is made.
  var phase: Int {
    switch self {
    case .element(let phase), .row(let phase), .rowReduction(let phase),
      .memoryReduction(let phase):
      phase
    }
  }
}
