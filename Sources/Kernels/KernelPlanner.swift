// SPDX-License-Identifier: Apache-2.0
//
// Plans kernels for one machine, each shape once: the scheduler asks about the same product in
// several of its passes.

import Synchronization

/// What the scheduler asks how a kernel would be computed.
package final class KernelPlanner: Sendable {
  package let machine: Machine
  private let contractions = Mutex<[ContractionShape: ContractionPlan]>([:])
  private let attentions = Mutex<[AttentionShape: AttentionPlan]>([:])

  package init(for machine: Machine) { self.machine = machine }

  /// The plan of a contraction.
  package func plan(_ shape: ContractionShape) -> ContractionPlan {
    contractions.withLock { known in
      if let plan = known[shape] { return plan }
      let plan = ContractionPlan(shape, on: machine)
      known[shape] = plan
      return plan
    }
  }

  /// The plan of attention or of one of its derivatives.
  package func plan(_ shape: AttentionShape) -> AttentionPlan {
    attentions.withLock { known in
      if let plan = known[shape] { return plan }
      let plan = AttentionPlan(shape, on: machine)
      known[shape] = plan
      return plan
    }
  }

  /// The plan of a kernel that packs an operand.
  package func plan(_ panels: PanelShape) -> PackingPlan { PackingPlan(panels, on: machine) }
}
