// SPDX-License-Identifier: Apache-2.0
//
// The packed form: blocks of the right operand, and of the left one where that pays, are copied into
// panels that the register tiles then read front to back. The blocks are sized for the caches in the
// way of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008). Panels
// lie in the caller's scratch memory, one area per worker, or were packed before by a kernel of their
// own: the layout is the same, so the tiles and the order of every sum are the same either way.

/// The sizes of a packed kernel.
package struct PackedBlocking: Hashable, Sendable {
  /// Inner steps of one block.
  package var depth: Int
  /// Number of blocks of the tiled inner loop.
  package var depthCount: Int
  /// Row tiles of one block of the left operand.
  package var tiles: Int
  /// Column groups of one block of the right operand.
  package var groups: Int
  /// Whether the left operand is read from panels.
  package var packsLeft: Bool

  /// Sizes the blocks for the caches of `machine`.
  init(_ contraction: CanonicalContraction, _ tiling: RegisterTiling, on machine: Machine) {
    let bytes = contraction.element.bytes
    let extent = contraction.inner.extent
    let panelWidth = tiling.columns.main.width
    let limit = machine.deepestBlock(panelRow: panelWidth * bytes)
    if extent <= limit * 5 / 4 {
      (depth, depthCount) = (extent, 1)
    } else {
      let count = (extent + limit - 1) / limit
      depth = ((extent + count - 1) / count).roundedUp(to: Machine.areaElements)
      depthCount = (extent + depth - 1) / depth
    }
    let tileBytes = tiling.rows.height * depth * bytes
    tiles = max(1, min(tiling.rows.count, machine.leftBlockBytes / tileBytes))
    if contraction.epilogue != nil {
      let rowBytes = max(contraction.columns.extent / machine.cores, panelWidth) * bytes
      let rows = machine.epilogueBytes / rowBytes
      tiles = max(1, min(tiles, rows / tiling.rows.height))
    }
    let groupBytes = panelWidth * depth * bytes
    groups = max(1, min(tiling.columns.count, machine.rightBlockBytes / groupBytes))
    let leftBytes = contraction.rows.extent * contraction.depth * bytes
    let stride = max(contraction.rows.strideA, contraction.inner.strideA) * bytes
    packsLeft =
      contraction.hasCollidingLeft(machine)
      || tiling.columns.count >= Machine.groupsForLeftCopy
        && machine.isWorthPackingLeft(bytes: leftBytes, stride: stride)
  }
}

/// When a tile fetches the lines of C, which are far apart and long unused.
package enum ResultFetch: Hashable, Sendable {
  /// Never: C is in the cache.
  case none
  /// As the tile begins; they arrive while it is computed.
  case early
  /// So many steps before the tile ends.
  case late(steps: Int)
}

/// A contraction that copies its operands into panels.
package struct PackedPlan: Sendable {
  package let contraction: CanonicalContraction
  package let tiling: RegisterTiling
  package let blocking: PackedBlocking
  /// Blocks of a long sum that are kept apart from C.
  package let apart: ProductBlocks?
  private let machine: Machine

  init(_ contraction: CanonicalContraction, _ tiling: RegisterTiling, on machine: Machine) {
    self.contraction = contraction
    self.tiling = tiling
    self.machine = machine
    blocking = PackedBlocking(contraction, tiling, on: machine)
    let count = contraction.outerInner.reduce(blocking.depthCount) { $0 * $1.extent }
    apart = ProductBlocks(contraction, depth: blocking.depth, count: count, on: machine)
  }

  /// Whether all of a sum is one block, so that the tile's trip count is a constant.
  package var isWhole: Bool { blocking.depthCount == 1 && contraction.outerInner.isEmpty }
  /// Whether every tile adds to what is in memory.
  package var addsAlways: Bool { contraction.accumulates && apart == nil }
  /// Column groups are the better units, since only the right operand is costly to pack. What is
  /// packed before costs little: then the units are those that spare the other operand.
  package var splitsColumns: Bool {
    let isFine = tiling.columns.count >= min(machine.manyUnits, tiling.rows.count)
    guard contraction.readsPanels else { return isFine }
    let left = contraction.rows.extent * (packsLeft ? Machine.costOfPacking : 1)
    let right = contraction.columns.extent * (packsRight ? Machine.costOfPacking : 1)
    return right >= left ? isFine : isFine && tiling.rows.count < machine.manyUnits
  }
  /// Units of each separate product.
  package var blocks: Int { splitsColumns ? tiling.columns.count : tiling.rows.count }
  /// Whether the kernel itself packs the left, and the right operand.
  package var packsLeft: Bool { blocking.packsLeft && !contraction.hasLeftPanels }
  package var packsRight: Bool { !contraction.hasRightPanels }

  /// When a tile fetches C whose widest vector has `width` elements.
  package func fetch(vector width: Int) -> ResultFetch {
    if isWhole { return .none }
    let bytes = contraction.element.bytes
    return machine.fetchesLate(resultRow: resultRowStride * bytes, vector: width * bytes)
      ? .late(steps: Machine.stepsAfterPrefetch) : .early
  }

  /// Distance between the rows in which tiles leave their sums.
  package var resultRowStride: Int { apart?.rowStride ?? contraction.rows.strideC }

  // MARK: Panels

  /// Whether panels of the left operand hold one row after the other, as the operand does.
  package var keepsLeftRows: Bool { contraction.inner.strideA == 1 }
  /// Distance between rows of a packed left tile: not a power of two, to spread over cache sets.
  package var leftPanelRow: Int {
    blocking.depth.roundedUp(to: Machine.areaElements) + Machine.areaElements
  }
  package var leftPanelSize: Int {
    tiling.rows.height * (keepsLeftRows ? leftPanelRow : blocking.depth)
  }
  package var rightPanelSize: Int { tiling.columns.main.width * blocking.depth }
  /// Elements of all panels of one block of the sum.
  package var rightBlockSize: Int { rightPanels(tiling.columns.mainCount) }
  package var leftBlockSize: Int {
    (tiling.rows.count * leftPanelSize).roundedUp(to: Machine.areaElements)
  }

  /// Elements of `count` panels of main groups and that of the last one.
  private func rightPanels(_ count: Int) -> Int {
    let rest = (tiling.columns.rest?.width ?? 0) * blocking.depth
    return (count * rightPanelSize + rest).roundedUp(to: Machine.areaElements)
  }

  /// Side of the squares of the right operand that are transposed in registers: the widest that fits
  /// into a panel.
  package var transposedLanes: Int {
    let widest = tiling.columns.main.pieces.map(\.width).max() ?? 1
    return Machine.transposedLanes(min(widest, contraction.inner.extent), contraction.element)
  }

  // MARK: Scratch memory

  /// First elements of the left panels and of the blocks kept apart; the right panels come first.
  package var leftPanelsOffset: Int {
    packsRight ? rightPanels(min(blocking.groups, tiling.columns.mainCount)) : 0
  }
  package var apartOffset: Int {
    let left = packsLeft ? blocking.tiles * leftPanelSize : 0
    return (leftPanelsOffset + left).roundedUp(to: Machine.areaElements)
  }
  package var scratchElements: Int { apartOffset + (apart?.scratchElements ?? 0) }

  // MARK: Reports

  var label: String {
    switch (packsLeft, packsRight) {
    case (true, true): "both operands packed"
    case (true, false): "panels, left operand packed"
    case (false, true): contraction.hasLeftPanels ? "panels, right operand packed" : "packed"
    case (false, false): "panels"
    }
  }
}

extension PackedPlan {
  /// The panels that the kernel copies its operands into, for kernels that pack before; none for
  /// operands that are read where they lie, nor for products in several pieces (loops around the
  /// tiled ones).
  var packedOperands: PackedOperands {
    guard contraction.outer.isEmpty, contraction.outerInner.isEmpty else {
      return PackedOperands()
    }
    let right = PackedOperands.Operand(rightPanels, isRepeated: !splitsColumns)
    let left =
      blocking.packsLeft
      ? PackedOperands.Operand(leftPanels, isRepeated: splitsColumns) : nil
    return contraction.isSwapped
      ? PackedOperands(a: right, b: left, resultColumns: resultColumns)
      : PackedOperands(a: left, b: right, resultColumns: resultColumns)
  }

  /// The columns of C if the kernel can apply an epilogue: C has rows of one length, one after the
  /// other, and each block of it is complete at one time.
  private var resultColumns: Int? {
    let isDense =
      contraction.columns.strideC == 1 && contraction.rows.strideC == contraction.columns.extent
    return isDense ? contraction.columns.extent : nil
  }

  /// The panels of the right operand: groups of columns.
  private var rightPanels: PanelShape {
    let columns = tiling.columns
    return PanelShape(
      element: contraction.element,
      lines: (contraction.columns.extent, contraction.columns.strideB),
      terms: (contraction.inner.extent, contraction.inner.strideB),
      wide: (columns.main.width, columns.mainCount),
      narrow: (columns.rest?.width ?? 0, columns.rest == nil ? 0 : 1), depth: blocking.depth,
      panelSize: rightPanelSize, blockSize: rightBlockSize)
  }

  /// The panels of the left operand: tiles of rows.
  private var leftPanels: PanelShape {
    let rows = tiling.rows
    return PanelShape(
      element: contraction.element,
      lines: (contraction.rows.extent, contraction.rows.strideA),
      terms: (contraction.inner.extent, contraction.inner.strideA),
      wide: (rows.height, rows.tallCount), narrow: (rows.height - 1, rows.count - rows.tallCount),
      depth: blocking.depth, linePitch: keepsLeftRows ? leftPanelRow : nil,
      panelSize: leftPanelSize, blockSize: leftBlockSize)
  }
}

extension Int {
  /// The smallest multiple of `unit` that is not smaller.
  package func roundedUp(to unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
