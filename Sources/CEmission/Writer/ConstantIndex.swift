// SPDX-License-Identifier: Apache-2.0
//
// C text in which an index is known to be 0: `left[i * 40 + k]` is `left[k]`.

extension String {
  /// The text with the identifier `variable` replaced by 0 and the sums that it stood in simplified.
  ///
  /// The text must use the identifier only in sums of products, as `Index.sum` spells
  /// them, and as a whole subscript.
  func replacing(variable: String) -> String {
    var tokens = tokens
    for index in tokens.indices where tokens[index] == variable { tokens[index] = Self.zero }
    var result: [String] = []
    var rest = tokens[...]
    while let token = rest.popFirst() {
      guard token == Self.zero else {
        result.append(token)
        continue
      }
      if rest.starts(with: [" ", "*", " "]) { rest = rest.dropFirst(4) }
      if rest.starts(with: [" ", "+", " "]) {
        rest = rest.dropFirst(3)
      } else if result.suffix(3) == [" ", "+", " "] {
        result.removeLast(3)
      } else {
        result.append("0")
      }
    }
    return result.joined()
  }

  /// Stands for the index while the text is rewritten.
  private static var zero: String { "\0" }

  /// Identifiers and numbers as wholes, every other character by itself.
  private var tokens: [String] {
    var tokens: [String] = []
    var word = ""
    for character in self {
      if character.isLetter || character.isNumber || character == "_" {
        word.append(character)
        continue
      }
      if !word.isEmpty { tokens.append(word) }
      word = ""
      tokens.append(String(character))
    }
    return word.isEmpty ? tokens : tokens + [word]
  }
}
