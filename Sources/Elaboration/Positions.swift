// SPDX-License-Identifier: Apache-2.0
//
// Checks of positions and labels. Every array of whole numbers that stands for places (of rows, of
// classes) goes through `checked`; what is certainly out of range is an error here, the rest is the
// compiled program's business.

import Diagnostics
import SpecLanguage
import TensorIR

/// A check, as the graph knows it.
struct CheckedPlace: Hashable {
  var bound: PositionBound
  /// As provenance has it.
  var location: String
}

/// Where a check was asked for, for messages.
struct CheckOrigin {
  var span: Span
  var frames: [CallFrame]
}

extension Elaborator {
  /// Positions along an axis, checked against its size.
  ///
  /// - Parameters:
  ///   - expression: what gives the positions.
  ///   - base: what is indexed.
  func checked(
    _ indices: Tensor, below size: Int, of expression: Expression, axis: Int,
    in base: (expression: Expression, tensor: Tensor)
  ) -> Tensor {
    let array = userText(of: base.expression, base.tensor)
    let purpose = axis == 0 ? "a position of \(array)" : "a position of axis \(axis) of \(array)"
    return checked(indices, below: size, of: expression, purpose)
  }

  /// Whole numbers that must be in `0..<limit`.
  func checked(
    _ indices: Tensor, below limit: Int, of expression: Expression, _ purpose: String
  ) -> Tensor {
    let bound = PositionBound(
      limit: limit, subject: userText(of: expression, indices), purpose: purpose)
    let place = CheckedPlace(
      bound: bound, location: emitter.location?.shortDescription ?? "")
    // A function that both losses call has one: the first call's.
    checkOrigins[place] = checkOrigins[place] ?? CheckOrigin(span: expression.span, frames: frames)
    return emitter.add(.checkPositions(bound), indices)
  }

  /// Reports the positions of a graph that are certainly out of range.
  ///
  /// - Parameter counters: inputs that count from 0, and their numbers of values.
  func reportCertainFaults(in graph: Graph, counters: [Int: Int] = [:]) {
    let saved = frames
    defer { frames = saved }
    for fault in certainFaults(in: graph, counters: counters) {
      let place = CheckedPlace(bound: fault.bound, location: fault.provenance.location)
      // A function that both losses call says it once.
      guard let origin = checkOrigins.removeValue(forKey: place) else { continue }
      frames = origin.frames
      _ = fail(
        .positionAlwaysOutOfRange(
          fault.bound.subject, value: fault.value, purpose: fault.bound.purpose,
          limit: fault.bound.limit), at: origin.span)
    }
  }

  /// An expression as the user wrote it, on one line and not long. Inside of the prelude an array is
  /// what the user gave for it, if it is an argument, or made of the only index array.
  private func userText(of expression: Expression, _ tensor: Tensor) -> String {
    guard expression.span.file.isBuiltIn else { return expression.span.text.onOneLine }
    if let argument = argument(at: expression.span) {
      return argument.expression.span.text.onOneLine
    }
    guard let caller = frames.last(where: { !$0.callee.file.isBuiltIn }) else {
      return expression.span.text.onOneLine
    }
    let given = caller.operands.compactMap { _, operand -> (operand: Operand, tensor: Tensor)? in
      if case .tensor(let tensor) = operand.value { (operand, tensor) } else { nil }
    }
    let same = given.first { $0.tensor.id == tensor.id && $0.tensor.region == tensor.region }
    // Labels of which some are ignored are labels still.
    let indices = given.filter { $0.tensor.dtype == .i32 }
    let argument = same ?? (tensor.dtype == .i32 && indices.count == 1 ? indices.first : nil)
    return argument?.operand.expression.span.text.onOneLine
      ?? "\(expression.span.text.onOneLine) of \(caller.function)"
  }
}

extension String {
  /// The printable text with single blanks, cut after 40 characters.
  fileprivate var onOneLine: String {
    let words = split { $0.isWhitespace }.joined(separator: " ")
    let printable = words.filter {
      $0.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
    }
    return printable.count > 40 ? printable.prefix(37) + "..." : printable
  }
}
