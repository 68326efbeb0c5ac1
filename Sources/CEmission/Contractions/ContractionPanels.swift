// SPDX-License-Identifier: Apache-2.0
//
// Writes the kernels that pack an operand before contractions read it (`PackingPlan`).

package import Kernels

/// Writes the kernel that fills panels:
///
///     static void NAME(const T *restrict source, T *restrict panels, int64_t begin, int64_t end)
///
/// Its units are the panels, block by block.
package func emitPacking(_ plan: PackingPlan, named name: String) -> KernelText {
  var writer = CWriter()
  let packing = PanelPacking(plan: plan, name: name)
  packing.write(to: &writer)
  return KernelText(
    text: writer.text, requiredHelpers: ["mf_library", "mf_vector_types", packing.helper])
}

/// The writer of a packing kernel.
private struct PanelPacking {
  let plan: PackingPlan
  let name: String

  private var panels: PanelShape { plan.panels }
  private var element: ContractionElement { panels.element }

  /// The runtime helper that copies.
  var helper: String {
    let suffix = element.rawValue
    return switch plan.copy {
    case .tiles: "mf_pack_tiles_\(suffix)"
    case .rows: "mf_pack_rows_\(suffix)"
    case .transposed(let lanes): "mf_pack_transposed_\(suffix)x\(lanes)"
    case .gathered: "mf_pack_gathered_\(suffix)"
    }
  }

  func write(to writer: inout CWriter) {
    writer.comment(
      "\(name): \(panels.lines) lines of \(panels.terms) terms to \(panels.blockCount) x "
        + "\(panels.panelCount) panels.")
    let parameters = [
      element.input("source"), element.output("panels"), Index.parameter("begin"),
      Index.parameter("end"),
    ]
    let count = panels.panelCount
    writer.kernelFunction(name, parameters) { writer in
      writer.stepLoop("block", from: "begin / \(count)", below: "(end + \(count - 1)) / \(count)") {
        writer in
        writer.integer("start", "block * \(count)")
        writer.integer("first", "begin > start ? begin - start : 0")
        writer.integer("last", "end - start < \(count) ? end - start : \(count)")
        writeBlock(to: &writer)
      }
    }
  }

  private func writeBlock(to writer: inout CWriter) {
    let rest = "\(panels.terms) - block * \(panels.depth)"
    writer.integer(
      "depth",
      panels.blockCount == 1
        ? "\(panels.terms)" : "\(rest) < \(panels.depth) ? \(rest) : \(panels.depth)")
    writer.readPointer(
      "lines", to: element, Index.address("source", [("block", panels.depth * panels.termStride)]))
    writer.writePointer(
      "target", to: element, Index.address("panels", [("block", panels.blockSize)]))
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
    _ first: String, _ last: String, _ width: Int, line: Int, to writer: inout CWriter
  ) {
    func source(_ panel: String) -> String {
      Index.address(
        "lines", [(panel, width * panels.lineStride)], plus: line * panels.lineStride)
    }
    func target(_ panel: String) -> String {
      Index.address("target", [(panel, panels.panelSize)])
    }
    let (line, term) = ("\(panels.lineStride)", "\(panels.termStride)")
    let arguments: [String]
    switch plan.copy {
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
    writer.stepLoop("panel", from: first, below: last) { $0.call(helper, arguments) }
  }
}
