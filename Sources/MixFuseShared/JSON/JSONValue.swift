// SPDX-License-Identifier: Apache-2.0
//
// JSON as a tree, read and written without Foundation, which would make a static program that loads
// one library 60 MB larger.

/// A value of JSON.
package enum JSONValue: Sendable {
  case null
  case bool(Bool)
  /// A number as it is written: no digits are lost.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])
}

/// The text of a value.
///
/// - Parameters:
///   - value: what to write. The keys of objects come in alphabetical order, so that equal values are
///     equal bytes.
///   - isPretty: a line for each element, as the manifest has it; else no blanks at all.
package func jsonText(_ value: JSONValue, isPretty: Bool) -> String {
  var text = ""
  write(value, isPretty: isPretty, depth: 0, to: &text)
  return text
}

private func write(_ value: JSONValue, isPretty: Bool, depth: Int, to text: inout String) {
  switch value {
  case .null: text += "null"
  case .bool(let value): text += value ? "true" : "false"
  case .number(let digits): text += digits
  case .string(let string): text += quoted(string)
  case .array(let elements):
    writeList("[", "]", elements.count, isPretty, depth, &text) { index, text in
      write(elements[index], isPretty: isPretty, depth: depth + 1, to: &text)
    }
  case .object(let members):
    let sorted = members.sorted { $0.key < $1.key }
    writeList("{", "}", sorted.count, isPretty, depth, &text) { index, text in
      text += quoted(sorted[index].key) + (isPretty ? " : " : ":")
      write(sorted[index].value, isPretty: isPretty, depth: depth + 1, to: &text)
    }
  }
}

private func writeList(
  _ open: String, _ close: String, _ count: Int, _ isPretty: Bool, _ depth: Int,
  _ text: inout String, _ element: (Int, inout String) -> Void
) {
  let indentation = { String(repeating: "  ", count: $0) }
  text += open
  for index in 0..<count {
    if index > 0 { text += "," }
    if isPretty { text += "\n" + indentation(depth + 1) }
    element(index, &text)
  }
  if isPretty { text += (count == 0 ? "\n\n" : "\n") + indentation(depth) }
  text += close
}

private func quoted(_ string: String) -> String {
  var text = "\""
  for scalar in string.unicodeScalars {
    switch scalar {
    case "\"": text += "\\\""
    case "\\": text += "\\\\"
    case "\u{8}": text += "\\b"
    case "\u{c}": text += "\\f"
    case "\n": text += "\\n"
    case "\r": text += "\\r"
    case "\t": text += "\\t"
    case "\0"..."\u{1f}":
      let digits = String(scalar.value, radix: 16)
      text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text + "\""
}
