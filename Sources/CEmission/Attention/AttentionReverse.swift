// SPDX-License-Identifier: Apache-2.0
//
// The loops of attention's adjoint and of its tangent. A unit of work is one head of keys with the
// heads of queries that share it, since adjoints of keys and values sum over all their queries.
// Blocks of a few tiles of queries are the outer loop: their adjoints are complete after all tiles
// of keys, and are summed in tiles; what a block contributes to keys and values is summed in a tile
// and added to the results.

import Kernels
import TensorIR

extension AttentionWriter {
  private var hasTangents: Bool { shape.order == .adjointTangent }
  /// What the names of the results end with.
  private var ending: String { hasTangents ? "_adj_tan" : "_adj" }
  private var statistics: [String] {
    ["l_tile", "d_tile"] + (hasTangents ? ["l_tan_tile", "d_tan_tile"] : [])
  }

  /// Writes the kernel of the adjoint or of its tangent.
  func writeReverse() {
    let moving = movingExtras
    let tangents =
      ["q_tan", "k_tan", "v_tan"] + moving.map { $0 + "_tan" } + ["o_tan", "l_tan", "o_adj_tan"]
    writeEntry(
      operands: ["q", "k", "v"] + extras + ["o", "l", "o_adj"] + (hasTangents ? tangents : []),
      results: (["q", "k", "v"] + moving).map { $0 + ending }
    ) {
      let units = shape.sumsOverHeads ? 1 : shape.keyHeads
      if !shape.sumsOverHeads { writer.integer("key_head", "unit % \(units)") }
      if !shape.sumsOverBatch { writer.integer("batch", "unit / \(units)") }
      if shape.scores.bias == .moving { writeClearedBiasAdjoint() }
      forEach("batch", shape.sumsOverBatch ? shape.batch : nil) {
        writeLength()
        forEach("key_head", shape.sumsOverHeads ? shape.keyHeads : nil) { writeReverseKeyHead() }
      }
    }
  }

  /// Writes a loop over `count` items, or the body alone if the unit has one.
  private func forEach(_ variable: String, _ count: Int?, _ body: () -> Void) {
    guard let count else { return body() }
    loop(variable, below: "\(count)", body)
  }

  /// The adjoints of one head of keys, of the heads of queries that share it, and their parts of the
  /// terms' adjoints.
  private func writeReverseKeyHead() {
    let group = shape.heads / shape.keyHeads
    writeClearedKeyAdjoints()
    loop("member", below: "\(group)") {
      writer.integer("head", Index.sum([("key_head", group), ("member", 1)]))
      writeTermPlaces()
      if shape.scores.relative == .moving {
        let start = at("relative\(ending) + relative_place", [], plus: 1 - shape.queries)
        writer.writePointer("distances", to: element, start)
        fill("distances", shape.distances, with: "0")
      }
      loop("block", below: "\(tiling.blocks)") { writeReverseBlock() }
    }
  }

  /// Sets the unit's part of the bias's adjoint to zero: of its batch element and heads, or of all.
  private func writeClearedBiasAdjoint() {
    let (extents, group) = (shape.biasExtents, shape.heads / shape.keyHeads)
    let strides = AttentionShape.strides(extents)
    let place = Index.sum([("batch", strides[0]), ("key_head", group * strides[1])])
    let count = (extents[1] == 1 ? 1 : group) * extents[2] * extents[3]
    writer.writePointer("cleared", to: element, "bias\(ending) + \(place)")
    fill("cleared", count, with: "0")
  }

  /// Sets the unit's adjoints of keys and values to zero.
  private func writeClearedKeyAdjoints() {
    let stride = keyStride
    loop("key", below: "\(shape.keys)") {
      let terms = [("batch", shape.keys * stride), ("key", stride), ("key_head", shape.width)]
      writer.integer("place", Index.sum(terms))
      loop("i", below: "\(shape.width)") {
        writer.line("k\(ending)[place + i] = 0;")
        writer.line("v\(ending)[place + i] = 0;")
      }
    }
  }

  private func writeReverseBlock() {
    let panels = ["queries", "queries_turned", "adjoints", "adjoints_turned", "sums"]
    writeBlockPlace()
    forEachQueryTile(from: "first_tile", panels + statistics) { writeReverseStart() }
    forEachKeyTile {
      writeKeyPlace()
      writeKeyRows(hasTangents ? ["k", "k_tan"] : ["k"], rows: "keys")
      writeKeyRows(hasTangents ? ["v", "v_tan"] : ["v"], rows: "values")
      fill("key_sums", tiling.keys * shape.width, with: "0")
      fill("value_sums", tiling.keys * shape.width, with: "0")
      forEachSeeingQueryTile(panels + statistics) { writeReverseTile() }
      writeKeyAdjoints("key_sums", to: "k\(ending)")
      writeKeyAdjoints("value_sums", to: "v\(ending)")
    }
    forEachQueryTile(from: "first_tile", ["sums"]) { writeReverseEnd() }
  }

  /// Prepares a tile of queries.
  private func writeReverseStart() {
    writeQueryPlace()
    writeRowPlace()
    writeQueryRows(
      hasTangents ? ["q", "q_tan"] : ["q"], factor: shape.scores.scale, rows: "queries",
      turned: "queries_turned")
    writeQueryRows(
      hasTangents ? ["o_adj", "o_adj_tan"] : ["o_adj"], factor: 1, rows: "adjoints",
      turned: "adjoints_turned")
    writeRowStatistics("l", to: "l_tile")
    fill("d_tile", tiling.queries, with: "0")
    writeRowProducts("o_adj", "o", to: "d_tile")
    if hasTangents {
      writeRowStatistics("l_tan", to: "l_tan_tile")
      fill("d_tan_tile", tiling.queries, with: "0")
      writeRowProducts("o_adj_tan", "o", to: "d_tan_tile")
      writeRowProducts("o_adj", "o_tan", to: "d_tan_tile")
    }
    fill("sums", queryTileSize, with: "0")
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
    let (t, u) = ("\(tiling.queries)", "\(tiling.keys)")
    writeTilePlace()
    writeScoreTile()
    writeScores("values", "adjoints_turned", to: "score_adjoints")
    if hasTangents {
      helper(
        "attention_adjoint_tangent",
        ["weights", "score_adjoints", u, t, "l_tile", "l_tan_tile", "d_tile", "d_tan_tile"])
    } else {
      helper("attention_adjoint", ["weights", "score_adjoints", u, t, "l_tile", "d_tile"])
    }
    writeTermAdjoints(ending: ending)
    writeGains()
    product("down", products.down, "score_adjoints", "keys", "sums")
    product("across", products.across, "score_adjoints", "queries", "key_sums")
    product("across", products.across, "weights", "adjoints", "value_sums")
  }

  /// Adds a block's part of the adjoints of a tile of keys or values.
  private func writeKeyAdjoints(_ sums: String, to result: String) {
    helper(
      "add_rows",
      [sums, "key_count", "\(shape.width)", "\(result) + key_place", "\(keyStride)"])
  }

  /// Stores the adjoints of a tile of queries. (Scores are products of scaled queries, so adjoints
  /// of keys have the factor already.)
  private func writeReverseEnd() {
    writeQueryPlace()
    helper(
      "pack_scaled",
      [
        "sums", "\(shape.width)", "query_count", "\(shape.width)", literal(shape.scores.scale),
        "q\(ending) + query_place", "\(queryStride)", "query_count",
      ])
  }
}
