// SPDX-License-Identifier: Apache-2.0
//
// Lets a contraction do the elementwise work that follows it, block by block, while the block is in
// the cache.
//
//   before:  %h = contract %x, %w          after:  %h, %y = contract %x, %w, then tanh
//            cluster: %y = tanh %h
//
// The contraction moves to the place of the cluster, where all that the cluster reads is there. Its
// own result need not be written to memory if nobody else reads it: blocks are then summed in the
// array of a result of the cluster. A sum with an array that dies there is not an epilogue but a
// contraction that adds to that array (`accumulates`): so do products that make up one tangent.
//
// Only where the back end computes C block by block, with rows and columns that are those of the
// cluster. Reductions stay clusters: a block rarely has whole rows.

import Kernels
import TensorIR

/// Makes clusters the epilogues of contractions.
struct EpilogueFusion {
  private let options: ScheduleOptions

  init(_ options: ScheduleOptions) { self.options = options }

  /// Rewrites a region and the loop bodies inside of it.
  ///
  /// - Cost: the number of clusters times steps between contraction and cluster.
  func run(on region: inout RegionSchedule) {
    // Positions of steps do not change while clusters are visited: a contraction that moves leaves a
    // gap behind.
    var steps: [ScheduleStep?] = region.steps
    var producers = region.producers
    for position in steps.indices {
      guard case .cluster(var cluster)? = steps[position],
        let host = host(of: cluster, steps[..<position], producers, region),
        case .contraction(var contraction)? = steps[host]
      else { continue }
      cluster.follow(contraction.node.result)
      contraction.epilogue = cluster
      steps[host] = nil
      steps[position] = .contraction(contraction)
      producers[contraction.node.result] = position
    }
    region.steps = steps.compactMap(\.self)
    region.updateLoops { run(on: &$0.body) }
  }

  /// The position of the contraction that can do a cluster's work: the last one that it reads.
  private func host(
    of cluster: Cluster, _ steps: ArraySlice<ScheduleStep?>, _ producers: [ValueID: Int],
    _ region: RegionSchedule
  ) -> Int? {
    let isElementwise = cluster.entries.allSatisfy { $0.placement == .element(phase: 0) }
    guard cluster.rowAxes == nil, isElementwise else { return nil }
    let candidates = Set(
      cluster.views.compactMap { producers[$0.root] }.filter { $0 < steps.endIndex })
    return candidates.sorted(by: >).first { canHost($0, cluster, steps, region) }
  }

  private func canHost(
    _ host: Int, _ cluster: Cluster, _ steps: ArraySlice<ScheduleStep?>, _ region: RegionSchedule
  ) -> Bool {
    guard case .contraction(let contraction)? = steps[host], contraction.epilogue == nil
    else { return false }
    let shape = LoweredContraction(contraction).shape
    guard shape.flops >= region.machine.sharedProductOperations,
      let columns = options.planner.plan(shape).packedOperands.resultColumns,
      cluster.nest(columns: columns, in: region) != nil
    else { return false }
    let result = contraction.node.result
    let isReadInOrder = cluster.views.allSatisfy { view in
      view.root != result
        || view.isContiguous && view.offset == 0
          && view.shape.reduce(1, *) == region.type(of: result).elementCount
    }
    return isReadInOrder
      && !steps[(host + 1)...].contains { $0?.reads.contains(result) ?? false }
  }
}

extension Cluster {
  /// The loops over the rows and over the columns of an array of the cluster's size; `nil` if some
  /// array is not walked through by two such loops.
  func nest(columns: Int, in region: RegionSchedule) -> LoopNest? {
    var inner = Set<Int>()
    var size = 1
    for axis in domain.indices.reversed() where size < columns {
      inner.insert(axis)
      size *= domain[axis]
    }
    guard size == columns else { return nil }
    var strides = [domain.denseStrides]
    for entry in entries {
      strides.append(region.place(of: entry.result).strides)
      for operand in entry.operands {
        switch operand {
        case .view(let view): strides.append(region.placed(view).strides)
        case .constant: break
        case .axisIndex, .stepIndex: return nil
        }
      }
    }
    let nest = LoopNest(domain: domain, strides: strides, apart: [inner])
    guard nest.groups.count == 2, nest.groups[1].extent == columns else { return nil }
    return nest
  }
}
