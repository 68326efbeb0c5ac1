// SPDX-License-Identifier: Apache-2.0
//
// Which loops of a cluster's kernel are so short that they are done in whole vectors, and how many
// rows of such a loop make a block; `ClusterKernel.swift` says what for.

import Kernels
import TensorIR

extension Cluster {
  /// The innermost loop, if it is short and no whole number of half vectors, which compilers do well.
  /// Twos and threes are left alone: most of a vector would be idle.
  func laneLoop(in nest: LoopNest, _ region: RegionSchedule) -> LaneLoop? {
    guard nest.groups.count > 1, let extent = nest.groups.last?.extent else { return nil }
    var widest = 4
    for node in entries.map({ $0.node }) {
      let dtype = region.type(of: node.result).dtype
      if node.op.family == .reduction, !dtype.isFloat { return nil }
      widest = max(widest, dtype.byteCount)
    }
    return region.machine.laneWidth(extent: extent, elementBytes: widest).map {
      LaneLoop(variable: nest.groups.count - 1, extent: extent, width: $0)
    }
  }

  /// Splits the innermost loop over rows, if there is one that can be; a full reduction has none.
  ///
  /// - Returns: the loop over the rows of a block.
  func blockRows(in nest: inout LoopNest) -> Int? {
    let kept = nest.groups(in: keptAxes)
    guard rowAxes != nil, kept.count == nest.groups.count - 1, let group = kept.last,
      group == nest.groups.count - 2
    else { return nil }
    let extent = nest.groups[group].extent
    guard let size = (2...Machine.mostRowsOfBlock).last(where: { extent % $0 == 0 }) else {
      return nil
    }
    nest.block(group: group, by: size)
    return group + 1
  }
}
