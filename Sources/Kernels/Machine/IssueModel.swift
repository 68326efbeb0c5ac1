// SPDX-License-Identifier: Apache-2.0
//
// What a register tile costs: the cycles of one core, by the instructions of a step of the inner loop.

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

  /// Cycles from one sum to the next that needs it, and instructions that start in a cycle.
  static let latency = 4.0, issueWidth = 5.0
  /// Sums that must be under way for the multipliers to be busy: two units times their latency.
  static let sumsInFlight = 8
  /// More rows than this only lengthen the code: loads are already as many as products.
  static let tallestTile = 26
  /// Vectors of columns in a tile at most, and columns of a tile without vectors.
  static let widestTile = 6, mostScalarColumns = 4
  /// Rows and columns of a tile whose lanes run over a batch at most.
  static let tallestLaneTile = 6, widestLaneTile = 8
  /// Rows and columns of a tile of dot products at most: each row and column is a load a step.
  static let tallestDotTile = 4, widestDotTile = 8

  init(_ machine: Machine, _ element: ContractionElement) {
    lanes = machine.lanes(element)
    registers = machine.vectorRegisters
    laneSlot = machine.vectorBytes == Machine.lineBytes ? 1 : 0.5
  }

  /// Cycles of one tile of `height` rows and the columns of `group` over `depth` inner steps.
  func cycles(height: Int, group: ColumnGroup, depth: Int, copies: Int) -> Double {
    let slots = Double(group.pieces.count) * slot
    let rows = Double(height)
    let multiply = slots * rows
    let load = slots + rows * slot
    let latency = Self.latency / Double(copies)
    let pieces = Double(group.pieces.count)
    let issue = (rows * (pieces + 1) + pieces + 2) / Self.issueWidth
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

  /// Cycles of all tiles of a kernel whose lanes run over a batch.
  func laneCycles(_ rows: RowSplit, _ columns: RowSplit, depth: Int) -> Double {
    var sum = 0.0
    for (height, tiles) in rows.parts {
      for (breadth, count) in columns.parts {
        let (products, loads) = (Double(height * breadth), Double(height + breadth))
        let issue = (products + loads + 2) / Self.issueWidth
        let step = max(products * laneSlot, loads * laneSlot, Self.latency, issue)
        sum += Double(tiles * count) * (Double(depth) * step + products * 2 * laneSlot + 8)
      }
    }
    return sum
  }
}
