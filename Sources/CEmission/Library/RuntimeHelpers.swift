// SPDX-License-Identifier: Apache-2.0
//
// The fixed C helpers of `Templates/runtime`, embedded in the compiler. Each file's first line names
// its symbol and its second what it requires; that is the only list of dependencies there is. A
// helper that is the same for both float types is one file, written for f32, whose first line names
// both symbols.

import CTemplates

/// Looks helpers up by symbol.
package enum RuntimeHelpers {
  /// Every helper's text by symbol.
  private static let texts: [String: String] = {
    var texts: [String: String] = [:]
    for index in 0..<mixfuse_template_count() {
      let text = String(cString: mixfuse_template_text(index))
      let lines = text.split(separator: "\n", maxSplits: 1)
      for (number, symbol) in lines[0].dropFirst(3).split(separator: ", ").enumerated() {
        let own = "// \(symbol)\n\(lines[1])"
        texts[String(symbol)] = number == 0 ? own : inDouble(own)
      }
    }
    return texts
  }()

  /// All symbols, sorted.
  package static var symbols: [String] { texts.keys.sorted() }

  /// The C text of one helper.
  package static func text(of symbol: String) -> String {
    guard let text = texts[symbol] else {
      preconditionFailure("compiler bug: there is no helper \(symbol) in Templates/runtime")
    }
    return text
  }

  /// The helpers that `symbols` need, themselves included, each after those it requires. The text
  /// that every source begins with comes first.
  package static func closure(of symbols: Set<String>) -> [String] {
    var ordered: [String] = []
    var visited = Set<String>()
    func visit(_ symbol: String) {
      guard visited.insert(symbol).inserted else { return }
      for required in requirements(of: symbol) { visit(required) }
      ordered.append(symbol)
    }
    visit("mf_library")
    for symbol in symbols.sorted() { visit(symbol) }
    return ordered
  }

  private static func requirements(of symbol: String) -> [String] {
    let lines = text(of: symbol).split(separator: "\n", omittingEmptySubsequences: false)
    let prefix = "// requires:"
    guard lines.count > 1, lines[1].hasPrefix(prefix) else {
      preconditionFailure("compiler bug: helper \(symbol) has no requires line")
    }
    return lines[1].dropFirst(prefix.count).split(whereSeparator: { " ,".contains($0) })
      .map(String.init)
  }

  /// C text for f32 as it is for f64: names, types, literals and built-in functions.
  ///
  /// - Cost: one pass over the text.
  static func inDouble(_ text: String) -> String {
    let isWord: (Character) -> Bool = { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
    var result = ""
    var rest = text[...]
    while !rest.isEmpty {
      let word = rest.prefix(while: isWord)
      result += wordInDouble(word)
      let other = rest[word.endIndex...].prefix { !isWord($0) }
      result += other
      rest = rest[other.endIndex...]
    }
    return result
  }

  private static func wordInDouble(_ word: Substring) -> String {
    if word == "float" { return "double" }
    // 1.0f, 0x1.8p23f, and the exponent of 0x1p-3f; not 0xff.
    let isNumber = word.first?.isNumber == true && (!word.hasPrefix("0x") || word.contains("p"))
    let isBuiltin = word.hasPrefix("__builtin_")
    let isSuffixed = word.hasSuffix("f") && (isNumber || isBuiltin)
    return String(isSuffixed ? word.dropLast() : word).replacing("f32", with: "f64")
  }
}
