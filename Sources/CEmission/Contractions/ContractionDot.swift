// SPDX-License-Identifier: Apache-2.0
//
// Writes the dot form (`DotPlan`): vector lanes run along the sum.

import Kernels
import MixFuseShared

/// The writer of a contraction whose vector lanes run along the sum.
struct DotContraction {
  let plan: DotPlan
  let name: String

  init(_ plan: DotPlan, name: String) { (self.plan, self.name) = (plan, name) }

  private var contraction: CanonicalContraction { plan.contraction }
  private var element: FloatType { contraction.element }
  private var splitsColumns: Bool { plan.splitsColumns }
  private var width: Int { plan.width }

  /// Writes the kernel; returns the helpers that it calls.
  func write(to writer: inout CWriter) -> [String] {
    for height in plan.rows.heights {
      for breadth in plan.columns.heights { writeTile(height, breadth, to: &writer) }
    }
    ContractionEntry(name: name, contraction: contraction, blocks: plan.blocks)
      .write(to: &writer) { writeBody(to: &$0) }
    return ["mf_sum_\(element.rawValue)"]
  }

  private func writeBody(to writer: inout CWriter) {
    let (rows, columns) = (plan.rows, plan.columns)
    let rowRange = splitsColumns ? ("0", String(rows.count)) : ("first", "last")
    let columnRange = splitsColumns ? ("first", "last") : ("0", String(columns.count))
    rows.writeLoops(over: "row", from: rowRange.0, below: rowRange.1, to: &writer) {
      height, row, writer in
      columns.writeLoops(over: "column", from: columnRange.0, below: columnRange.1, to: &writer) {
        breadth, column, writer in
        let arguments = contraction.tileArguments(row, column, result: "result")
        writer.call("\(name)_tile_\(height)x\(breadth)", arguments)
      }
    }
  }

  // MARK: the tile

  private func writeTile(_ height: Int, _ breadth: Int, to writer: inout CWriter) {
    let parameters = [element.input("left"), element.input("right"), element.output("c")]
    writer.comment("\(height) x \(breadth) sums, \(width) terms at a time.")
    writer.kernelFunction("\(name)_tile_\(height)x\(breadth)", parameters) { writer in
      let type = element.vector(width)
      let sums = "sum[\(plan.copies)][\(height)][\(breadth)]"
      writer.line("\(type) \(sums)\(blocks == nil ? " = {0}" : "");")
      if blocks == nil {
        writeSums(height, breadth, to: &writer) { writeInner(0, height, breadth, to: &$0) }
      } else {
        writeBlockedSums(height, breadth, to: &writer)
      }
      let result = Index.sum(
        [("i", contraction.rows.strideC), ("j", contraction.columns.strideC)])
      let sum = "mf_sum_\(element.rawValue)x\(width)(sum[0][i][j])"
      writeElements(height, breadth, to: &writer) { writer in
        writer.line("c[\(result)] \(contraction.accumulates ? "+=" : "=") \(sum);")
      }
    }
  }

  /// How a long sum is cut.
  private var blocks: SumBlocks? { plan.sumBlocks }

  /// What `body` adds to the sums, and all copies in the first.
  private func writeSums(
    _ height: Int, _ breadth: Int, to writer: inout CWriter,
    _ body: (inout CWriter) -> Void
  ) {
    body(&writer)
    if plan.copies > 1 { writeCopies(height, breadth, to: &writer) }
  }

  private func writeBlockedSums(
    _ height: Int, _ breadth: Int, to writer: inout CWriter
  ) {
    let type = element.vector(width)
    writer.line("\(type) total[\(height)][\(breadth)], error[\(height)][\(breadth)];")
    writeElements(height, breadth, to: &writer) { writer in
      writer.line("total[i][j] = error[i][j] = (\(type)){0};")
    }
    writeInner(0, height, breadth, to: &writer)
    let total = "total[i][j] + error[i][j]"
    writeElements(height, breadth, to: &writer) { $0.line("sum[0][i][j] = \(total);") }
  }

  private func writeBlock(
    _ height: Int, _ breadth: Int, to writer: inout CWriter,
    _ body: (inout CWriter) -> Void
  ) {
    let type = element.vector(width)
    writer.unrolledLoop("u", count: plan.copies) { writer in
      writeElements(height, breadth, to: &writer) { $0.line("sum[u][i][j] = (\(type)){0};") }
    }
    writeSums(height, breadth, to: &writer, body)
    writeElements(height, breadth, to: &writer) {
      $0.addBlock("sum[0][i][j]", to: "total[i][j]", error: "error[i][j]", type)
    }
  }

  private func writeElements(
    _ height: Int, _ breadth: Int, to writer: inout CWriter,
    _ body: (inout CWriter) -> Void
  ) {
    writer.unrolledLoop("i", count: height) { writer in
      writer.unrolledLoop("j", count: breadth) { body(&$0) }
    }
  }

  private func writeCopies(_ height: Int, _ breadth: Int, to writer: inout CWriter) {
    writer.unrolledLoop("u", count: plan.copies - 1) { writer in
      writeElements(height, breadth, to: &writer) { $0.line("sum[0][i][j] += sum[u + 1][i][j];") }
    }
  }

  private func writeInner(
    _ level: Int, _ height: Int, _ breadth: Int, to writer: inout CWriter
  ) {
    let loops = contraction.outerInner
    guard level < loops.count else { return writeInnermost(height, breadth, to: &writer) }
    let body = { (writer: inout CWriter) in
      writeInner(level + 1, height, breadth, to: &writer)
    }
    let extent = loops[level].extent
    guard let blocks, blocks.level == level else {
      return writer.rolledLoop("k\(level)", below: String(extent), body)
    }
    writer.blockLoops("k\(level)", below: extent, size: blocks.size) { loop, writer in
      writeBlock(height, breadth, to: &writer) { loop(&$0, body) }
    }
  }

  private func writeInnermost(
    _ height: Int, _ breadth: Int, to writer: inout CWriter
  ) {
    let extent = contraction.inner.extent
    guard let blocks, blocks.level == contraction.outerInner.count else {
      return writeSteps(from: 0, extent, height, breadth, to: &writer)
    }
    // Whole steps: `terms` of a block is a multiple of them.
    let whole = extent / blocks.size * blocks.size
    writer.rolledLoop("start", below: String(whole), step: blocks.size) { writer in
      writeBlock(height, breadth, to: &writer) {
        writeLoop(from: "start", below: "start + \(blocks.size)", height, breadth, to: &$0)
      }
    }
    if whole == extent { return }
    writeBlock(height, breadth, to: &writer) {
      writeSteps(from: whole, extent - whole, height, breadth, to: &$0)
    }
  }

  private func writeLoop(
    from start: String, below end: String, _ height: Int, _ breadth: Int,
    to writer: inout CWriter
  ) {
    writer.rolledLoop("k", from: start, below: end, step: width * plan.copies) { writer in
      writer.unrolledLoop("u", count: plan.copies) { writer in
        writeStep(height, breadth, at: [("k", 1), ("u", width)], plus: 0, to: &writer) {
          $0.line("sum[u][i][j] += \($1);")
        }
      }
    }
  }

  /// `count` terms from a number on that is known.
  private func writeSteps(
    from start: Int, _ count: Int, _ height: Int, _ breadth: Int,
    to writer: inout CWriter
  ) {
    let step = width * plan.copies
    let whole = start + count / step * step
    writeLoop(from: String(start), below: String(whole), height, breadth, to: &writer)
    let vectors = (start + count - whole) / width
    if vectors > 0 {
      writer.unrolledLoop("u", count: vectors) { writer in
        writeStep(height, breadth, at: [("u", width)], plus: whole, to: &writer) {
          $0.line("sum[u][i][j] += \($1);")
        }
      }
    }
    if count % width > 0 { writeTail(height, breadth, to: &writer) }
  }

  /// The last terms, read by a vector that ends with the sum; lanes already added keep their sum.
  private func writeTail(_ height: Int, _ breadth: Int, to writer: inout CWriter) {
    let extent = contraction.inner.extent
    let kept = width - extent % width
    let lanes = (0..<width).map { String($0 < kept ? $0 : $0 + width) }.joined(separator: ", ")
    writeStep(height, breadth, at: [], plus: extent - width, to: &writer) { writer, product in
      writer.constant(element.vector(width), "more", "sum[0][i][j] + \(product)")
      writer.line("sum[0][i][j] = __builtin_shufflevector(sum[0][i][j], more, \(lanes));")
    }
  }

  private func writeStep(
    _ height: Int, _ breadth: Int, at terms: [(String, Int)], plus constant: Int,
    to writer: inout CWriter, _ body: (inout CWriter, String) -> Void
  ) {
    let around = contraction.outerInner.enumerated()
    let leftTerms = around.map { ("k\($0.offset)", $0.element.strideA) } + terms
    let rightTerms = around.map { ("k\($0.offset)", $0.element.strideB) } + terms
    let left = element.load(
      width, Index.address("left", [("i", contraction.rows.strideA)] + leftTerms, plus: constant))
    let right = element.load(
      width,
      Index.address("right", [("j", contraction.columns.strideB)] + rightTerms, plus: constant))
    let type = element.vector(width)
    writer.block { writer in
      writer.line("\(type) row[\(height)];")
      writer.unrolledLoop("i", count: height) { $0.line("row[i] = \(left);") }
      writer.unrolledLoop("j", count: breadth) { writer in
        writer.constant(type, "column", right)
        writer.unrolledLoop("i", count: height) { body(&$0, "row[i] * column") }
      }
    }
  }
}
