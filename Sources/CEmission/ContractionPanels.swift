// SPDX-License-Identifier: Apache-2.0
//
// Panels that are packed before a contraction, by a kernel of their own: which panels a packed
// contraction would read, and the kernel that makes them. The layout is the one that the packed
// kernel has in its scratch memory, with all blocks of the sum one after the other, so the tiles
// and the order of every sum are the same either way.

package import Scheduling

/// The panels that the kernel of `shape` copies its operands into; none for operands that are read
/// where they lie, nor for products in several pieces (loops around the tiled ones).
package func packedOperands(
  of shape: ContractionShape, for target: ContractionTarget
) -> PackedOperands {
  let contraction = CanonicalContraction(shape)
  guard contraction.outer.isEmpty, contraction.outerInner.isEmpty,
    case .packed(let blocking) = ContractionStrategy(contraction, target)
  else { return PackedOperands() }
  let packed = PackedContraction(contraction, blocking, name: "")
  let right = PackedOperands.Operand(packed.rightPanels, isRepeated: !packed.splitsColumns)
  let left =
    blocking.packsLeft
    ? PackedOperands.Operand(packed.leftPanels, isRepeated: packed.splitsColumns) : nil
  return contraction.isSwapped
    ? PackedOperands(a: right, b: left) : PackedOperands(a: left, b: right)
}

extension PackedContraction {
  /// The panels of the right operand: groups of columns.
  var rightPanels: PanelShape {
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
  var leftPanels: PanelShape {
    let rows = tiling.rows
    return PanelShape(
      element: contraction.element,
      lines: (contraction.rows.extent, contraction.rows.strideA),
      terms: (contraction.inner.extent, contraction.inner.strideA),
      wide: (rows.height, rows.tallCount), narrow: (rows.height - 1, rows.count - rows.tallCount),
      depth: blocking.depth, linePitch: keepsLeftRows ? leftPanelRow : nil,
      panelSize: leftPanelSize, blockSize: leftBlockSize)
  }

  /// Elements of all panels of one block of the sum.
  var rightBlockSize: Int {
    let rest = (tiling.columns.rest?.width ?? 0) * blocking.depth
    return (tiling.columns.mainCount * rightPanelSize + rest).roundedUp(to: 16)
  }
  var leftBlockSize: Int { (tiling.rows.count * leftPanelSize).roundedUp(to: 16) }
}

/// Writes the kernel that fills `panels`:
///
///     static void NAME(const T *restrict source, T *restrict panels, int64_t begin, int64_t end)
///
/// Its units are the panels, block by block.
package func emitPacking(
  _ panels: PanelShape, named name: String, for target: ContractionTarget
) -> ContractionKernel {
  var writer = ContractionWriter(element: panels.element)
  let packing = PanelPacking(panels, lanes: target.lanes(panels.element), name: name)
  packing.write(to: &writer)
  return ContractionKernel(
    strategy: "packing", text: writer.text,
    requiredHelpers: ["mf_library", "mf_vector_types", packing.helper],
    splitCount: panels.blockCount * panels.panelCount, scratchBytesPerWorker: 0, flops: 0)
}

/// The writer of a packing kernel.
private struct PanelPacking {
  /// How a panel is copied.
  private enum Copy {
    /// Lines are neighbours in the operand and in the panel.
    case tiles
    /// Terms are neighbours in the operand and in the panel.
    case rows
    /// Terms are neighbours in the operand, lines in the panel; blocks of `lanes` x `lanes`.
    case transposed(lanes: Int)
    case gathered
  }

  let panels: PanelShape
  let name: String
  private let copy: Copy

  init(_ panels: PanelShape, lanes: Int, name: String) {
    (self.panels, self.name) = (panels, name)
    if panels.linePitch != nil {
      copy = .rows
    } else if panels.lineStride == 1 {
      copy = .tiles
    } else if panels.termStride == 1 {
      let room = min(lanes, panels.width, panels.terms)
      copy = .transposed(lanes: transposedLanes(room, panels.element))
    } else {
      copy = .gathered
    }
  }

  /// The runtime helper that copies.
  var helper: String {
    let element = panels.element.rawValue
    return switch copy {
    case .tiles: "mf_pack_tiles_\(element)"
    case .rows: "mf_pack_rows_\(element)"
    case .transposed(let lanes): "mf_pack_transposed_\(element)x\(lanes)"
    case .gathered: "mf_pack_gathered_\(element)"
    }
  }

  func write(to writer: inout ContractionWriter) {
    writer.comment(
      "\(name): \(panels.lines) lines of \(panels.terms) terms to \(panels.blockCount) x "
        + "\(panels.panelCount) panels.")
    let parameters = [
      writer.input("source"), writer.output("panels"), writer.count("begin"), writer.count("end"),
    ]
    let count = panels.panelCount
    writer.function(name, parameters, isKernel: true) { writer in
      writer.loop("block", from: "begin / \(count)", below: "(end + \(count - 1)) / \(count)") {
        writer in
        writer.integer("start", "block * \(count)")
        writer.integer("first", "begin > start ? begin - start : 0")
        writer.integer("last", "end - start < \(count) ? end - start : \(count)")
        writeBlock(to: &writer)
      }
    }
  }

  private func writeBlock(to writer: inout ContractionWriter) {
    let rest = "\(panels.terms) - block * \(panels.depth)"
    writer.integer(
      "depth",
      panels.blockCount == 1
        ? "\(panels.terms)" : "\(rest) < \(panels.depth) ? \(rest) : \(panels.depth)")
    writer.readPointer(
      "lines", writer.address("source", [("block", panels.depth * panels.termStride)]))
    writer.writePointer("target", writer.address("panels", [("block", panels.blockSize)]))
    let wide = panels.wideCount
    if panels.narrowCount == 0 {
      writeRange("first", "last", panels.width, line: 0, to: &writer)
      return
    }
    writer.integer("wide_last", "last < \(wide) ? last : \(wide)")
    writeRange("first", "wide_last", panels.width, line: 0, to: &writer)
    writer.integer("narrow_first", "first > \(wide) ? first : \(wide)")
    writeRange(
      "narrow_first", "last", panels.narrowWidth,
      line: wide * (panels.width - panels.narrowWidth), to: &writer)
  }

  /// Writes the copies of the panels `first ..< last`, which have `width` lines each; the lines of
  /// panel p begin at `p * width + line`.
  private func writeRange(
    _ first: String, _ last: String, _ width: Int, line: Int, to writer: inout ContractionWriter
  ) {
    func source(_ panel: String) -> String {
      writer.address(
        "lines", [(panel, width * panels.lineStride)], plus: line * panels.lineStride)
    }
    func target(_ panel: String) -> String {
      writer.address("target", [(panel, panels.panelSize)])
    }
    let (line, term) = ("\(panels.lineStride)", "\(panels.termStride)")
    let arguments: [String]
    switch copy {
    case .tiles:
      let count = "\(last) - \(first)"
      let (from, to) = (source(first), target(first))
      writer.when("\(first) < \(last)") { writer in
        writer.call(
          helper, [from, term, "depth", "\(width)", count, to, "\(panels.panelSize)"])
      }
      return
    case .rows:
      arguments = [
        source("panel"), line, "\(width)", "depth", target("panel"), "\(panels.linePitch ?? 0)",
      ]
    case .transposed:
      arguments = [source("panel"), line, "\(width)", "depth", target("panel")]
    case .gathered:
      arguments = [source("panel"), term, line, "\(width)", "depth", target("panel")]
    }
    writer.loop("panel", from: first, below: last) { $0.call(helper, arguments) }
  }
}

/// Side of the squares that are transposed in registers: the largest that fits into `room` elements.
/// What is smaller goes element by element.
func transposedLanes(_ room: Int, _ element: ContractionElement) -> Int {
  var lanes = 16 / element.bytes
  while lanes * 2 <= room { lanes *= 2 }
  return lanes
}
