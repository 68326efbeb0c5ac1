// SPDX-License-Identifier: Apache-2.0
//
// The fixed C helpers of `Templates/runtime`, embedded in the compiler. Each file's first line names
// its symbol and its second what it requires; that is the only list of dependencies there is.

import CTemplates

/// Looks helpers up by symbol.
package enum RuntimeHelpers {
  /// Every helper's file text by symbol.
  private static let texts: [String: String] = {
    var texts: [String: String] = [:]
    for index in 0..<mixfuse_template_count() {
      let symbol = String(cString: mixfuse_template_symbol(index))
      texts[symbol] = String(cString: mixfuse_template_text(index))
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
}
