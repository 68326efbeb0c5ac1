// SPDX-License-Identifier: Apache-2.0
//
// Text from outside (file names, flags, names in archives, lines of a spec) as it may be shown: a
// control character among it could move the cursor of a terminal, hide what follows, or end the
// comment of a generated file; a line of two megabytes would bury the message.

/// The text with everything that has no glyph written out: `\n`, `\u{1B}`.
///
/// - Parameter keepsLineBreaks: whether `\n` stays, for texts that are meant to have lines.
package func visible(_ text: String, keepsLineBreaks: Bool = false) -> String {
  guard text.unicodeScalars.contains(where: \.isInvisible) else { return text }
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if !scalar.isInvisible || keepsLineBreaks && scalar == "\n" {
      result.append(scalar)
    } else {
      result.append(contentsOf: escaped(scalar).unicodeScalars)
    }
  }
  return String(result)
}

private func escaped(_ scalar: Unicode.Scalar) -> String {
  switch scalar {
  case "\n": "\\n"
  case "\r": "\\r"
  case "\t": "\\t"
  default: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
  }
}

/// The text if it has at most `limit` characters, and else its beginning and its end.
package func shortened(_ text: String, to limit: Int = 300) -> String {
  // Fewer bytes than the limit are fewer characters, too; counting those is slow.
  guard text.utf8.count > limit, text.count > limit else { return text }
  let tail = limit / 4
  return "\(text.prefix(limit - tail)) ... \(text.suffix(tail))"
}

extension Character {
  /// The character in one column of a source line: a blank for a tab, and for any other control
  /// character the picture that Unicode has of it.
  var inOneColumn: Character {
    guard unicodeScalars.contains(where: \.isInvisible) else { return self }
    guard let scalar = unicodeScalars.first, unicodeScalars.count == 1 else { return "\u{FFFD}" }
    switch scalar.value {
    case 0x09: return " "
    case 0x00..<0x20: return Unicode.Scalar(0x2400 + scalar.value).map(Character.init) ?? "\u{FFFD}"
    case 0x7F: return "\u{2421}"
    default: return "\u{FFFD}"
    }
  }
}

extension Unicode.Scalar {
  /// Control characters, marks of direction and other characters that have no glyph of their own.
  fileprivate var isInvisible: Bool {
    if value >= 0x20 && value < 0x7F { return false }
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
      return true
    default: return false
    }
  }
}
