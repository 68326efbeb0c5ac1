// SPDX-License-Identifier: Apache-2.0
//
// A small writer for the C of contraction kernels. It is the only file of the contraction
// emitters that spells C keywords and punctuation of blocks; the emitters say what loops and
// functions there are. Output is deterministic, indented by two spaces and meant to be read.

import Scheduling

/// Accumulates the text of C functions.
struct ContractionWriter {
  /// The text so far; complete lines.
  private(set) var text = ""
  private var depth = 0
  let element: ContractionElement

  init(element: ContractionElement) { self.element = element }

  /// Writes one line at the current depth.
  mutating func line(_ content: String) {
    text += content.isEmpty ? "\n" : String(repeating: "  ", count: depth) + content + "\n"
  }

  /// Writes complete lines as they are.
  mutating func lines(_ text: String) { self.text += text }

  /// Writes a line comment.
  mutating func comment(_ content: String) { line("// " + content) }

  /// Writes `header { body }`, or a plain block if the header is empty.
  mutating func block(_ header: String, _ body: (inout Self) -> Void) {
    line(header.isEmpty ? "{" : header + " {")
    depth += 1
    body(&self)
    depth -= 1
    line("}")
  }

  /// Writes a function local to the file.
  ///
  /// - Parameters:
  ///   - parameters: one a string, already spelled as C.
  ///   - isKernel: keeps the function out of line, so that a profile shows it.
  mutating func function(
    _ name: String, _ parameters: [String], isKernel: Bool = false, _ body: (inout Self) -> Void
  ) {
    let start = "MF_KERNEL static void \(name)("
    let lines = CWriter.wrapped(start, parameters, closing: ")", width: 98)
    for start in lines.dropLast() { line(start) }
    block(lines[lines.count - 1], body)
    line("")
  }

  /// Writes a call of a function without result.
  mutating func call(_ function: String, _ arguments: [String]) {
    let room = 100 - 2 * depth
    for line in CWriter.wrapped("\(function)(", arguments, closing: ");", width: room) {
      self.line(line)
    }
  }

  /// Writes `type a, b;`.
  mutating func declaration(_ type: String, _ declarators: [String]) {
    let room = 100 - 2 * depth
    for line in CWriter.wrapped("\(type) ", declarators, closing: ";", width: room) {
      self.line(line)
    }
  }

  /// Writes a counting loop.
  mutating func loop(
    _ variable: String, from start: String = "0", below end: String, step: Int = 1,
    _ body: (inout Self) -> Void
  ) {
    if start == "0", end == "1" { return once(variable, body) }
    block(
      "for (int64_t \(variable) = \(start); \(variable) < \(end); \(variable) += \(step))", body)
  }

  /// Writes a loop that the compiler must unroll fully, so that arrays indexed by its variable
  /// become registers.
  mutating func unrolledLoop(_ variable: String, count: Int, _ body: (inout Self) -> Void) {
    if count == 1 { return once(variable, body) }
    line("#pragma clang loop unroll(full)")
    loop(variable, below: String(count), body)
  }

  /// Writes what a loop of one iteration does.
  private mutating func once(_ variable: String, _ body: (inout Self) -> Void) {
    var inner = ContractionWriter(element: element)
    inner.depth = depth
    body(&inner)
    text += inner.text.replacing(variable: variable)
  }

  /// Writes a loop that must stay rolled; it is the hot loop and already has enough work in it.
  mutating func rolledLoop(
    _ variable: String, from start: String = "0", below end: String, step: Int = 1,
    _ body: (inout Self) -> Void
  ) {
    if start == "0", end == "1" { return once(variable, body) }
    line("#pragma clang loop unroll(disable)")
    loop(variable, from: start, below: end, step: step, body)
  }

  /// Writes a loop over blocks of at most `size` iterations of the loop `variable`; `body` gets what
  /// writes the loop over those of one block.
  mutating func blockLoops(
    _ variable: String, below extent: Int, size: Int,
    _ body: ((inout Self, (inout Self) -> Void) -> Void, inout Self) -> Void
  ) {
    rolledLoop("start", below: String(extent), step: size) { writer in
      let end = "start + \(size)"
      writer.integer("stop", extent % size == 0 ? end : "\(end) < \(extent) ? \(end) : \(extent)")
      body(
        { writer, body in
          writer.rolledLoop(variable, from: "start", below: "stop", body)
        }, &writer)
    }
  }

  /// Adds `block` to `total` with what rounding took from it before; `error` becomes what it takes
  /// now: see `SumBlocks`. The error of an infinite total is no number, and left out.
  mutating func addBlock(_ block: String, to total: String, error: String, _ type: String) {
    self.block("") { writer in
      writer.constant(type, "more", "\(block) + \(error)")
      writer.constant(type, "next", "\(total) + more")
      writer.constant(type, "added", "next - \(total)")
      writer.constant(type, "lost", "(\(total) - (next - added)) + (more - added)")
      writer.line("\(error) = lost == lost ? lost : (\(type))0;")
      writer.line("\(total) = next;")
    }
  }

  /// Writes a conditional.
  mutating func when(_ condition: String, _ body: (inout Self) -> Void) {
    block("if (\(condition))", body)
  }

  /// Writes a conditional with both branches.
  mutating func choose(
    _ condition: String, _ then: (inout Self) -> Void, otherwise: (inout Self) -> Void
  ) {
    line("if (\(condition)) {")
    depth += 1
    then(&self)
    depth -= 1
    line("} else {")
    depth += 1
    otherwise(&self)
    depth -= 1
    line("}")
  }

  /// Declares a constant of type `type`.
  mutating func constant(_ type: String, _ name: String, _ value: String) {
    line("const \(type) \(name) = \(value);")
  }

  /// Declares a 64-bit integer constant.
  mutating func integer(_ name: String, _ value: String) { constant("int64_t", name, value) }

  /// Declares a pointer to constant elements.
  mutating func readPointer(_ name: String, _ value: String) {
    line("const \(scalar) *\(name) = \(value);")
  }

  /// Declares a pointer to elements.
  mutating func writePointer(_ name: String, _ value: String) {
    line("\(scalar) *\(name) = \(value);")
  }

  // MARK: spelling of types and expressions

  /// The C type of one element.
  var scalar: String {
    switch element {
    case .f32: "float"
    case .f64: "double"
    }
  }

  /// The C type of `width` neighbouring elements.
  func vector(_ width: Int) -> String { width == 1 ? scalar : "mf_\(element.rawValue)x\(width)" }

  /// Declares the types of vectors whose width is no power of two; the others are in
  /// `mf_vector_types`. The compiler keeps them in one register, loads and stores them in parts.
  mutating func vectorTypes(_ widths: Set<Int>) {
    for width in widths.sorted() where width.nonzeroBitCount > 1 {
      line("typedef \(scalar) \(vector(width))")
      line("    __attribute__((ext_vector_type(\(width)), aligned(\(element.bytes))));")
    }
  }

  /// An expression that reads `width` elements at `address`.
  func load(_ width: Int, _ address: String) -> String { "*(const \(vector(width)) *)(\(address))" }

  /// An assignable expression for `width` elements at `address`.
  func target(_ width: Int, _ address: String) -> String { "*(\(vector(width)) *)(\(address))" }

  /// A parameter that is only read through.
  func input(_ name: String) -> String { "const \(scalar) *restrict \(name)" }

  /// A parameter that is written through.
  func output(_ name: String) -> String { "\(scalar) *restrict \(name)" }

  /// An integer parameter.
  func count(_ name: String) -> String { "int64_t \(name)" }

  /// `pointer + i * 40 + 16`, without terms that are zero.
  ///
  /// - Parameter terms: index variables with their strides.
  func address(_ pointer: String, _ terms: [(String, Int)], plus constant: Int = 0) -> String {
    let offset = index(terms, plus: constant)
    return offset == "0" ? pointer : "\(pointer) + \(offset)"
  }

  /// `i * 40 + 16`, without terms that are zero.
  func index(_ terms: [(String, Int)], plus constant: Int = 0) -> String {
    var parts = terms.compactMap { name, stride -> String? in
      if stride == 0 || name == "0" { return nil }
      let factor = name.contains(" ") ? "(\(name))" : name
      return stride == 1 ? factor : "\(factor) * \(stride)"
    }
    if constant != 0 || parts.isEmpty { parts.append(String(constant)) }
    return parts.joined(separator: " + ")
  }
}
