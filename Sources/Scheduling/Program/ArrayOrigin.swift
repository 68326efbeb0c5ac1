// SPDX-License-Identifier: Apache-2.0
//
// Why each array of a region exists: read off the step that makes it, before addresses are given.
// Only reports look at this (see `MemoryPlan` in MixFuse).

import TensorIR

/// The role of an array and the op that asked for it.
struct ArrayOrigin {
  var role: ArrayRole
  var provenance: Provenance
}

extension RegionSchedule {
  /// The origin of every value that a step of the region makes.
  ///
  /// - Cost: one pass over the steps.
  var origins: [ValueID: ArrayOrigin] {
    var origins: [ValueID: ArrayOrigin] = [:]
    func add(_ values: [ValueID], _ provenance: Provenance) {
      for value in values { origins[value] = ArrayOrigin(role: .value, provenance: provenance) }
    }
    let windows = values.compactMap { value in
      if case .window(let window) = value.home { window } else { nil }
    }
    for window in windows.sorted(by: { $0.view.offset < $1.view.offset }) {
      if origins[window.view.root] == nil { add([window.view.root], window.provenance) }
    }
    for step in steps {
      switch step {
      case .cluster(let cluster):
        for entry in cluster.entries { add(entry.node.results, entry.node.provenance) }
      case .contraction(let contraction):
        add([contraction.node.result], contraction.node.provenance)
        for entry in contraction.epilogue?.entries ?? [] {
          add(entry.node.results, entry.node.provenance)
        }
      case .lone(let lone): add(lone.node.results, lone.node.provenance)
      case .attention(let node, _), .check(let node, _): add(node.results, node.provenance)
      case .packing(let packing):
        origins[packing.destination] = ArrayOrigin(
          role: .scratch, provenance: packing.provenance)
      case .copy(let copy):
        // The copies that make up a pad or a concatenation write to one array.
        if origins[copy.destination.root] == nil { add([copy.destination.root], copy.provenance) }
      case .loop(let loop):
        for (position, result) in loop.node.results.enumerated() {
          let isCarry = loop.loop.carryRange.contains(position)
          var provenance = loop.node.provenance
          provenance.purpose = loop.loop.purpose(ofResult: position)
          origins[result] = ArrayOrigin(
            role: isCarry ? .carry(loop.loop.role) : .stack(loop.loop.role), provenance: provenance)
        }
      }
    }
    return origins
  }
}
