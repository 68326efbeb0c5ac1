// SPDX-License-Identifier: Apache-2.0
//
// Cuts the rows and columns of C into register tiles. Extents are known, so there are no general
// remainder loops: rows are spread evenly over tiles of two heights that differ by one, columns
// over equal groups of vectors and one last group. A small cost model (`IssueModel`), counting issue
// slots per step of the inner loop, chooses among the few candidates.

/// Some neighbouring columns held in one register.
package struct ColumnPiece: Hashable, Sendable {
  /// First column, counted from the group's first.
  package var offset: Int
  /// Number of columns: a power of two, or any number where one register holds all of a group.
  package var width: Int
}

/// The columns of one register tile.
///
/// Two pieces may overlap: both then compute the same values, which is cheaper than several
/// narrow pieces. C is read before it is written, so this also holds when accumulating.
package struct ColumnGroup: Hashable, Sendable {
  package var pieces: [ColumnPiece]

  /// Number of columns.
  package var width: Int { pieces.map { $0.offset + $0.width }.max() ?? 0 }

  /// Cuts `count` columns into vectors of `lanes` and a remainder.
  ///
  /// Fewer columns than lanes are one vector that leaves the other lanes idle: the multipliers take
  /// as many vectors a cycle whatever their width, so 8 + 2 columns would cost twice as much as 10.
  /// But clang reads and writes a vector of 3 as one of 4, beyond the end of an array.
  package init(count: Int, lanes: Int) {
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
package struct ColumnSplit: Hashable, Sendable {
  package var main: ColumnGroup
  package var mainCount: Int
  package var rest: ColumnGroup?

  /// Number of groups.
  package var count: Int { mainCount + (rest == nil ? 0 : 1) }
  /// Registers that one row of the widest group needs.
  package var vectors: Int { max(main.pieces.count, rest?.pieces.count ?? 0) }

  /// Numbers of columns that one register holds.
  package var widths: Set<Int> { Set((main.pieces + (rest?.pieces ?? [])).map(\.width)) }

  /// Cuts `count` columns into groups of `vectors` registers of `lanes`.
  package init(count: Int, lanes: Int, vectors: Int) {
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
  package init(scalars count: Int, atOnce: Int) {
    self.init(count: count, lanes: 1, vectors: atOnce)
  }
}

/// Rows as `tallCount` tiles of `height` rows followed by tiles of one row less.
package struct RowSplit: Hashable, Sendable {
  package var height: Int
  package var tallCount: Int
  package var count: Int

  /// Spreads `rows` evenly over as few tiles of at most `limit` rows as possible.
  package init(rows: Int, limit: Int) {
    count = (rows + limit - 1) / limit
    height = (rows + count - 1) / count
    tallCount = rows - count * (height - 1)
  }

  /// The heights that occur, tallest first.
  package var heights: [Int] { tallCount == count ? [height] : [height, height - 1] }

  /// Heights with the number of tiles that have them.
  var parts: [(height: Int, count: Int)] {
    tallCount == count ? [(height, count)] : [(height, tallCount), (height - 1, count - tallCount)]
  }
}

/// A choice of register tiles for a whole product.
package struct RegisterTiling: Hashable, Sendable {
  package var rows: RowSplit
  package var columns: ColumnSplit
  /// How many copies of the accumulators take turns over inner steps, to hide latency where a
  /// tile has few of them.
  package var innerCopies: Int
}

extension RegisterTiling {
  /// Copies of the accumulators that a tile of `registers` accumulators wants.
  private static func copies(_ accumulators: Int, depth: Int) -> Int {
    var copies = 1
    while copies * accumulators < IssueModel.sumsInFlight && copies * 4 <= depth { copies *= 2 }
    return copies
  }

  /// The cheapest tiling under the issue model.
  ///
  /// - Parameter isVector: whether B and C have unit stride along columns; otherwise every
  ///   column is computed by itself.
  /// - Parameter widest: the most vectors of columns in a tile.
  static func cheapest(
    rows: Int, columns: Int, depth: Int, isVector: Bool, model: IssueModel,
    widest: Int = IssueModel.widestTile
  ) -> RegisterTiling {
    var best: (tiling: RegisterTiling, cycles: Double)?
    for vectors in 1...(isVector ? widest : IssueModel.mostScalarColumns) {
      let split =
        isVector
        ? ColumnSplit(count: columns, lanes: model.lanes, vectors: vectors)
        : ColumnSplit(scalars: columns, atOnce: vectors)
      // One register per column vector of B and one for the broadcast element of A.
      let limit = max(1, (model.registers - 1 - split.vectors) / split.vectors)
      let row = RowSplit(rows: rows, limit: min(limit, IssueModel.tallestTile))
      let copies = Self.copies(row.height * split.vectors, depth: depth)
      let tiling = RegisterTiling(rows: row, columns: split, innerCopies: copies)
      let cycles = model.cycles(tiling, depth: depth)
      if best.map({ cycles < $0.cycles }) ?? true { best = (tiling, cycles) }
    }
    guard let best else { preconditionFailure("no register tiling was tried") }
    return best.tiling
  }
}
