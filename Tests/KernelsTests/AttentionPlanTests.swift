// SPDX-License-Identifier: Apache-2.0
//
// Facts about the plans of attention, for machines with vectors of 16, 32 and 64 bytes.

import MixFuseShared
import TensorIR
import Testing

@testable import Kernels

@Suite("plans of attention")
struct AttentionPlanTests {
  private static let shapes: [AttentionShape] = {
    let sizes = [
      (1, 1, 8), (9, 7, 2), (64, 64, 64), (101, 67, 24), (1000, 1000, 40), (2048, 2048, 128),
    ]
    return sizes.flatMap { queries, keys, width in
      [DerivativeOrder.value, .tangent, .adjoint, .adjointTangent].flatMap { order in
        [false, true].map { isCausal in
          AttentionShape(
            order: order, batch: 2, queries: queries, keys: keys, heads: 4, keyHeads: 2,
            width: width, isCausal: isCausal, scale: 0.1, element: .f32)
        }
      }
    }
  }()

  @Test(
    "tiles cover all queries and keys, and stay in the second-level cache",
    arguments: MachineTests.machines)
  func tiles(_ machine: Machine) {
    for shape in Self.shapes {
      let plan = AttentionPlan(shape, on: machine)
      let tiling = plan.tiling
      #expect(tiling.queries * tiling.queryTiles >= shape.queries)
      #expect(tiling.queries * (tiling.queryTiles - 1) < shape.queries)
      #expect(tiling.keys * tiling.keyTiles >= shape.keys)
      #expect(tiling.keys * (tiling.keyTiles - 1) < shape.keys)
      #expect(tiling.queries <= 64 && tiling.keys <= 64)
      let work = plan.products.scratchBytes
      #expect(plan.scratchBytes - work <= machine.attentionBytes || tiling.blockTiles == 1)
    }
  }

  @Test(
    "areas of scratch memory begin at lines and follow one another",
    arguments: MachineTests.machines)
  func areas(_ machine: Machine) {
    for shape in Self.shapes {
      let plan = AttentionPlan(shape, on: machine)
      for layout in [plan.scratch.shared, plan.scratch.queryTile] {
        #expect(layout.areas.first?.offset == 0)
        #expect(layout.areas.allSatisfy { $0.offset * 4 % Machine.lineBytes == 0 })
        #expect(Set(layout.areas.map(\.name)).count == layout.areas.count)
        #expect(layout.areas.map(\.offset) == layout.areas.map(\.offset).sorted())
      }
      let hasWork = plan.scratch.shared.areas.contains { $0.name == "work" }
      #expect(hasWork == plan.products.all.contains { $0.plan.scratchBytes > 0 })
    }
  }

  @Test("units are blocks of queries going forward, heads of keys in reverse")
  func units() {
    for shape in Self.shapes {
      let plan = AttentionPlan(shape, on: Machine(vectorBytes: 64))
      #expect(plan.splitCount == (shape.order.isReverse ? 2 * 2 : 2 * 4 * plan.tiling.blocks))
      #expect(plan.products.across == nil || shape.order.isReverse)
      #expect((plan.products.scoresTangent != nil) == (shape.order.partCount == 2))
    }
  }
}
