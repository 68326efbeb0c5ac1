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
            width: width, scores: AttentionScores(scale: 0.1, isCausal: isCausal), element: .f32)
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

  @Test("a window costs what it sees, not what there is")
  func windows() {
    func plan(_ scores: AttentionScores, _ length: Int = 4096) -> AttentionPlan {
      AttentionPlan(
        AttentionShape(
          order: .adjoint, batch: 1, queries: length, keys: length, heads: 2, keyHeads: 2,
          width: 64, scores: scores, element: .f32), on: Machine(vectorBytes: 64))
    }
    for (window, most) in [(256, 1.6), (64, 1.6), (1024, 1.1)] {
      for isCausal in [false, true] {
        let scores = AttentionScores(scale: 0.1, isCausal: isCausal, window: window)
        let plan = plan(scores)
        #expect(Double(plan.executedFlops) < most * Double(plan.shape.flops))
        #expect(plan.executedFlops >= plan.shape.flops)
      }
    }
    let (narrow, prefixed) = (
      plan(AttentionScores(scale: 0.1, isCausal: true, window: 64)),
      plan(AttentionScores(scale: 0.1, isCausal: true, window: 64, prefix: 128))
    )
    #expect(narrow.executedFlops < prefixed.executedFlops)
    #expect(prefixed.executedFlops < 3 * narrow.executedFlops)
  }

  @Test("pairs are counted as they are seen")
  func pairs() {
    for (queries, keys) in [(1, 1), (4, 9), (9, 4), (8, 8)] {
      for (window, prefix) in [(nil, 0), (0, 0), (2, 0), (2, 3), (nil, 5), (20, 1), (3, 20)] {
        for isCausal in [false, true] {
          let scores = AttentionScores(
            scale: 1, isCausal: isCausal, window: window, prefix: prefix)
          let isBanded = isCausal || window != nil
          let expected = (0..<queries).reduce(0) { sum, i in
            sum
              + (0..<keys).filter { j in
                let isNear = window.map { abs(i - j) <= $0 } ?? true
                return (isBanded && j < prefix) || ((!isCausal || j <= i) && isNear)
              }.count
          }
          #expect(scores.pairCount(queries: queries, keys: keys) == expected)
        }
      }
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
