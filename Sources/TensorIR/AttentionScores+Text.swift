// SPDX-License-Identifier: Apache-2.0
//
// The text form of a variant of attention, in which what is plain is left out:
//
//     causal true scale 0.5 window 7 prefix 2 softcap 30.0 relative moving bias fixed lengths mask

extension AttentionScores {
  /// The attributes of an attention op.
  var text: String {
    var words = ["causal \(isCausal)", "scale \(scale)"]
    if let window { words.append("window \(window)") }
    if prefix != 0 { words.append("prefix \(prefix)") }
    if let softcap { words.append("softcap \(softcap)") }
    if relative != .absent { words.append("relative \(relative.rawValue)") }
    if bias != .absent { words.append("bias \(bias.rawValue)") }
    if hasLengths { words.append("lengths") }
    if hasMask { words.append("mask") }
    return words.joined(separator: " ")
  }

  init(reading tokens: inout TokenReader) throws {
    try tokens.expect(word: "causal")
    let isCausal = try tokens.word() == "true"
    try tokens.expect(word: "scale")
    self.init(scale: try tokens.number(), isCausal: isCausal)
    if tokens.skip(word: "window") { window = try tokens.integer() }
    if tokens.skip(word: "prefix") { prefix = try tokens.integer() }
    if tokens.skip(word: "softcap") { softcap = try tokens.number() }
    if tokens.skip(word: "relative") { relative = try Self.term(&tokens) }
    if tokens.skip(word: "bias") { bias = try Self.term(&tokens) }
    hasLengths = tokens.skip(word: "lengths")
    hasMask = tokens.skip(word: "mask")
  }

  private static func term(_ tokens: inout TokenReader) throws -> AttentionTerm {
    let word = try tokens.word()
    guard let term = AttentionTerm(rawValue: word) else {
      throw tokens.failure("a term of attention is fixed or moving, not '\(word)'")
    }
    return term
  }
}
