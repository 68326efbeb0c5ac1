// SPDX-License-Identifier: Apache-2.0
//
// Cuts the rows and columns of C into register tiles. Extents are known, so there are no general
// remainder loops: rows are spread evenly over tiles of two heights that differ by one, columns
// over equal groups of vectors and one last group. A small cost model, counting issue slots per
// step of the inner loop, chooses among the few candidates.

import Scheduling

/// Some neighbouring columns held in one register.
struct ColumnPiece: Hashable {
  /// First column, counted from the group's first.
  var offset: Int
  /// Number of columns: a power of two, or any number where one register holds all of a group.
  var width: Int
}

/// The columns of one register tile.
///
/// Two pieces may overlap: both then compute the same values, which is cheaper than several
/// narrow pieces. C is read before it is written, so this also holds when accumulating.
struct ColumnGroup: Hashable {
  var pieces: [ColumnPiece]

  /// Number of columns.
  var width: Int { pieces.map { $0.offset + $0.width }.max() ?? 0 }

  /// Cuts `count` columns into vectors of `lanes` and a remainder.
  ///
  /// Fewer columns than lanes are one vector that leaves the other lanes idle: the multipliers take
  /// as many vectors a cycle whatever their width, so 8 + 2 columns would cost twice as much as 10.
  /// But clang reads and writes a vector of 3 as one of 4, beyond the end of an array.
  init(count: Int, lanes: Int) {
    if count < lanes && count != 3 {
      pieces = [ColumnPiece(offset: 0, width: count)]
      return
    }
    let lanes = count == 3 ? min(lanes, 2) : lanes
    pieces = (0..<count / lanes).map { ColumnPiece(offset: $0 * lanes, width: lanes) }
    let rest = count % lanes
    if rest.nonzeroBitCount == 1 {
      pieces.append(ColumnPiece(offset: count - rest, width: rest))
    } else if rest > 0 {
      pieces.append(ColumnPiece(offset: count - lanes, width: lanes))
    }
  }
}

/// Columns as `mainCount` equal groups followed, if the extent asks for it, by a last one.
struct ColumnSplit: Hashable {
  var main: ColumnGroup
  var mainCount: Int
  var rest: ColumnGroup?

  /// Number of groups.
  var count: Int { mainCount + (rest == nil ? 0 : 1) }
  /// Registers that one row of the widest group needs.
  var vectors: Int { max(main.pieces.count, rest?.pieces.count ?? 0) }

  /// Numbers of columns that one register holds.
  var widths: Set<Int> { Set((main.pieces + (rest?.pieces ?? [])).map(\.width)) }

  /// Cuts `count` columns into groups of `vectors` registers of `lanes`.
  init(count: Int, lanes: Int, vectors: Int) {
    let width = lanes * vectors
    if count <= width {
      (main, mainCount) = (ColumnGroup(count: count, lanes: lanes), 1)
      return
    }
    main = ColumnGroup(count: width, lanes: lanes)
    mainCount = count / width
    var tail = count % width
    // A remainder of less than a vector needs a whole vector beside it to overlap with.
    let needsNeighbour = tail < lanes && tail.nonzeroBitCount > 1
    if needsNeighbour && vectors > 1 {
      mainCount -= 1
      tail += width
    }
    if tail > 0 { rest = ColumnGroup(count: tail, lanes: lanes) }
  }

  /// Every column by itself: for arrays without a unit stride.
  init(scalars count: Int, atOnce: Int) {
    self.init(count: count, lanes: 1, vectors: atOnce)
  }
}

/// Rows as `tallCount` tiles of `height` rows followed by tiles of one row less.
struct RowSplit: Hashable {
  var height: Int
  var tallCount: Int
  var count: Int

  /// Spreads `rows` evenly over as few tiles of at most `limit` rows as possible.
  init(rows: Int, limit: Int) {
    count = (rows + limit - 1) / limit
    height = (rows + count - 1) / count
    tallCount = rows - count * (height - 1)
  }

  /// The heights that occur, tallest first.
  var heights: [Int] { tallCount == count ? [height] : [height, height - 1] }

  /// First row of tile `tile`, as the C expression's two linear parts would give it.
  func firstRow(ofTile tile: Int) -> Int {
    tile * (height - 1) + min(tile, tallCount)
  }
}

/// A choice of register tiles for a whole product.
struct RegisterTiling: Hashable {
  var rows: RowSplit
  var columns: ColumnSplit
  /// How many copies of the accumulators take turns over inner steps, to hide latency where a
  /// tile has few of them.
  var innerCopies: Int
}

/// What one core can do per cycle, coarsely.
///
/// Right for Zen 2 to 5, Skylake to Granite Rapids and Neoverse within what choosing a tile needs.
/// (Zen 4 takes twice as long for vectors of 64 bytes, which favours the same tiles.)
struct IssueModel {
  var lanes: Int
  var registers: Int
  /// Cycles that a vector occupies the multipliers and the load ports, whatever its width: two of
  /// each (Agner Fog's instruction tables; measured on Zen 5).
  let slot = 0.5
  /// The same in the lane kernel, where nothing is broadcast: a vector of 64 bytes is a whole cache
  /// line, or parts of two, at every load, so tiles that load little are worth more there.
  let laneSlot: Double

  init(_ target: ContractionTarget, _ element: ContractionElement) {
    lanes = target.lanes(element)
    registers = target.vectorRegisters
    laneSlot = target.vectorBytes == 64 ? 1 : 0.5
  }

  /// Cycles of one tile of `height` rows and the columns of `group` over `depth` inner steps.
  func cycles(height: Int, group: ColumnGroup, depth: Int, copies: Int) -> Double {
    let slots = Double(group.pieces.count) * slot
    let rows = Double(height)
    let multiply = slots * rows
    let load = slots + rows * slot
    let latency = 4 / Double(copies)
    let issue = (rows * Double(group.pieces.count + 1) + Double(group.pieces.count) + 2) / 5
    // Narrow tiles touch a row's cache line several times.
    let store = rows * (slots * 2 + 1) + 8
    // What a step loads may have to come from the second-level cache.
    let distance = rows * 0.03 + slots * 0.06
    return Double(depth) * (max(multiply, load, latency, issue) + distance) + store
  }

  /// Cycles of all tiles of `tiling`.
  func cycles(_ tiling: RegisterTiling, depth: Int) -> Double {
    let rows = tiling.rows
    let heights = [(rows.height, rows.tallCount), (rows.height - 1, rows.count - rows.tallCount)]
    var groups = [(tiling.columns.main, tiling.columns.mainCount)]
    if let rest = tiling.columns.rest { groups.append((rest, 1)) }
    var sum = 0.0
    for (height, tiles) in heights where tiles > 0 {
      for (group, count) in groups {
        let one = cycles(height: height, group: group, depth: depth, copies: tiling.innerCopies)
        sum += Double(tiles * count) * one
      }
    }
    return sum
  }
}

extension RegisterTiling {
  /// More rows than this only lengthen the code: loads are already as many as products.
  private static let tallest = 26

  /// Copies of the accumulators that a tile of `registers` accumulators wants.
  private static func copies(_ accumulators: Int, _ model: IssueModel, depth: Int) -> Int {
    var copies = 1
    while copies * accumulators < 8 && copies * 4 <= depth { copies *= 2 }
    return copies
  }

  /// The cheapest tiling under the issue model.
  ///
  /// - Parameter isVector: whether B and C have unit stride along columns; otherwise every
  ///   column is computed by itself.
  /// - Parameter widest: the most vectors of columns in a tile.
  static func cheapest(
    rows: Int, columns: Int, depth: Int, isVector: Bool, model: IssueModel, widest: Int = 6
  ) -> RegisterTiling {
    var best: (tiling: RegisterTiling, cycles: Double)?
    for vectors in 1...(isVector ? widest : 4) {
      let split =
        isVector
        ? ColumnSplit(count: columns, lanes: model.lanes, vectors: vectors)
        : ColumnSplit(scalars: columns, atOnce: vectors)
      // One register per column vector of B and one for the broadcast element of A.
      let limit = max(1, (model.registers - 1 - split.vectors) / split.vectors)
      let row = RowSplit(rows: rows, limit: min(limit, Self.tallest))
      let copies = Self.copies(row.height * split.vectors, model, depth: depth)
      let tiling = RegisterTiling(rows: row, columns: split, innerCopies: copies)
      let cycles = model.cycles(tiling, depth: depth)
      if best.map({ cycles < $0.cycles }) ?? true { best = (tiling, cycles) }
    }
    guard let best else { preconditionFailure("no register tiling was tried") }
    return best.tiling
  }
}
