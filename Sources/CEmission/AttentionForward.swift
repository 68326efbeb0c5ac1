// SPDX-License-Identifier: Apache-2.0
//
// The loops of attention's value and tangent. A unit of work is one tile of queries of one head; it
// sees the tiles of keys in order. The value keeps a running maximum and sum per query; the tangent
// recomputes probabilities from the saved log-sum-exp `l`.

import Scheduling
import TensorIR

extension AttentionWriter {
  /// Writes the kernel of the value or of the tangent.
  func writeForward() {
    let isTangent = shape.order == .tangent
    let (t, u, d) = (tiling.queries, tiling.keys, shape.width)
    let statistics = isTangent ? ["l_tile", "row_sums"] : ["top", "total", "factor"]
    writeEntry(
      operands: ["q", "k", "v"] + (isTangent ? ["o", "l", "q_tan", "k_tan", "v_tan"] : []),
      results: isTangent ? ["o_tan", "l_tan"] : ["o", "l"],
      areas: [
        ("queries", parts * t * d), ("queries_turned", parts * t * d), ("keys", parts * u * d),
        ("values", parts * u * d), ("weights", parts * t * u), ("sums", t * d),
      ] + statistics.map { ($0, t) }
    ) {
      writeForwardUnit()
      fill("sums", t * d, with: "0")
      loop("key_tile", below: visibleKeyTiles) { writeForwardTile() }
      writeForwardEnd()
    }
  }

  /// Names the unit's batch element, head and queries, and prepares its tile of queries.
  private func writeForwardUnit() {
    let (tiles, heads) = (tiling.queryTiles, shape.heads)
    let group = shape.heads / shape.keyHeads
    writer.integer("query_tile", "unit % \(tiles)")
    writer.integer("head", "unit / \(tiles) % \(heads)")
    writer.integer("key_head", group == 1 ? "head" : "head / \(group)")
    writer.integer("batch", "unit / \(tiles * heads)")
    writeQueryPlace()
    let operands = shape.order == .tangent ? ["q", "q_tan"] : ["q"]
    writeQueryRows(operands, factor: shape.scale, rows: "queries", turned: "queries_turned")
    if shape.order == .tangent {
      writeRowStatistics("l", to: "l_tile")
      fill("row_sums", tiling.queries, with: "0")
    } else {
      fill("top", tiling.queries, with: literal(-.infinity))
      fill("total", tiling.queries, with: "0")
    }
  }

  private func writeForwardTile() {
    let (t, u, d) = (tiling.queries, tiling.keys, shape.width)
    let isTangent = shape.order == .tangent
    writeKeyPlace()
    writeKeyRows(isTangent ? ["k", "k_tan"] : ["k"], rows: "keys")
    writeKeyRows(isTangent ? ["v", "v_tan"] : ["v"], rows: "values")
    writeScores("keys", "queries_turned", to: "weights")
    writeMask("weights")
    if isTangent {
      helper("attention_tangent", ["weights", "\(u)", "\(t)", "l_tile", "row_sums"])
    } else {
      helper("attention_value", ["weights", "\(u)", "\(t)", "top", "total", "factor"])
      helper("scale_rows", ["sums", "\(t)", "\(d)", "factor"])
    }
    product("down", products.down, "weights", "values", "sums")
  }

  private func writeForwardEnd() {
    let (d, stride) = ("\(shape.width)", "\(queryStride)")
    if shape.order == .tangent {
      helper(
        "attention_tangent_end",
        [
          "sums", "query_count", d, "row_sums", "o + query_place", "o_tan + query_place", stride,
          "l_tan + row_place",
        ])
    } else {
      helper(
        "attention_value_end",
        [
          "sums", "query_count", d, "top", "total", "o + query_place", stride, "l + row_place",
        ])
    }
  }
}
