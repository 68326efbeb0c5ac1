// SPDX-License-Identifier: Apache-2.0
//
// A small writer for C: lines, blocks, functions. It spells the punctuation of blocks; what loops
// and functions there are is said by its callers. Two spaces, 100 columns, braces always.

/// Accumulates indented C text.
struct CWriter {
  /// The text so far; complete lines.
  private(set) var text = ""
  private var depth = 0

  /// Writes one line at the current depth.
  mutating func line(_ content: String = "") {
    text += content.isEmpty ? "\n" : String(repeating: "  ", count: depth) + content + "\n"
  }

  /// Writes a line comment, and nothing but a comment: names in it come from files and specs, and
  /// neither a line break nor a backslash at the end may carry it on or end it early.
  mutating func comment(_ content: String) {
    var safe = String.UnicodeScalarView()
    for scalar in content.unicodeScalars {
      let isControl = scalar.value < 0x20 || scalar.value == 0x7F || scalar.value == 0x85
      safe.append(
        contentsOf: isControl
          ? "\\x\(String(scalar.value, radix: 16))".unicodeScalars
          : String(scalar).unicodeScalars)
    }
    let text = String(safe)
    // `??/` is a backslash to compilers that still have trigraphs.
    line("// " + text + (text.hasSuffix("\\") || text.hasSuffix("??/") ? " ." : ""))
  }

  /// Writes `header { body }`.
  mutating func block(_ header: String, close: String = "}", _ body: (inout CWriter) -> Void) {
    line(header + " {")
    depth += 1
    body(&self)
    depth -= 1
    line(close)
  }

  /// Writes a function, its parameters on one line or one to a line.
  mutating func function(
    _ prefix: String, _ parameters: [String], _ body: (inout CWriter) -> Void
  ) {
    let joined = parameters.joined(separator: ", ")
    if prefix.count + joined.count <= 95 {
      block("\(prefix)(\(joined))", body)
    } else {
      line("\(prefix)(")
      for parameter in parameters.dropLast() { line("    \(parameter),") }
      block("    \(parameters.last ?? "void"))", body)
    }
    line()
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
    line(
      "#pragma clang loop vectorize_width(\(width)) interleave_count(\(end / width)) unroll(disable)"
    )
    loop(variable, below: "\(end)", body)
  }

  /// Writes a conditional.
  mutating func when(_ condition: String, _ body: (inout CWriter) -> Void) {
    block("if (\(condition))", body)
  }

  /// Writes text that already has its lines.
  mutating func verbatim(_ lines: String) { text += lines }
}
