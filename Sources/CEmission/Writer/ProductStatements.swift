// SPDX-License-Identifier: Apache-2.0
//
// The statements of which kernels of products are made, on top of `CWriter`: loops that are unrolled or
// stay rolled, pointers into operands, sums of blocks, and the C types and expressions of elements.

import Kernels
import MixFuseShared

extension CWriter {
  /// Writes a function local to the file, which a profile shows.
  mutating func kernelFunction(
    _ name: String, _ parameters: [String], _ body: (inout CWriter) -> Void
  ) {
    function("MF_KERNEL static void \(name)", parameters, body)
  }

  /// Writes a counting loop.
  mutating func stepLoop(
    _ variable: String, from start: String = "0", below end: String, step: Int = 1,
    _ body: (inout CWriter) -> Void
  ) {
    if start == "0", end == "1" { return once(variable, body) }
    block(
      "for (int64_t \(variable) = \(start); \(variable) < \(end); \(variable) += \(step))", body)
  }

  /// Writes a loop that the compiler must unroll fully, so that arrays indexed by its variable
  /// become registers.
  mutating func unrolledLoop(
    _ variable: String, count: Int, _ body: (inout CWriter) -> Void
  ) {
    if count == 1 { return once(variable, body) }
    line("MF_UNROLLED")
    stepLoop(variable, below: String(count), body)
  }

  /// Writes a loop that must stay rolled; it is the hot loop and already has enough work in it.
  mutating func rolledLoop(
    _ variable: String, from start: String = "0", below end: String, step: Int = 1,
    _ body: (inout CWriter) -> Void
  ) {
    if start == "0", end == "1" { return once(variable, body) }
    line("MF_ROLLED")
    stepLoop(variable, from: start, below: end, step: step, body)
  }

  /// Writes a loop over blocks of at most `size` iterations of the loop `variable`; `body` gets what
  /// writes the loop over those of one block.
  mutating func blockLoops(
    _ variable: String, below extent: Int, size: Int,
    _ body: ((inout CWriter, (inout CWriter) -> Void) -> Void, inout CWriter) -> Void
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
    self.block { writer in
      writer.constant(type, "more", "\(block) + \(error)")
      writer.constant(type, "next", "\(total) + more")
      writer.constant(type, "added", "next - \(total)")
      writer.constant(type, "lost", "(\(total) - (next - added)) + (more - added)")
      let isVector = type.hasPrefix("mf_")
      writer.line(
        isVector
          ? "\(error) = MF_SELECT(\(type), lost == lost, lost, (\(type)){0});"
          : "\(error) = lost == lost ? lost : 0;")
      writer.line("\(total) = next;")
    }
  }

  /// Declares a constant of type `type`.
  mutating func constant(_ type: String, _ name: String, _ value: String) {
    line("const \(type) \(name) = \(value);")
  }

  /// Declares a 64-bit integer constant.
  mutating func integer(_ name: String, _ value: String) { constant("int64_t", name, value) }

  /// Declares a pointer to constant elements.
  mutating func readPointer(_ name: String, to element: FloatType, _ value: String) {
    line("const \(element.cName) *\(name) = \(value);")
  }

  /// Declares a pointer to elements.
  mutating func writePointer(_ name: String, to element: FloatType, _ value: String) {
    line("\(element.cName) *\(name) = \(value);")
  }

  /// Declares the types of vectors whose width is no power of two; the others are in
  /// `mf_vector_types`. The compiler keeps them in one register, loads and stores them in parts.
  mutating func vectorTypes(of element: FloatType, _ widths: Set<Int>) {
    for width in widths.sorted() where width.nonzeroBitCount > 1 {
      line(
        "typedef \(element.cName) \(element.vector(width)) MF_VECTOR(\(element.cName), \(width));")
    }
  }
}

extension FloatType {
  /// The C type of one element.
  var cName: String {
    switch self {
    case .f32: "float"
    case .f64: "double"
    }
  }

  /// The C type of `width` neighbouring elements.
  func vector(_ width: Int) -> String { width == 1 ? cName : "mf_\(rawValue)x\(width)" }

  /// An expression that reads `width` elements at `address`.
  func load(_ width: Int, _ address: String) -> String {
    if isOdd(width) {
      return "MF_LOAD_ODD(\(vector(width)), \(width * byteCount), \(address))"
    }
    return "*(const \(vector(width)) *)(\(address))"
  }

  /// A statement that writes `width` elements to `address`.
  func store(_ width: Int, _ address: String, _ value: String) -> String {
    if isOdd(width) {
      return "MF_STORE_ODD(\(vector(width)), \(width * byteCount), \(address), \(value));"
    }
    return "*(\(vector(width)) *)(\(address)) = \(value);"
  }

  /// No power of two: one compiler of the two has no such vectors, see `mf_vector_types`.
  private func isOdd(_ width: Int) -> Bool { width.nonzeroBitCount > 1 }

  /// A parameter that is only read through.
  func input(_ name: String) -> String { "const \(cName) *restrict \(name)" }

  /// A parameter that is written through.
  func output(_ name: String) -> String { "\(cName) *restrict \(name)" }
}

/// Spells sums of index variables times strides.
enum Index {
  /// An index variable, or an expression, with its stride.
  typealias Term = (String, Int)

  /// An integer parameter.
  static func parameter(_ name: String) -> String { "int64_t \(name)" }

  /// `pointer + i * 40 + 16`, without terms that are zero.
  ///
  /// - Parameter terms: index variables with their strides.
  static func address(_ pointer: String, _ terms: [Term], plus constant: Int = 0) -> String {
    let offset = sum(terms, plus: constant)
    return offset == "0" ? pointer : "\(pointer) + \(offset)"
  }

  /// `i * 40 + 16`, without terms that are zero.
  static func sum(_ terms: [Term], plus constant: Int = 0) -> String {
    var parts = terms.compactMap { name, stride -> String? in
      if stride == 0 || name == "0" { return nil }
      let factor = name.contains(" ") ? "(\(name))" : name
      return stride == 1 ? factor : "\(factor) * \(stride)"
    }
    if constant != 0 || parts.isEmpty { parts.append(String(constant)) }
    return parts.joined(separator: " + ")
  }
}
