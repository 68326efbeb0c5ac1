// SPDX-License-Identifier: Apache-2.0
//
// The loops of a cluster and how its arrays are walked through by them: strides along the axes of the
// domain, also of values that have only some of its axes.

import Kernels
import TensorIR

extension Cluster {
  /// The loops over the domain; axes that every access walks through densely are one loop.
  func nest(in region: RegionSchedule, _ uses: Liveness) -> LoopNest {
    var strides: [[Int]] = []
    var apart: [Set<Int>] = rowAxes.map { [Set($0)] } ?? []
    var alone = Set<Int>()
    for entry in entries {
      let node = entry.node
      for operand in entry.operands {
        switch operand {
        case .view(let view):
          strides.append(domainStrides(region.placed(view).strides, entry.placement))
        case .axisIndex(let axis, _):
          alone.insert(entry.placement.isRow ? keptAxes[axis] : axis)
        case .constant, .stepIndex: break
        }
      }
      if uses.needsStorage.contains(node.result) {
        strides.append(resultStrides(entry, in: region))
      }
      if case .memoryReduction = entry.placement, case .reduce(_, let axes) = node.op {
        apart.append(Set(axes))
      }
    }
    return LoopNest(domain: domain, strides: strides, apart: apart, alone: alone)
  }

  /// Strides along the axes of the domain of an access written along the axes of a value.
  func domainStrides(_ strides: [Int], _ placement: ClusterPlacement) -> [Int] {
    placement.isRow ? spread(strides, over: keptAxes) : strides
  }

  /// Strides along the axes of the domain, of which a value has only some.
  func spread(_ strides: [Int], over axes: [Int]) -> [Int] {
    var result = [Int](repeating: 0, count: domain.count)
    for (axis, stride) in zip(axes, strides) { result[axis] = stride }
    return result
  }

  /// Strides along the domain of the result of an entry, in the array that has it.
  func resultStrides(_ entry: Entry, in region: RegionSchedule) -> [Int] {
    let node = entry.node
    let strides = region.place(of: node.result).strides
    switch entry.placement {
    case .element: return strides
    case .row, .rowReduction: return spread(strides, over: keptAxes)
    case .memoryReduction:
      guard case .reduce(_, let axes) = node.op else { return strides }
      return spread(strides, over: domain.indices.filter { !axes.contains($0) })
    }
  }
}
