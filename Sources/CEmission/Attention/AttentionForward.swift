// SPDX-License-Identifier: Apache-2.0
//
// The loops of attention's value and tangent. A unit of work is a block of a few tiles of queries
// of one head; tiles of keys pass by in order, each copied once for the whole block. The value
// keeps a running maximum and sum per query; the tangent recomputes probabilities from the saved
// log-sum-exp `l`.

import Kernels
import MixFuseShared
import TensorIR

extension AttentionWriter {
  private var isTangent: Bool { shape.order == .tangent }
  private var statistics: [String] { isTangent ? ["l_tile", "row_sums"] : ["top", "total"] }

  /// Writes the kernel of the value or of the tangent.
  func writeForward() {
    writeEntry(
      operands: ["q", "k", "v"] + extras
        + (isTangent
          ? ["o", "l", "q_tan", "k_tan", "v_tan"] + movingExtras.map { $0 + "_tan" } : []),
      results: isTangent ? ["o_tan", "l_tan"] : ["o", "l"]
    ) {
      let (blocks, heads) = (tiling.blocks, shape.heads)
      let group = shape.heads / shape.keyHeads
      writer.integer("block", blocks == 1 ? "0" : "unit % \(blocks)")
      writer.integer("head", "unit / \(blocks) % \(heads)")
      writer.integer("key_head", group == 1 ? "head" : "head / \(group)")
      writer.integer("batch", "unit / \(blocks * heads)")
      writeLength()
      writeTermPlaces()
      writeBlockPlace()
      forEachQueryTile(from: "first_tile", ["queries_turned", "sums"] + statistics) {
        writeForwardStart()
      }
      forEachKeyTile {
        writeKeyPlace()
        writeKeyRows(isTangent ? ["k", "k_tan"] : ["k"], rows: "keys")
        writeKeyRows(isTangent ? ["v", "v_tan"] : ["v"], rows: "values")
        forEachSeeingQueryTile(["queries_turned", "sums"] + statistics) { writeForwardTile() }
      }
      forEachQueryTile(from: "first_tile", ["sums"] + (isTangent ? ["row_sums"] : statistics)) {
        writeForwardEnd()
      }
    }
  }

  /// Prepares a tile of queries.
  private func writeForwardStart() {
    writeQueryPlace()
    let operands = isTangent ? ["q", "q_tan"] : ["q"]
    writeQueryRows(operands, factor: shape.scores.scale, rows: "queries", turned: "queries_turned")
    if isTangent {
      writeRowPlace()
      writeRowStatistics("l", to: "l_tile")
      fill("row_sums", tiling.queries, with: "0")
    } else {
      // Where a query may have seen nothing so far, the maximum is finite: so are its differences.
      let least = shape.scores.mayHideFirst ? -element.greatest : -.infinity
      fill("top", tiling.queries, with: literal(least))
      fill("total", tiling.queries, with: "0")
    }
    fill("sums", queryTileSize, with: "0")
  }

  private func writeForwardTile() {
    let (t, u) = ("\(tiling.queries)", "\(tiling.keys)")
    writeTilePlace()
    writeScoreTile()
    if isTangent {
      helper("attention_tangent", ["weights", u, t, "l_tile", "row_sums"])
    } else {
      helper("attention_value", ["weights", u, t, "top", "total", "factor"])
      helper("scale_rows", ["sums", t, "\(shape.width)", "factor"])
    }
    product("down", products.down, "weights", "values", "sums")
  }

  private func writeForwardEnd() {
    writeQueryPlace()
    writeRowPlace()
    let (d, stride) = ("\(shape.width)", "\(queryStride)")
    if isTangent {
      helper(
        "attention_tangent_end",
        [
          "sums", "query_count", d, "row_sums", "o + query_place", "o_tan + query_place", stride,
          "l_tan + row_place",
        ])
    } else {
      if shape.scores.mayHideAll {
        helper("attention_empty_rows", ["top", "total", "\(tiling.queries)"])
      }
      helper(
        "attention_value_end",
        [
          "sums", "query_count", d, "top", "total", "o + query_place", stride, "l + row_place",
        ])
    }
  }
}

extension FloatType {
  /// The largest finite number.
  fileprivate var greatest: Double {
    switch self {
    case .f32: Double(Float.greatestFiniteMagnitude)
    case .f64: .greatestFiniteMagnitude
    }
  }
}
