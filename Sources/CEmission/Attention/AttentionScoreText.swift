// SPDX-License-Identifier: Apache-2.0
//
// The text that makes a tile of scores: products, soft cap, terms, mask. A variant is a list of calls
// of helpers on the tile at hand; with tangents, each row of a tile has them before the values.

import Kernels
import TensorIR

extension AttentionExtra {
  /// What the operand is called in C.
  var word: String {
    switch self {
    case .relative: "relative"
    case .bias: "bias"
    case .lengths: "lengths"
    case .mask: "mask"
    }
  }
}

extension AttentionScores {
  /// What a kernel's comment calls it: `causal attention with window, lengths`.
  var title: String {
    var parts: [String] = []
    if let window { parts.append("window \(window)") }
    if isBanded, prefix > 0 { parts.append("prefix \(prefix)") }
    if softcap != nil { parts.append("softcap") }
    parts += extras.map(\.word)
    let more = parts.isEmpty ? "" : " with " + parts.joined(separator: ", ")
    return "\(isCausal ? "causal " : "")attention\(more)"
  }
}

extension AttentionWriter {
  /// Makes a tile of scores in `weights`.
  func writeScoreTile() {
    writeScores("keys", "queries_turned", to: "weights")
    writeSoftcap()
    writeTerms()
    writeMask()
  }

  /// Makes a tile of products of key-like rows with transposed query-like rows; with two parts,
  /// the tangent comes before the value in each of the tile's rows.
  func writeScores(_ rows: String, _ turned: String, to tile: String) {
    if parts == 2 { product("scores_tan", products.scoresTangent, rows, turned, tile) }
    product(
      "scores", products.scores, rows, at(turned, [], plus: (parts - 1) * queryTileSize),
      at(tile, [], plus: (parts - 1) * tiling.queries))
  }

  /// Elements from one row of a tile to the next.
  private var tileStride: String { "\(parts * tiling.queries)" }
  /// The values in a tile, which its tangents precede.
  private func values(of tile: String) -> String {
    at(tile, [], plus: (parts - 1) * tiling.queries)
  }

  // MARK: soft cap

  /// Bounds the scores, and keeps the derivative of the bounded by the others for the adjoint.
  private func writeSoftcap() {
    guard let limit = shape.scores.softcap else { return }
    let sizes = ["\(tiling.keys)", "\(tiling.queries)"]
    let limits = [literal(limit), literal(1 / limit)]
    switch shape.order {
    case .value: helper("attention_softcap", ["weights"] + sizes + limits)
    case .tangent: helper("attention_softcap_tangent", ["weights"] + sizes + limits)
    case .adjoint: helper("attention_softcap_gain", ["weights", "gains"] + sizes + limits)
    case .adjointTangent:
      helper("attention_softcap_gain_tangent", ["weights", "gains"] + sizes + limits)
    }
  }

  /// Makes adjoints of scores adjoints of products.
  func writeGains() {
    guard shape.scores.softcap != nil else { return }
    helper(
      parts == 2 ? "attention_gain_tangent" : "attention_gain",
      ["score_adjoints", "gains", "\(tiling.keys)", "\(tiling.queries)"])
  }

  // MARK: terms

  /// Declares where the terms of a head begin.
  func writeTermPlaces() {
    let scores = shape.scores
    if scores.relative != .absent {
      let head = [("batch", shape.heads * shape.distances), ("head", shape.distances)]
      writer.integer("relative_place", Index.sum(head, plus: shape.queries - 1))
    }
    for (word, extents) in [("bias", shape.biasExtents), ("mask", shape.maskExtents)]
    where !extents.isEmpty {
      let strides = AttentionShape.strides(extents)
      writer.integer(
        "\(word)_place", Index.sum([("batch", strides[0]), ("head", strides[1])]))
    }
  }

  /// Adds the terms that are operands, and their tangents.
  private func writeTerms() {
    let scores = shape.scores
    for extra in [AttentionExtra.relative, .bias] where scores.extras.contains(extra) {
      writeTerm(extra, extra.word, to: values(of: "weights"))
      if parts == 2, scores.isMoving(extra) { writeTerm(extra, "\(extra.word)_tan", to: "weights") }
    }
  }

  private func writeTerm(_ extra: AttentionExtra, _ operand: String, to tile: String) {
    if extra == .relative {
      let place = "\(operand) + relative_place + \(distance)"
      helper("attention_relative", [tile, tileStride, place, "key_count", queryCount])
    } else {
      let (place, strides) = pairs("bias", shape.biasExtents, operand)
      if shape.isBiasTransposed {
        transpose(
          place, stride: strides[1], columns: queryCount, depth: "key_count", into: "bias_tile")
        helper("attention_add", [tile, tileStride, "bias_tile", "key_count", queryCount])
      } else {
        helper("attention_bias", [tile, tileStride, place] + strides + ["key_count", queryCount])
      }
    }
  }

  /// Adds the adjoints of a tile of scores to those of the moving terms.
  func writeTermAdjoints(ending: String) {
    let scores = shape.scores
    if scores.relative == .moving {
      let place = "relative\(ending) + relative_place + \(distance)"
      helper(
        "attention_relative_sum",
        [
          "score_adjoints", tileStride, "key_count", queryCount, "relative_sums", place,
        ])
    }
    if scores.bias == .moving {
      let (place, strides) = pairs("bias", shape.biasExtents, "bias\(ending)")
      if shape.isBiasTransposed {
        transpose(
          "score_adjoints", stride: tileStride, columns: "key_count", depth: queryCount,
          into: "bias_tile")
        helper("add_rows", ["bias_tile", queryCount, "key_count", place, strides[1]])
      } else {
        helper(
          "attention_bias_sum",
          ["score_adjoints", tileStride, "key_count", queryCount, place] + strides)
      }
    }
  }

  /// How far the tile's first key is ahead of its first query.
  private var distance: String { "first_key - \(Index.sum([("query_tile", tiling.queries)]))" }

  /// How many queries the tile has.
  private var queryCount: String {
    let (t, count) = (tiling.queries, shape.queries)
    return count % t == 0 ? "\(t)" : "tile_queries"
  }

  /// Declares what calls on a tile with terms or a mask ask for.
  func writeTilePlace() {
    let scores = shape.scores
    let (t, count) = (tiling.queries, shape.queries)
    let hasPairs = scores.hasMask || scores.bias != .absent || scores.relative != .absent
    guard hasPairs, count % t != 0 else { return }
    let left = "\(count) - \(Index.sum([("query_tile", t)]))"
    writer.integer("tile_queries", "\(left) < \(t) ? \(left) : \(t)")
  }

  /// Where the tile's first pair lies in an array of pairs, and its strides along keys and queries.
  private func pairs(
    _ word: String, _ extents: [Int], _ operand: String
  ) -> (place: String, strides: [String]) {
    let strides = AttentionShape.strides(extents)
    let place = Index.sum([
      ("\(word)_place", 1), ("query_tile", tiling.queries * strides[2]), ("first_key", strides[3]),
    ])
    return ("\(operand) + \(place)", ["\(strides[3])", "\(strides[2])"])
  }

  // MARK: masks

  /// Makes the scores of pairs that do not count minus infinity.
  private func writeMask() {
    let scores = shape.scores
    if scores.window == nil, scores.prefix == 0 || !scores.isCausal {
      writePlainMask()
    } else {
      writeBand()
    }
    if scores.hasMask {
      let (place, strides) = pairs("mask", shape.maskExtents, "mask")
      helper(
        "attention_hide",
        [values(of: "weights"), tileStride, place] + strides + ["key_count", queryCount])
    }
  }

  /// Whether tiles may have keys that do not exist.
  private var hasMissingKeys: Bool {
    shape.keys % tiling.keys != 0 || shape.scores.hasLengths
  }

  private func writePlainMask() {
    let (t, u, isCausal) = (tiling.queries, tiling.keys, shape.scores.isCausal)
    var conditions: [String] = []
    if hasMissingKeys { conditions.append("key_count < \(u)") }
    if isCausal { conditions.append("first_key + \(u - 1) > query_tile * \(t)") }
    if conditions.isEmpty { return }
    let shift = isCausal ? "first_key - query_tile * \(t)" : "\(-u)"
    nest(
      { $0.when(conditions.joined(separator: " || "), $1) },
      {
        helper(
          "attention_mask",
          [values(of: "weights"), tileStride, "\(u)", "key_count", "\(t)", shift])
      })
  }

  /// Masks what lies outside of a window, or of a prefix and a triangle.
  private func writeBand() {
    let (scores, t, u) = (shape.scores, tiling.queries, tiling.keys)
    let ahead = scores.isCausal ? 0 : scores.window ?? 0
    let first = Index.sum([("query_tile", t)])
    var outside = ["first_key + \(u - 1 - ahead) > \(first)"]
    if let window = scores.window {
      outside.append("first_key + \(window) < \(Index.sum([("query_tile", t)], plus: t - 1))")
    }
    var condition = outside.joined(separator: " || ")
    if scores.prefix > 0 { condition = "(first_key + \(u) > \(scores.prefix) && (\(condition)))" }
    if hasMissingKeys { condition = "key_count < \(u) || \(condition)" }
    // Without a window, all later queries see a key.
    let span = scores.window.map { $0 + ahead + 1 } ?? shape.queries + shape.keys + t
    let back = ahead == 0 ? "" : " - \(ahead)"
    nest(
      { $0.when(condition, $1) },
      {
        helper(
          "attention_band",
          [
            values(of: "weights"), tileStride, "\(u)", "key_count", "\(t)",
            "\(scores.prefix) - first_key", "first_key - \(first)\(back)", "\(span)",
          ])
      })
  }
}
