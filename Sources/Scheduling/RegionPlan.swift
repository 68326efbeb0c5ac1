// SPDX-License-Identifier: Apache-2.0
//
// The plan of one region (a graph or a loop body): which ops run together, and in what order. Made
// by `PlanRegion.swift`; storage and addresses come after, in `LowerRegion.swift`.

import Kernels
import TensorIR

/// How a value of the region is read.
enum Binding: Hashable {
  /// Elements of a value with storage (or of a cluster's register, inside that cluster).
  case view(View)
  /// The same number everywhere.
  case constant(Double)
  /// The index along one axis plus an offset, as i32.
  case axisIndex(axis: Int, offset: Int)
  /// The index of an enclosing step loop, as an i32 scalar.
  case stepIndex(LoopVariable)

  /// The value whose elements are read; `nil` for numbers.
  var root: ValueID? { if case .view(let view) = self { view.root } else { nil } }
}

/// A group of elementwise ops and reductions that share one loop nest over `domain`.
///
/// With row reductions, the axes not in `rowAxes` are looped outside ("rows"), and the row is
/// traversed once per phase: an element value that depends on a reduction of phase p has phase p + 1.
struct Cluster {
  var domain: [Int]
  /// The axes that row reductions combine; `nil` while the cluster has none.
  var rowAxes: [Int]?
  var entries: [Entry] = []

  struct Entry {
    /// Index of the node in the region's graph.
    var node: Int
    var placement: ClusterPlacement
  }

  /// The shape of a row-level value.
  var keptShape: [Int] { keptAxes.map { domain[$0] } }
  var keptAxes: [Int] { domain.indices.filter { !(rowAxes ?? []).contains($0) } }
  /// Elements of one row.
  var rowElementCount: Int { (rowAxes ?? []).reduce(1) { $0 * domain[$1] } }
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
}

/// One step of a region, before addresses are known.
enum PlannedStep {
  case cluster(Cluster)
  case contraction(node: Int, lhs: View, rhs: View)
  case gather(node: Int, table: View, indices: View)
  /// Checks and clamps positions.
  case check(node: Int, indices: Binding)
  case scatterAdd(node: Int, indices: View, updates: View)
  /// Operands are contiguous.
  case attention(node: Int, operands: [View])
  /// Writes what `source` reads into the window `destination` of a value.
  case copy(source: Binding, shape: [Int], dtype: DType, destination: View, provenance: Provenance)
  case loop(node: Int, PlannedLoop)
  /// Copies an operand of contractions into panels: see `PackOperands.swift`.
  case packing(PlannedPacking)
}

extension PlannedStep {
  /// The values that a step other than a cluster reads from memory.
  var rootsRead: [ValueID] {
    switch self {
    case .cluster: []
    case .contraction(_, let lhs, let rhs): [lhs.root, rhs.root]
    case .gather(_, let table, let indices): [table.root, indices.root]
    case .check(_, let indices): [indices].compactMap(\.root)
    case .scatterAdd(_, let indices, let updates): [indices.root, updates.root]
    case .attention(_, let operands): operands.map(\.root)
    case .copy(let source, _, _, _, _): [source].compactMap(\.root)
    case .loop(_, let planned): planned.operands.compactMap(\.root) + planned.panels.map(\.outer)
    case .packing(let packing): [packing.operand.root]
    }
  }
}

/// A loop with the plan of its body. Operands are contiguous views, constants or step indices.
struct PlannedLoop {
  var loop: Loop
  var operands: [Binding]
  var body: RegionPlan
  var variable: LoopVariable
  /// Panels packed before the loop, and what they are in the body.
  var panels: [(outer: ValueID, inner: ValueID)] = []
}

/// The ordered steps of a region and how each of its values is read.
struct RegionPlan {
  /// The machine that the program is for.
  let machine: Machine
  var graph: Graph
  /// Types of all values: the graph's and the synthetic ones made for copies.
  var types: [TensorType]
  /// What all values are called, as far as that is known; not unique.
  var names: [String]
  var bindings: [Binding?]
  var steps: [PlannedStep] = []
  /// For every value with storage made in this region, the last step that writes it.
  var producer: [ValueID: Int] = [:]
  /// Placement of cluster results within their cluster.
  var placement: [ValueID: ClusterPlacement] = [:]
  /// For contraction nodes that do the work of a cluster too, the cluster.
  var epilogues: [Int: Cluster] = [:]
  /// For contraction nodes whose operands were packed before, the panels.
  var panels: [Int: ContractionPanels] = [:]
  /// Values that live in a window of another value's array: see `PlaceInWindows.swift`.
  var windows: [ValueID: PlacedWindow] = [:]
}
