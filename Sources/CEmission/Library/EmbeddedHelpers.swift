// SPDX-License-Identifier: Apache-2.0
//
// The helpers of a generated source: of each file of `Templates/runtime` only the definitions that the
// source uses, and of its head only what it says about them. The licence line and the list of
// requirements stay in the templates: what is generated is the user's.

/// Cuts helper files down to what a source needs.
struct EmbeddedHelpers {
  /// One definition of a helper file: a function, a type, macros that belong together.
  private struct Unit {
    var lines: [String]
    /// What it defines; nothing for what is needed in any case.
    var names: Set<Substring> = []

    var text: String { lines.joined(separator: "\n") + "\n" }
  }

  private struct File {
    var comment: [String] = []
    var units: [Unit] = []
  }

  /// The text of the helper files `symbols`, each after those it requires, as far as `body` uses it.
  ///
  /// - Cost: linear in the size of the texts.
  static func text(of symbols: [String], usedBy body: String) -> String {
    var used = body.identifiers
    var kept: [String] = []
    for symbol in symbols.reversed() {
      let file = file(RuntimeHelpers.text(of: symbol))
      // Later definitions use earlier ones; what a macro is for may stand on either side of it.
      var wanted: [Unit] = []
      for unit in file.units.reversed()
      where unit.names.isEmpty || !unit.names.isDisjoint(with: used) {
        wanted.append(unit)
        used.formUnion(unit.text.identifiers)
      }
      guard wanted.contains(where: { !$0.names.isEmpty }) || symbol == "mixfuse_parallel" else {
        continue
      }
      // A blank line above each, but for macros and what the head of the file stands above.
      let separated = wanted.reversed().enumerated().map { number, unit in
        let isAttached = number == 0 && unit.lines.first?.hasPrefix("//") == false
        return unit.lines.count > 1 && !isAttached ? "\n" + unit.text : unit.text
      }
      let comment = file.comment.map { $0 + "\n" }.joined()
      kept.append(comment + separated.joined() + "\n")
    }
    return kept.reversed().joined()
  }

  /// The head of a helper file without name, requirements and licence, and its definitions.
  private static func file(_ text: String) -> File {
    var file = File()
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)[...]
    lines = lines.dropFirst(2).drop { $0.hasPrefix("// SPDX") || $0 == "//" }
    while let line = lines.first, line.hasPrefix("//") { file.comment.append(lines.removeFirst()) }
    var isMacroUndefined = false
    while let line = lines.first {
      if line.isEmpty {
        lines.removeFirst()
        continue
      }
      let unit = unit(&lines)
      isMacroUndefined = isMacroUndefined || unit.lines.contains { $0.hasPrefix("#undef") }
      file.units.append(unit)
    }
    // Macros that are taken back belong to the definitions between.
    if isMacroUndefined { file.units = [merged(file.units)] }
    return file
  }

  private static func merged(_ units: [Unit]) -> Unit {
    var lines: [String] = []
    for unit in units {
      if unit.lines.count > 1, !lines.isEmpty { lines.append("") }
      lines += unit.lines
    }
    return Unit(lines: lines, names: units.reduce(into: []) { $0.formUnion($1.names) })
  }

  /// Takes the next definition from the lines, with the comment above it.
  private static func unit(_ lines: inout ArraySlice<String>) -> Unit {
    var taken: [String] = []
    while let line = lines.first, line.hasPrefix("//") { taken.append(lines.removeFirst()) }
    guard let first = lines.first else { return Unit(lines: taken) }
    let isConditional = first.hasPrefix("#if")
    func isLast(_ line: String) -> Bool {
      if isConditional { return line == "#endif" }
      if first.hasPrefix("#") && !first.hasPrefix("#pragma") { return !line.hasSuffix("\\") }
      return line == "}" || line.hasPrefix("}") && line.hasSuffix(";")
        || !line.hasPrefix(" ") && line.hasSuffix(";")
    }
    while let line = lines.popFirst() {
      taken.append(line)
      if isLast(line) { break }
    }
    return Unit(lines: taken, names: names(of: taken))
  }

  private static func names(of lines: [String]) -> Set<Substring> {
    let code = lines.filter { !$0.hasPrefix("//") }
    if let first = code.first, first.hasPrefix("#"), !first.hasPrefix("#pragma") {
      // A guard against a second definition is needed in any case.
      if first.hasPrefix("#ifndef") || first.hasPrefix("#include") { return [] }
      return Set(
        code.filter { $0.hasPrefix("#define") }
          .compactMap { $0.dropFirst(8).split { " (".contains($0) }.first })
    }
    // A type is named at its end, a function before its parameters.
    let text = code.filter { !$0.hasPrefix("#") }.joined(separator: " ")
    let separators: (Character) -> Bool = { !($0.isLetter || $0.isNumber || $0 == "_") }
    if text.hasPrefix("typedef") {
      let words = text.split(whereSeparator: separators)
      // An attribute may stand behind the name of ours; the integers of C have none.
      let ours = words.filter { $0.hasPrefix("mf_") || $0.hasPrefix("mixfuse") }
      return Set((ours.isEmpty ? words : ours).suffix(1))
    }
    for start in text.indices(of: "(").ranges {
      let word = text[..<start.lowerBound].split(whereSeparator: separators).last ?? ""
      if word.hasPrefix("mf_") { return [word] }
    }
    return []
  }
}
