// SPDX-License-Identifier: Apache-2.0
//
// Facts about the plans of contractions, for machines with vectors of 16, 32 and 64 bytes: what any
// plan of a shape must satisfy, and which form a few well-known shapes get.

import MixFuseShared
import Testing

@testable import Kernels

@Suite("plans of contractions")
struct ContractionPlanTests {
  /// Row-major `c[m, n] = a[m, k] . b[k, n]`; `n` or `t` says which operand is transposed.
  private static func shape(
    _ layout: String, _ m: Int, _ n: Int, _ k: Int, element: FloatType = .f32,
    accumulates: Bool = false
  ) -> ContractionShape {
    let left = layout == "tn" ? (row: 1, inner: m) : (row: k, inner: 1)
    let right = layout == "nt" ? (column: k, inner: 1) : (column: 1, inner: n)
    return ContractionShape(
      rows: [.init(extent: m, strideA: left.row, strideB: 0, strideC: n)],
      columns: [.init(extent: n, strideA: 0, strideB: right.column, strideC: 1)],
      inner: [.init(extent: k, strideA: left.inner, strideB: right.inner, strideC: 0)],
      accumulates: accumulates, element: element)
  }

  private static let shapes: [ContractionShape] = {
    let sizes = [
      (1, 1, 1), (10, 40, 40), (50, 50, 10), (1, 256, 256), (7, 13, 11), (31, 37, 41),
      (70, 300, 290), (256, 256, 2048), (2048, 256, 1024), (4096, 4096, 4096), (64, 32000, 512),
      (3, 700, 3000), (100, 90, 20000), (1, 4096, 65536),
    ]
    return sizes.flatMap { m, n, k in
      ["nn", "nt", "tn"].flatMap { layout in
        FloatType.allCases.flatMap { element in
          [false, true].map { shape(layout, m, n, k, element: element, accumulates: $0) }
        }
      }
    }
  }()

  @Test(
    "tiles cover all rows and columns, and fit into the registers", arguments: MachineTests.machines
  )
  func tiles(_ machine: Machine) {
    for shape in Self.shapes {
      let plan = ContractionPlan(shape, on: machine)
      let (m, n) = (plan.contraction.rows.extent, plan.contraction.columns.extent)
      switch plan.form {
      case .direct(let form): check(form.tiling, m, n, machine)
      case .packed(let form): check(form.tiling, m, n, machine)
      case .dot(let form):
        #expect(rows(form.rows) == m && rows(form.columns) == n)
        #expect(form.width <= machine.lanes(shape.element))
        #expect(form.rows.height * form.columns.height <= machine.vectorRegisters)
      case .lane(let form):
        #expect(rows(form.rows) == m && rows(form.columns) == n)
      }
    }
  }

  private func rows(_ split: RowSplit) -> Int {
    split.tallCount * split.height + (split.count - split.tallCount) * (split.height - 1)
  }

  private func check(_ tiling: RegisterTiling, _ m: Int, _ n: Int, _ machine: Machine) {
    let columns = tiling.columns
    #expect(rows(tiling.rows) == m)
    #expect(columns.mainCount * columns.main.width + (columns.rest?.width ?? 0) == n)
    #expect(
      tiling.rows.height * columns.vectors + columns.vectors + 1 <= machine.vectorRegisters
        || tiling.rows.height == 1)
  }

  @Test(
    "scratch memory is what packed blocks and blocks kept apart need",
    arguments: MachineTests.machines)
  func scratch(_ machine: Machine) {
    for shape in Self.shapes {
      let plan = ContractionPlan(shape, on: machine)
      #expect(plan.scratchBytes % Machine.lineBytes == 0)
      switch plan.form {
      case .direct(let form): #expect((plan.scratchBytes > 0) == (form.apart != nil))
      case .lane, .dot: #expect(plan.scratchBytes == 0)
      case .packed(let form):
        let bytes = shape.element.byteCount
        let left = form.packsLeft ? form.blocking.tiles * form.leftPanelSize : 0
        let groups = min(form.blocking.groups, form.tiling.columns.mainCount)
        let right = groups * form.rightPanelSize
        #expect(form.packsRight && plan.scratchBytes >= (left + right) * bytes - 64 * bytes)
        #expect(left * bytes <= machine.leftBlockBytes * 5 / 4 || form.blocking.tiles == 1)
        #expect(right * bytes <= machine.rightBlockBytes || form.blocking.groups == 1)
      }
    }
  }

  @Test(
    "panels hold the whole operand, and a kernel that gets them needs less scratch memory",
    arguments: MachineTests.machines)
  func panels(_ machine: Machine) {
    var packed = 0
    for shape in Self.shapes {
      let plan = ContractionPlan(shape, on: machine)
      let operands = plan.packedOperands
      for operand in [operands.a, operands.b].compactMap({ $0 }) {
        packed += 1
        let panels = operand.panels
        #expect(
          panels.wideCount * panels.width + panels.narrowCount * panels.narrowWidth == panels.lines)
        #expect(panels.elementCount >= panels.operandCount)
        #expect(
          PackingPlan(panels, on: machine).splitCount == panels.blockCount * panels.panelCount)
      }
      guard operands.a != nil || operands.b != nil else { continue }
      var offered = shape
      (offered.hasPanelsA, offered.hasPanelsB) = (operands.a != nil, operands.b != nil)
      #expect(ContractionPlan(offered, on: machine).scratchBytes < plan.scratchBytes)
    }
    #expect(packed > 20)
  }

  @Test("the work is split into tiles or groups of columns of each product")
  func units() {
    var shape = Self.shape("nn", 10, 40, 40)
    let one = ContractionPlan(shape, on: Machine(vectorBytes: 64)).splitCount
    shape.batch = [.init(extent: 25, strideA: 400, strideB: 1600, strideC: 400)]
    #expect(ContractionPlan(shape, on: Machine(vectorBytes: 64)).splitCount == 25 * one)
  }

  @Test("wider registers make wider tiles of the same products")
  func widths() {
    let shape = Self.shape("nn", 64, 64, 64)
    let widths = MachineTests.machines.map { machine -> Int in
      guard case .direct(let form) = ContractionPlan(shape, on: machine).form else { return 0 }
      return form.tiling.columns.main.pieces.first?.width ?? 0
    }
    #expect(widths == [4, 8, 16])
  }

  @Test("a shape is planned once, and plans are equal if shape and machine are")
  func planner() {
    let planner = KernelPlanner(for: Machine(vectorBytes: 32))
    let shape = Self.shape("nt", 31, 37, 41)
    #expect(planner.plan(shape) == ContractionPlan(shape, on: planner.machine))
    #expect(planner.plan(shape) != ContractionPlan(shape, on: Machine(vectorBytes: 64)))
    #expect(planner.plan(shape) != planner.plan(Self.shape("nt", 31, 37, 42)))
  }
}
