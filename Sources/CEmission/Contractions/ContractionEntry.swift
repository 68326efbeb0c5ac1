// SPDX-License-Identifier: Apache-2.0
//
// What every kind of contraction kernel has in common: the entry function that turns a range of
// units into separate products (the loops around the tiled ones) and a range of blocks in each,
// and the strip function that walks one column group down the row tiles.

import Kernels

/// Writes the entry function of a kernel.
struct ContractionEntry {
  var name: String
  var contraction: CanonicalContraction
  /// Units per separate product.
  var blocks: Int
  /// Whether `body` uses the scratch pointer.
  var usesScratch = false
  /// Parameters after C.
  var arrays: [String] = []

  /// Writes the function; `body` sees the pointers `left`, `right` and `result` and the integers
  /// `first` and `last`, the range of blocks of this product.
  func write(to writer: inout CWriter, _ body: (inout CWriter) -> Void) {
    // One product alone: the parameters are what `body` sees.
    let isAlone = contraction.outer.isEmpty
    let operands =
      isAlone ? contraction.isSwapped ? ["right", "left"] : ["left", "right"] : ["a", "b"]
    let (result, units) = isAlone ? ("result", ["first", "last"]) : ("c", ["begin", "end"])
    let element = contraction.element
    let parameters =
      operands.map(element.input) + [element.output(result)] + arrays
      + (usesScratch ? [element.output("scratch")] : []) + units.map(Index.parameter)
    writer.kernelFunction(name, parameters) { writer in
      isAlone ? body(&writer) : writeProducts(to: &writer, body)
    }
  }

  private func writeProducts(
    to writer: inout CWriter, _ body: (inout CWriter) -> Void
  ) {
    let first = blocks == 1 ? "begin" : "begin / \(blocks)"
    let below = blocks == 1 ? "end" : "(end + \(blocks - 1)) / \(blocks)"
    writer.stepLoop("product", from: first, below: below) { writer in
      var stride = contraction.outerCount
      var names: [(String, ContractionDimension)] = []
      for (number, loop) in contraction.outer.enumerated() {
        stride /= loop.extent
        var value = stride == 1 ? "product" : "product / \(stride)"
        if number > 0 { value += " % \(loop.extent)" }
        writer.integer("outer\(number)", value)
        names.append(("outer\(number)", loop))
      }
      writePointers(names, to: &writer)
      if blocks == 1 {
        writer.integer("first", "0")
        writer.integer("last", "1")
      } else {
        let start = "product * \(blocks)"
        writer.integer("first", "begin > \(start) ? begin - \(start) : 0")
        writer.integer("last", "end - \(start) < \(blocks) ? end - \(start) : \(blocks)")
      }
      body(&writer)
    }
  }

  private func writePointers(
    _ loops: [(String, ContractionDimension)], to writer: inout CWriter
  ) {
    let (left, right) = contraction.isSwapped ? ("b", "a") : ("a", "b")
    let element = contraction.element
    writer.readPointer("left", to: element, Index.address(left, loops.map { ($0.0, $0.1.strideA) }))
    writer.readPointer(
      "right", to: element, Index.address(right, loops.map { ($0.0, $0.1.strideB) }))
    writer.writePointer(
      "result", to: element, Index.address("c", loops.map { ($0.0, $0.1.strideC) }))
  }
}

/// All row tiles of one column group: a function over a range of tiles.
struct TileStrip {
  var name: String
  var rows: RowSplit
  /// One tile for each height in `rows`, tallest first.
  var tiles: [RegisterTile]
  /// Distance between the first elements of neighbouring rows of the left operand.
  var leftRowStride: Int
  /// Elements of a packed tile of the left operand, where each tile lies in a panel of its own.
  var leftPanelSize: Int?

  /// Writes the tile functions and the strip function.
  ///
  /// The strip's parameters are those of a tile, then the range of tiles `first ..< last`. Its
  /// pointers are those of row 0; with panels, `left` is that of tile `first`.
  func write(to writer: inout CWriter) {
    for tile in tiles { tile.write(to: &writer) }
    let parameters = tiles[0].parameters + [Index.parameter("first"), Index.parameter("last")]
    writer.kernelFunction(name, parameters) { writeLoops(result: "c", to: &$0) }
  }

  /// Writes the calls of the tiles `first ..< last`.
  func writeLoops(result: String, to writer: inout CWriter) {
    rows.writeLoops(over: "tile", from: "first", below: "last", to: &writer) {
      height, start, writer in
      guard let tile = tiles.first(where: { $0.height == height }) else {
        preconditionFailure("no tile of \(height) rows")
      }
      writeCall(tile, at: start, result: result, to: &writer)
    }
  }

  private func writeCall(
    _ tile: RegisterTile, at start: TileStart, result: String, to writer: inout CWriter
  ) {
    func address(_ pointer: String, _ stride: Int) -> String {
      let offset = start.scaled(by: stride)
      return Index.address(pointer, [offset.term], plus: offset.constant)
    }
    let left =
      leftPanelSize.map { Index.address("left", [("tile - first", $0)]) }
      ?? address("left", leftRowStride)
    var arguments = [left, "right", address(result, tile.resultRowStride)]
    if tile.depth == .parameter { arguments.append("depth") }
    if tile.accumulation == .parameter { arguments.append("adds") }
    writer.call(tile.name, arguments)
  }
}

/// Where a tile begins: row (or column) `index * step + constant`.
struct TileStart {
  var index: String
  var step: Int
  var constant: Int

  /// The address of the tile's first element along a loop of stride `stride`, as a term and a
  /// constant of a linear expression.
  func scaled(by stride: Int) -> (term: (String, Int), constant: Int) {
    ((index, step * stride), constant * stride)
  }
}

extension RowSplit {
  /// Writes one loop per height over the tiles `first ..< last`; the loop variable is `variable`.
  func writeLoops(
    over variable: String, from first: String, below last: String,
    to writer: inout CWriter,
    _ body: (Int, TileStart, inout CWriter) -> Void
  ) {
    let isEven = tallCount == count
    let tallLast = isEven ? last : "(\(last) < \(tallCount) ? \(last) : \(tallCount))"
    writer.stepLoop(variable, from: first, below: tallLast) { writer in
      body(height, TileStart(index: variable, step: height, constant: 0), &writer)
    }
    if isEven { return }
    let lowFirst = "(\(first) > \(tallCount) ? \(first) : \(tallCount))"
    writer.stepLoop(variable, from: lowFirst, below: last) { writer in
      body(height - 1, TileStart(index: variable, step: height - 1, constant: tallCount), &writer)
    }
  }
}

extension RowSplit {
  /// Writes `body` once per height for the tiles of that height among `first ..< last`; it gets the
  /// height, where the first of them begins and the expression for their number.
  func writeRanges(
    from first: String, below last: String, as name: String, to writer: inout CWriter,
    _ body: (Int, TileStart, String, inout CWriter) -> Void
  ) {
    if tallCount == count {
      let start = TileStart(index: first, step: height, constant: 0)
      return body(height, start, "\(last) - \(first)", &writer)
    }
    writer.integer("\(name)_low", limited(first, last))
    writer.when("\(first) < \(name)_low") { writer in
      let start = TileStart(index: first, step: height, constant: 0)
      body(height, start, "\(name)_low - \(first)", &writer)
    }
    writer.when("\(name)_low < \(last)") { writer in
      let start = TileStart(index: "\(name)_low", step: height - 1, constant: tallCount)
      body(height - 1, start, "\(last) - \(name)_low", &writer)
    }
  }

  /// The first low tile among `first ..< last`, or `last`.
  private func limited(_ first: String, _ last: String) -> String {
    "\(last) < \(tallCount) ? \(last) : \(first) > \(tallCount) ? \(first) : \(tallCount)"
  }
}

extension CanonicalContraction {
  /// The three pointers of the tile at `row` and `column`, as arguments of its function.
  func tileArguments(
    _ row: TileStart, _ column: TileStart, result: String
  ) -> [String] {
    let left = row.scaled(by: rows.strideA)
    let right = column.scaled(by: columns.strideB)
    let (down, across) = (row.scaled(by: rows.strideC), column.scaled(by: columns.strideC))
    return [
      Index.address("left", [left.term], plus: left.constant),
      Index.address("right", [right.term], plus: right.constant),
      Index.address(result, [down.term, across.term], plus: down.constant + across.constant),
    ]
  }
}
