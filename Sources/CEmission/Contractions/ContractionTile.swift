// SPDX-License-Identifier: Apache-2.0
//
// Writes the innermost function of a contraction: one register tile of C. Accumulators are local
// arrays indexed only by fully unrolled loops, so that the compiler keeps all of them in
// registers; each step of the inner loop loads the vectors of the right operand once and
// multiplies them by one broadcast element of the left operand per row.

import Kernels
import MixFuseShared

/// One tile function: its size, its strides and how it treats C.
struct RegisterTile {
  /// How many inner steps there are.
  enum Depth: Hashable {
    /// Known when the C is written.
    case fixed(Int)
    /// The tile function's parameter `depth`: for blocks of a long sum.
    case parameter
  }
  /// What happens to the old value of C.
  enum Accumulation: Hashable {
    case replace, add
    /// The tile function's parameter `adds`: false for the first block of a long sum.
    case parameter
  }

  let element: FloatType
  var name: String
  var height: Int
  var group: ColumnGroup
  /// The tiled inner loop; its strides are those of the operands as the tile sees them, which
  /// may be packed copies.
  var inner: ContractionDimension
  /// Summed loops around the tiled inner loop.
  var outerInner: [ContractionDimension]
  var leftRowStride: Int
  var rightColumnStride: Int
  var resultRowStride: Int, resultColumnStride: Int
  var depth: Depth
  var accumulation: Accumulation
  var copies: Int
  /// When C is fetched, if it is too large to be in the cache when the tile ends.
  var fetch = ResultFetch.none

  /// The tile function's parameters, in order.
  var parameters: [String] {
    var result = [element.input("left"), element.input("right"), element.output("c")]
    if depth == .parameter { result.append(Index.parameter("depth")) }
    if accumulation == .parameter { result.append(Index.parameter("adds")) }
    return result
  }

  /// Writes the whole tile function.
  func write(to writer: inout CWriter) {
    let spans = group.pieces.map { String($0.width) }.joined(separator: " + ")
    writer.comment("\(height) rows of \(group.width) columns (\(spans)) in registers.")
    writer.kernelFunction(name, parameters) { writer in
      writeAccumulators(to: &writer)
      if fetch == .early { writePrefetches(to: &writer) }
      writeOuterInner(0, to: &writer)
      if blocks == nil {
        writeCopies(to: &writer)
      } else {
        writeCorrections(to: &writer)
      }
      writeResult(to: &writer)
    }
  }

  /// How a long sum is cut; blocks whose depth is a parameter are parts of one already.
  private var blocks: SumBlocks? {
    guard case .fixed(let count) = depth else { return nil }
    return SumBlocks.steps(outerInner.map(\.extent) + [count])
  }

  // MARK: accumulators

  private func writeAccumulators(to writer: inout CWriter) {
    var pieces = Array(group.pieces.enumerated())[...]
    while let first = pieces.first {
      let alike = pieces.prefix { $0.element.width == first.element.width }
      let numbers = alike.map(\.offset)
      var declarators = numbers.map {
        "sum\($0)[\(height * copies)]\(blocks == nil ? " = {0}" : "")"
      }
      if blocks != nil {
        declarators += numbers.flatMap {
          ["total\($0)[\(height)] = {0}", "error\($0)[\(height)] = {0}"]
        }
      }
      writer.declaration(element.vector(first.element.width), declarators)
      pieces = pieces.dropFirst(alike.count)
    }
  }

  private func writeZeros(to writer: inout CWriter) {
    writer.unrolledLoop("i", count: height * copies) { writer in
      for (number, piece) in group.pieces.enumerated() {
        writer.line("sum\(number)[i] = (\(element.vector(piece.width))){0};")
      }
    }
  }

  /// One block of a long sum: `body` adds its products to sums that begin at zero.
  private func writeBlock(
    to writer: inout CWriter, _ body: (inout CWriter) -> Void
  ) {
    writeZeros(to: &writer)
    body(&writer)
    writeCopies(to: &writer)
    writer.unrolledLoop("i", count: height) { writer in
      for (number, piece) in group.pieces.enumerated() {
        writer.addBlock(
          "sum\(number)[i]", to: "total\(number)[i]", error: "error\(number)[i]",
          element.vector(piece.width))
      }
    }
  }

  private func writeCorrections(to writer: inout CWriter) {
    writer.unrolledLoop("i", count: height) { writer in
      for number in group.pieces.indices {
        let total = "total\(number)[i] + error\(number)[i]"
        writer.line("sum\(number)[i] = \(total);")
      }
    }
  }

  private func writeCopies(to writer: inout CWriter) {
    guard copies > 1 else { return }
    writer.unrolledLoop("i", count: height * (copies - 1)) { writer in
      for number in group.pieces.indices {
        let own = height == 1 ? "0" : "i % \(height)"
        let copy = Index.sum([("i", 1)], plus: height)
        writer.line("sum\(number)[\(own)] += sum\(number)[\(copy)];")
      }
    }
  }

  private func writeResult(to writer: inout CWriter) {
    switch accumulation {
    case .replace: writeStores(to: &writer)
    case .add:
      writeAdditions(to: &writer)
      writeStores(to: &writer)
    case .parameter:
      writer.when("adds") { writeAdditions(to: &$0) }
      writeStores(to: &writer)
    }
  }

  /// Adds the old C to the sums, all of it before any store: pieces may overlap.
  private func writeAdditions(to writer: inout CWriter) {
    writer.unrolledLoop("i", count: height) { writer in
      for (number, piece) in group.pieces.enumerated() {
        writer.line("sum\(number)[i] += \(element.load(piece.width, resultAddress(piece)));")
      }
    }
  }

  private func writeStores(to writer: inout CWriter) {
    writer.unrolledLoop("i", count: height) { writer in
      for (number, piece) in group.pieces.enumerated() {
        writer.line(element.store(piece.width, resultAddress(piece), "sum\(number)[i]"))
      }
    }
  }

  private func resultAddress(_ piece: ColumnPiece) -> String {
    Index.address("c", [("i", resultRowStride)], plus: piece.offset * resultColumnStride)
  }

  // MARK: the inner loops

  private func writeOuterInner(_ level: Int, to writer: inout CWriter) {
    guard level < outerInner.count else { return writeInner(to: &writer) }
    if let blocks, blocks.level == level {
      return writer.blockLoops("k\(level)", below: outerInner[level].extent, size: blocks.size) {
        loop, writer in
        writeBlock(to: &writer) { loop(&$0) { writeOuterInner(level + 1, to: &$0) } }
      }
    }
    writer.rolledLoop("k\(level)", below: String(outerInner[level].extent)) { writer in
      writeOuterInner(level + 1, to: &writer)
    }
  }

  private func writeInner(to writer: inout CWriter) {
    switch (depth, fetch) {
    case (.parameter, .late(let last)):
      writer.integer("early", "depth > \(last) ? depth - \(last) : 0")
      writer.rolledLoop("k", below: "early") { writeStep(from: "k", copy: 0, to: &$0) }
      writePrefetches(to: &writer)
      writer.rolledLoop("k", from: "early", below: "depth") {
        writeStep(from: "k", copy: 0, to: &$0)
      }
    case (.parameter, .none), (.parameter, .early):
      writer.rolledLoop("k", below: "depth") { writeStep(from: "k", copy: 0, to: &$0) }
    case (.fixed(1), _):
      writeStep(from: "0", copy: 0, to: &writer)
    case (.fixed(let count), _):
      guard let blocks, blocks.level == outerInner.count else {
        return writeSteps(from: 0, count, to: &writer)
      }
      let size = blocks.size / copies * copies
      let whole = count / size * size
      writer.rolledLoop("start", below: String(whole), step: size) { writer in
        writeBlock(to: &writer) { writer in
          writer.rolledLoop("k", from: "start", below: "start + \(size)", step: copies) {
            writeCopiedSteps(to: &$0)
          }
        }
      }
      if whole < count {
        writeBlock(to: &writer) { writeSteps(from: whole, count - whole, to: &$0) }
      }
    }
  }

  /// `count` steps from a number on that is known.
  private func writeSteps(from start: Int, _ count: Int, to writer: inout CWriter) {
    let whole = start + count / copies * copies
    if start < whole {
      writer.rolledLoop("k", from: String(start), below: String(whole), step: copies) {
        writeCopiedSteps(to: &$0)
      }
    }
    for copy in 0..<(start + count - whole) {
      writeStep(from: "0", plus: whole + copy, copy: copy, to: &writer)
    }
  }

  private func writeCopiedSteps(to writer: inout CWriter) {
    for copy in 0..<copies { writeStep(from: "k", plus: copy, copy: copy, to: &writer) }
  }

  /// The lines of C are far apart and long unused; they arrive while the tile is computed.
  private func writePrefetches(to writer: inout CWriter) {
    writer.unrolledLoop("i", count: height) { writer in
      for piece in group.pieces {
        writer.call("__builtin_prefetch", [resultAddress(piece), "1"])
      }
    }
  }

  /// One inner step: load the row of the right operand, multiply it by every row's element.
  ///
  /// The step's number is `variable + constant`; the constant is folded into the addresses.
  private func writeStep(
    from variable: String, plus constant: Int = 0, copy: Int, to writer: inout CWriter
  ) {
    if copies > 1 {
      writer.block { writeProducts(variable, constant, copy: copy, to: &$0) }
    } else {
      writeProducts(variable, constant, copy: copy, to: &writer)
    }
  }

  private func writeProducts(
    _ variable: String, _ constant: Int, copy: Int, to writer: inout CWriter
  ) {
    let around = outerInner.indices.map { ("k\($0)", outerInner[$0]) }
    let rightTerms = around.map { ($0.0, $0.1.strideB) } + [(variable, inner.strideB)]
    let leftTerms =
      around.map { ($0.0, $0.1.strideA) } + [("i", leftRowStride), (variable, inner.strideA)]
    for (number, piece) in group.pieces.enumerated() {
      let offset = piece.offset * rightColumnStride + constant * inner.strideB
      let address = Index.address("right", rightTerms, plus: offset)
      writer.constant(
        element.vector(piece.width), "right\(number)", element.load(piece.width, address))
    }
    writer.unrolledLoop("i", count: height) { writer in
      let index = Index.sum(leftTerms, plus: constant * inner.strideA)
      writer.constant(element.cName, "factor", "left[\(index)]")
      for number in group.pieces.indices {
        let sum = Index.sum([("i", 1)], plus: copy * height)
        writer.line("sum\(number)[\(sum)] += factor * right\(number);")
      }
    }
  }
}
