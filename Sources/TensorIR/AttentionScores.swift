// SPDX-License-Identifier: Apache-2.0
//
// What an attention may differ in besides its sizes: how scores are made from the products of
// queries and keys, and which pairs of a query and a key count. A variant is data here, in the
// shapes of kernels and in their plans; there is one op, one decomposition and one kernel for all.

/// How the scores of an attention are made, and which of them count.
///
/// The score of query `i` and key `j` is
///
///     s = cap(scale * (q . k)) + relative[j - i + queries - 1] + bias[i, j]
///
/// with `cap(x) = softcap * tanh(x / softcap)`, and it counts where each of these allows it that
/// there is: `isCausal`, `window`, the number of keys (`lengths`), and the mask. A query that sees no
/// key has the result 0 and no derivatives.
package struct AttentionScores: Hashable, Sendable {
  /// Factor on the products.
  package var scale: Double
  /// Query `i` sees the keys `0...i`, of which there are as many as queries.
  package var isCausal: Bool
  /// Query `i` sees keys from `i - window` on and, unless causal, up to `i + window`.
  package var window: Int?
  /// The first keys that all queries see, whatever `isCausal` and `window` say.
  package var prefix: Int
  /// The bound of the scores before anything is added; positive.
  package var softcap: Double?
  /// `[batch, heads, queries + keys - 1]`: what is added to scores by how far the key is ahead.
  package var relative: AttentionTerm
  /// What is added to single scores: `[batch, heads, queries, keys]`, any of which may be 1.
  package var bias: AttentionTerm
  /// `i32[batch]`: the keys that exist, from the first on; more than there are is all of them.
  package var hasLengths: Bool
  /// `bool`, shaped like `bias`: the pairs that count.
  package var hasMask: Bool

  package init(
    scale: Double, isCausal: Bool = false, window: Int? = nil, prefix: Int = 0,
    softcap: Double? = nil, relative: AttentionTerm = .absent, bias: AttentionTerm = .absent,
    hasLengths: Bool = false, hasMask: Bool = false
  ) {
    self.scale = scale
    self.isCausal = isCausal
    self.window = window
    self.prefix = prefix
    self.softcap = softcap
    self.relative = relative
    self.bias = bias
    self.hasLengths = hasLengths
    self.hasMask = hasMask
  }
}

/// A term of attention's scores that is an operand.
package enum AttentionTerm: String, Hashable, Sendable {
  case absent
  /// No derivative is taken with respect to it.
  case fixed
  /// Has tangents and adjoints like queries, keys and values.
  case moving
}

/// The operands of attention besides queries, keys and values, in their order.
package enum AttentionExtra: Hashable, Sendable, CaseIterable {
  case relative, bias, lengths, mask
}

extension AttentionScores {
  /// Whether the numbers are such that scores can be made with them.
  var isSound: Bool {
    scale.isFinite && softcap.map { $0 > 0 && $0.isFinite } ?? true
      && 0...(1 << 43) ~= window ?? 0 && 0...(1 << 43) ~= prefix
  }

  /// The operands that follow queries, keys and values.
  package var extras: [AttentionExtra] {
    AttentionExtra.allCases.filter { extra in
      switch extra {
      case .relative: relative != .absent
      case .bias: bias != .absent
      case .lengths: hasLengths
      case .mask: hasMask
      }
    }
  }

  /// Whether an operand has tangents and adjoints.
  package func isMoving(_ extra: AttentionExtra) -> Bool {
    switch extra {
    case .relative: relative == .moving
    case .bias: bias == .moving
    case .lengths, .mask: false
    }
  }

  /// The same scores with derivatives with respect to the terms that `isMoving` names.
  package func moving(_ isMoving: (AttentionExtra) -> Bool) -> AttentionScores {
    var scores = self
    if relative != .absent { scores.relative = isMoving(.relative) ? .moving : .fixed }
    if bias != .absent { scores.bias = isMoving(.bias) ? .moving : .fixed }
    return scores
  }

  /// Whether places alone decide about some pair: the mask and lengths aside.
  package var isBanded: Bool { isCausal || window != nil }

  /// Whether a query may see no key at all.
  package var mayHideAll: Bool {
    // A query sees itself, if there is a key at its place; a bias may be minus infinity.
    hasLengths || hasMask || bias != .absent || relative != .absent || (window != nil && !isCausal)
  }

  /// Whether a query may see nothing of some keys that follow one another and lie before others that
  /// it sees. (A causal query sees the first key that there is.)
  package var mayHideFirst: Bool { mayHideAll || window != nil }

  /// The keys that query `i` sees besides the prefix, as far as places decide.
  package func band(of query: Int, keys: Int) -> Range<Int> {
    let first = window.map { min(keys, max(0, query - $0)) } ?? 0
    let reach = isCausal ? query : window.map { query + $0 } ?? keys
    return first..<max(first, min(keys, reach.saturatingSum(1)))
  }

  /// Pairs of a query and a key that count in one head as far as places decide.
  package func pairCount(queries: Int, keys: Int) -> Int {
    guard isBanded else { return queries.saturatingProduct(keys) }
    let common = min(prefix, keys)
    return inBand(queries, keys) - inBand(queries, common)
      + queries.saturatingProduct(common)
  }

  /// Pairs in the band of the first keys.
  private func inBand(_ queries: Int, _ keys: Int) -> Int {
    let ahead = isCausal ? 0 : window ?? 0
    let behind = window.map { Self.below(-$0 - 1, queries, keys) } ?? 0
    return Self.below(ahead, queries, keys) - behind
  }

  /// The number of pairs with `j <= i + shift`.
  private static func below(_ shift: Int, _ queries: Int, _ keys: Int) -> Int {
    /// The sum of `x`, held between 0 and `keys`, for all `x` up to `end`.
    func sum(upTo end: Int) -> Int {
      let rising = min(max(end, 0), keys)
      return (rising.saturatingProduct(rising + 1) / 2)
        .saturatingSum(max(0, end - keys).saturatingProduct(keys))
    }
    return sum(upTo: shift.saturatingSum(queries)) - sum(upTo: shift)
  }
}
