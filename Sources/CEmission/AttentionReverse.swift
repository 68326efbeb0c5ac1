// SPDX-License-Identifier: Apache-2.0
//
// The loops of attention's adjoint and of its tangent. A unit of work is one head of keys with the
// heads of queries that share it, since adjoints of keys and values sum over all their queries.
// Tiles of queries are the outer loop: their adjoint is complete after all tiles of keys, and is
// summed in a tile; contributions to keys and values are added to the results.

import Scheduling
import TensorIR

extension AttentionWriter {
  private var hasTangents: Bool { shape.order == .adjointTangent }
  /// What the names of the results end with.
  private var ending: String { hasTangents ? "_adj_tan" : "_adj" }

  /// Writes the kernel of the adjoint or of its tangent.
  func writeReverse() {
    let (t, u, d) = (tiling.queries, tiling.keys, shape.width)
    let tangents = ["q_tan", "k_tan", "v_tan", "o_tan", "l_tan", "o_adj_tan"]
    let statistics = ["l_tile", "d_tile"] + (hasTangents ? ["l_tan_tile", "d_tan_tile"] : [])
    writeEntry(
      operands: ["q", "k", "v", "o", "l", "o_adj"] + (hasTangents ? tangents : []),
      results: ["q\(ending)", "k\(ending)", "v\(ending)"],
      areas: [
        ("queries", parts * t * d), ("queries_turned", parts * t * d),
        ("adjoints", parts * t * d), ("adjoints_turned", parts * t * d),
        ("keys", parts * u * d), ("values", parts * u * d),
        ("weights", parts * t * u), ("score_adjoints", parts * t * u),
        ("query_sums", t * d), ("key_sums", u * d),
      ] + statistics.map { ($0, t) }
    ) {
      let group = shape.heads / shape.keyHeads
      writer.integer("key_head", "unit % \(shape.keyHeads)")
      writer.integer("batch", "unit / \(shape.keyHeads)")
      writeClearedKeyAdjoints()
      loop("member", below: "\(group)") {
        writer.integer("head", writer.index([("key_head", group), ("member", 1)]))
        loop("query_tile", below: "\(tiling.queryTiles)") { writeReverseQueries() }
      }
    }
  }

  /// Sets the unit's adjoints of keys and values to zero.
  private func writeClearedKeyAdjoints() {
    let stride = keyStride
    loop("key", below: "\(shape.keys)") {
      let terms = [("batch", shape.keys * stride), ("key", stride), ("key_head", shape.width)]
      writer.integer("place", writer.index(terms))
      loop("i", below: "\(shape.width)") {
        writer.line("k\(ending)[place + i] = 0;")
        writer.line("v\(ending)[place + i] = 0;")
      }
    }
  }

  /// Everything for one tile of queries of one head.
  private func writeReverseQueries() {
    let (t, d) = (tiling.queries, shape.width)
    writeQueryPlace()
    writeQueryRows(
      hasTangents ? ["q", "q_tan"] : ["q"], factor: shape.scale, rows: "queries",
      turned: "queries_turned")
    writeQueryRows(
      hasTangents ? ["o_adj", "o_adj_tan"] : ["o_adj"], factor: 1, rows: "adjoints",
      turned: "adjoints_turned")
    writeRowStatistics("l", to: "l_tile")
    fill("d_tile", t, with: "0")
    writeRowProducts("o_adj", "o", to: "d_tile")
    if hasTangents {
      writeRowStatistics("l_tan", to: "l_tan_tile")
      fill("d_tan_tile", t, with: "0")
      writeRowProducts("o_adj_tan", "o", to: "d_tan_tile")
      writeRowProducts("o_adj", "o_tan", to: "d_tan_tile")
    }
    fill("query_sums", t * d, with: "0")
    loop("key_tile", below: visibleKeyTiles) { writeReverseTile() }
    // Scores are sums over scaled queries, so adjoints of keys have the factor already.
    helper(
      "pack_scaled",
      [
        "query_sums", "\(d)", "query_count", "\(d)", literal(shape.scale),
        "q\(ending) + query_place", "\(queryStride)", "query_count",
      ])
  }

  private func writeRowProducts(_ a: String, _ b: String, to sums: String) {
    helper(
      "add_row_products",
      [
        "\(a) + query_place", "\(b) + query_place", "\(queryStride)", "query_count",
        "\(shape.width)", sums,
      ])
  }

  private func writeReverseTile() {
    let (t, u) = (tiling.queries, tiling.keys)
    writeKeyPlace()
    writeKeyRows(hasTangents ? ["k", "k_tan"] : ["k"], rows: "keys")
    writeKeyRows(hasTangents ? ["v", "v_tan"] : ["v"], rows: "values")
    writeScores("keys", "queries_turned", to: "weights")
    writeMask("weights")
    writeScores("values", "adjoints_turned", to: "score_adjoints")
    if hasTangents {
      helper(
        "attention_adjoint_tangent",
        [
          "weights", "score_adjoints", "\(u)", "\(t)", "l_tile", "l_tan_tile", "d_tile",
          "d_tan_tile",
        ])
    } else {
      helper(
        "attention_adjoint", ["weights", "score_adjoints", "\(u)", "\(t)", "l_tile", "d_tile"])
    }
    product("down", products.down, "score_adjoints", "keys", "query_sums")
    writeKeySums("score_adjoints", "queries", result: "k\(ending)")
    writeKeySums("weights", "adjoints", result: "v\(ending)")
  }

  /// Adds a tile's part of an adjoint of keys or values.
  private func writeKeySums(_ tile: String, _ rows: String, result: String) {
    product("across", products.across, tile, rows, "key_sums")
    helper(
      "add_rows",
      ["key_sums", "key_count", "\(shape.width)", "\(result) + key_place", "\(keyStride)"])
  }
}
