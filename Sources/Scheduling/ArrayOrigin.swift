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

extension RegionPlan {
  /// The origin of every value that a step of the region makes.
  ///
  /// - Cost: one pass over the steps.
  var origins: [ValueID: ArrayOrigin] {
    var origins: [ValueID: ArrayOrigin] = [:]
    func add(_ values: [ValueID], _ provenance: Provenance) {
      for value in values { origins[value] = ArrayOrigin(role: .value, provenance: provenance) }
    }
    for window in windows.values.sorted(by: { $0.view.offset < $1.view.offset }) {
      if origins[window.view.root] == nil { add([window.view.root], window.provenance) }
    }
    for step in steps {
      switch step {
      case .cluster(let cluster):
        for entry in cluster.entries {
          let node = graph.nodes[entry.node]
          add(node.results, node.provenance)
        }
      case .contraction(let node, _, _), .gather(let node, _, _), .scatterAdd(let node, _, _),
        .attention(let node, _), .check(let node, _):
        add(graph.nodes[node].results, graph.nodes[node].provenance)
      case .packing(let packing):
        origins[packing.destination] = ArrayOrigin(
          role: .scratch, provenance: packing.provenance)
      case .copy(_, _, _, let destination, let provenance):
        // The copies that make up a pad or a concatenation write to one array.
        if origins[destination.root] == nil { add([destination.root], provenance) }
      case .loop(let index, let planned):
        let (node, loop) = (graph.nodes[index], planned.loop)
        for (position, result) in node.results.enumerated() {
          let isCarry = position < loop.carryCount
          var provenance = node.provenance
          provenance.purpose = loop.purpose(ofResult: position)
          origins[result] = ArrayOrigin(
            role: isCarry ? .carry(loop.role) : .stack(loop.role), provenance: provenance)
        }
      }
    }
    return origins
  }
}
