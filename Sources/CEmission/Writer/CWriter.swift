// SPDX-License-Identifier: Apache-2.0
//
// A small writer for C: lines, blocks, functions. It spells the punctuation of blocks; what loops
// and functions there are is said by its callers. Two spaces, 100 columns, braces always.

/// Accumulates indented C text.
struct CWriter {
  /// The text so far; complete lines.
  private(set) var text = ""
  private var depth = 0

  /// Columns of a line, and how far what continues one is indented.
  private static let width = 100
  private static let continuation = "    "

  /// Writes one line at the current depth; a long one goes on below, where it has a space.
  mutating func line(_ content: String = "") {
    guard !content.isEmpty else { return text += "\n" }
    let indent = String(repeating: "  ", count: depth)
    var (rest, prefix, isComment) = (Substring(content), indent, false)
    while prefix.utf8.count + rest.utf8.count > Self.width,
      let end = Self.lastBreak(
        in: rest, isComment: isComment, within: Self.width - prefix.utf8.count)
    {
      isComment = isComment || rest.hasPrefix("//")
      text += prefix + rest[..<end] + "\n"
      rest = rest[end...].drop { $0 == " " }
      prefix = isComment ? indent + "//" + Self.continuation : indent + Self.continuation
    }
    text += prefix + rest + "\n"
  }

  /// The last space before which at most `width` characters stand and at which the line may go on
  /// below: not within a string, a directive or a comment behind code, nor after what joins lines.
  /// `nil` if there is none.
  private static func lastBreak(
    in line: Substring, isComment: Bool, within width: Int
  ) -> Substring.Index? {
    let bytes = line.utf8
    let isText = isComment || line.hasPrefix("//")
    guard isText || !line.hasPrefix("#") && !line.contains("\""),
      let limit = bytes.index(bytes.startIndex, offsetBy: width + 1, limitedBy: bytes.endIndex)
    else { return nil }
    var head = line[..<limit]
    if let comment = line.firstRange(of: " //")?.lowerBound, comment < limit {
      head = line[...comment]
    }
    while let end = head.lastIndex(of: " ") {
      head = line[..<end]
      let joins = head.hasSuffix("\\") || head.hasSuffix("??/") || head.hasSuffix(" ")
      if !joins, head.contains(where: { $0 != "/" && $0 != " " }) { return end }
    }
    return nil
  }

  /// Writes a line comment, and nothing but a comment: names in it come from files and specs, and
  /// neither a line break nor a backslash at the end may carry it on or end it early.
  mutating func comment(_ content: String) {
    guard content.utf8.contains(where: { !(0x20..<0x7F).contains($0) }) else {
      return printableComment(content)
    }
    var safe = String.UnicodeScalarView()
    for scalar in content.unicodeScalars {
      let isControl = scalar.value < 0x20 || scalar.value == 0x7F || scalar.value == 0x85
      safe.append(
        contentsOf: isControl
          ? "\\x\(String(scalar.value, radix: 16))".unicodeScalars
          : String(scalar).unicodeScalars)
    }
    printableComment(String(safe))
  }

  /// - Parameter text: without control characters.
  private mutating func printableComment(_ text: String) {
    // `??/` is a backslash to compilers that still have trigraphs.
    line("// " + text + (text.hasSuffix("\\") || text.hasSuffix("??/") ? " ." : ""))
  }

  /// Writes `header { body }`, or a plain block if the header is empty.
  mutating func block(
    _ header: String = "", close: String = "}", _ body: (inout CWriter) -> Void
  ) {
    line(header.isEmpty ? "{" : header + " {")
    depth += 1
    body(&self)
    depth -= 1
    line(close)
  }

  /// Writes a function.
  mutating func function(
    _ prefix: String, _ parameters: [String], _ body: (inout CWriter) -> Void
  ) {
    let lines = Self.wrapped("\(prefix)(", parameters, closing: ")", width: Self.width - 2)
    for start in lines.dropLast() { line(start) }
    block(lines[lines.count - 1], body)
    line()
  }

  /// Writes `name(arguments);`.
  mutating func call(_ function: String, _ arguments: [String]) {
    let width = Self.width - 2 * depth
    for line in Self.wrapped("\(function)(", arguments, closing: ");", width: width) {
      self.line(line)
    }
  }

  /// Writes `type a, b;`.
  mutating func declaration(_ type: String, _ declarators: [String]) {
    for line in Self.wrapped("\(type) ", declarators, closing: ";", width: Self.width - 2 * depth) {
      self.line(line)
    }
  }

  /// `opening a, b, c closing` on lines of at most `width` characters, where items allow.
  static func wrapped(
    _ opening: String, _ items: [String], separator: String = ",", closing: String, width: Int
  ) -> [String] {
    if items.isEmpty { return [opening + closing] }
    var lines = [opening]
    for (index, item) in items.enumerated() {
      let piece = item + (index == items.count - 1 ? closing : separator)
      let last = lines[lines.count - 1]
      let gap = last.hasSuffix("(") || last.hasSuffix(" ") ? "" : " "
      if last.utf8.count + gap.utf8.count + piece.utf8.count <= width {
        lines[lines.count - 1] += gap + piece
      } else {
        lines.append(continuation + piece)
      }
    }
    return lines
  }

  /// Writes a counting loop; `reversed` counts down from `end - 1` to `start`.
  mutating func loop(
    _ variable: String, from start: String = "0", below end: String, reversed: Bool = false,
    _ body: (inout CWriter) -> Void
  ) {
    let header =
      reversed
      ? "for (int64_t \(variable) = \(end) - 1; \(variable) >= \(start); --\(variable))"
      : "for (int64_t \(variable) = \(start); \(variable) < \(end); ++\(variable))"
    block(header, body)
  }

  /// Writes a loop over blocks of `size` iterations, of which `first` is the number of the first.
  mutating func blockLoop(
    _ first: String, from start: String, below end: String, size: Int,
    _ body: (inout CWriter) -> Void
  ) {
    block(
      "for (int64_t \(first) = \(start); \(first) < \(end); \(first) += \(size))", body)
  }

  /// Writes a loop that the compiler must do all at once, `end / width` vectors of `width` lanes.
  mutating func vectorLoop(
    _ variable: String, below end: Int, width: Int, _ body: (inout CWriter) -> Void
  ) {
    // Not unrolled before it is vectorised, that is.
    line("MF_IN_VECTORS(\(width), \(end / width))")
    loop(variable, below: "\(end)", body)
  }

  /// Writes a conditional.
  mutating func when(_ condition: String, _ body: (inout CWriter) -> Void) {
    block("if (\(condition))", body)
  }

  /// Writes what a loop of one iteration does: `variable` is 0 in it.
  mutating func once(_ variable: String, _ body: (inout CWriter) -> Void) {
    var inner = CWriter()
    inner.depth = depth
    body(&inner)
    text += inner.text.replacing(variable: variable)
  }

  /// The text of a function's body, written before its parameters are known.
  static func indented(_ body: (inout CWriter) -> Void) -> String {
    var writer = CWriter()
    writer.depth = 1
    body(&writer)
    return writer.text
  }

  /// Writes text that already has its lines.
  mutating func verbatim(_ lines: String) { text += lines }
}

extension String {
  /// All words of a text of C that can be names of functions, types and variables: neither members
  /// nor what only comments say.
  ///
  /// - Cost: one pass over the bytes; what is not ASCII counts as a letter.
  var identifiers: Set<Substring> {
    var names: Set<Substring> = []
    let bytes = utf8
    var position = bytes.startIndex
    var isMember = false
    while position < bytes.endIndex {
      let next = bytes.index(after: position)
      let byte = bytes[position]
      if byte.isOfWord {
        let end = bytes[position...].firstIndex { !$0.isOfWord } ?? bytes.endIndex
        if !isMember { names.insert(self[position..<end]) }
        position = end
        isMember = false
        continue
      }
      let following = next < bytes.endIndex ? bytes[next] : 0
      isMember = byte == UInt8(ascii: "-") && following == UInt8(ascii: ">")
      if isMember {
        position = bytes.index(after: next)
      } else if byte == UInt8(ascii: "/"), following == byte {
        position = bytes[next...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
      } else {
        position = next
      }
    }
    return names
  }
}

extension UInt8 {
  /// Whether the byte may be part of a word of C.
  fileprivate var isOfWord: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }
}
