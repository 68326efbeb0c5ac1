// SPDX-License-Identifier: Apache-2.0
//
// Forms clusters: decides which elementwise ops and reductions share a loop nest, and orders the steps.
//
//   before:  cluster [8, 64]: %4 = sum{1}(%3)     after:  cluster [8, 64], rows over axis 1:
//            cluster [8, 64]: %6 = %3 / %4                  phase 0: %4 = sum{1}(%3)
//                                                           phase 1: %6 = %3 / %4
//
// Steps are visited in order. An op joins the latest cluster with its domain that is not before any
// of its operands' producers; everything else stays a step of its own. The order is that of execution,
// so an op that joins an earlier cluster is hoisted there.

import Kernels
import TensorIR

/// Bounds that keep kernels within what registers and the vectoriser handle well.
private enum ClusterLimit {
  static let entries = 96
  /// Arrays that a kernel loads.
  static let loadedArrays = 28
  /// How many steps back a cluster is looked for.
  static let lookBack = 24
}

/// Forms the clusters of one region.
struct ClusterFormation {
  private let region: RegionSchedule
  private var steps: [ScheduleStep] = []
  /// For every value made so far, the last step that writes it.
  private var producers: [ValueID: Int] = [:]
  private let components: ElementwiseComponents

  /// Rewrites a region and the loop bodies inside of it.
  ///
  /// - Cost: linear in the number of steps.
  static func run(on region: inout RegionSchedule) {
    var formation = ClusterFormation(region)
    for step in region.steps { formation.visit(step) }
    region.steps = formation.steps
    region.updateLoops { run(on: &$0.body) }
  }

  private init(_ region: RegionSchedule) {
    self.region = region
    components = ElementwiseComponents(region.steps)
  }

  private mutating func visit(_ step: ScheduleStep) {
    guard case .cluster(let cluster) = step, cluster.entries.count == 1 else {
      return append(step)
    }
    let entry = cluster.entries[0]
    guard let (position, placement) = bestCluster(for: entry) else { return append(step) }
    guard case .cluster(var joined) = steps[position] else { return }
    joined.append(.init(node: entry.node, operands: entry.operands, placement: placement))
    steps[position] = .cluster(joined)
    producers[entry.result] = position
  }

  private mutating func append(_ step: ScheduleStep) {
    for value in step.writes { producers[value] = steps.count }
    steps.append(step)
  }

  /// The latest cluster that an op can and should join.
  private func bestCluster(for entry: Cluster.Entry) -> (Int, ClusterPlacement)? {
    let earliest = entry.views.map { producers[$0.root] ?? -1 }.max() ?? -1
    let lowest = max(earliest, steps.count - ClusterLimit.lookBack, 0)
    for position in stride(from: steps.count - 1, through: lowest, by: -1) {
      guard case .cluster(let cluster) = steps[position],
        cluster.entries.count < ClusterLimit.entries,
        let placement = cluster.placement(of: entry.node, entry.operands, in: region),
        isWorthJoining(entry, cluster)
      else { continue }
      return (position, placement)
    }
    return nil
  }

  /// Sharing a nest pays if data are shared, or will be, or if the arrays are small and calls
  /// dominate.
  private func isWorthJoining(_ entry: Cluster.Entry, _ cluster: Cluster) -> Bool {
    let known = Set(cluster.views.map(\.root))
    let read = Set(entry.views.map(\.root))
    let loaded = known.union(read).count { !cluster.has($0) }
    guard loaded <= ClusterLimit.loadedArrays else { return false }
    // Small arrays may share a nest without sharing data: one call less.
    if cluster.domain.reduce(1, *) <= region.machine.smallElements { return true }
    return !read.isDisjoint(with: known.union(cluster.entries.map(\.result)))
      || cluster.entries.contains { components.areConnected($0.result, entry.result) }
  }
}
