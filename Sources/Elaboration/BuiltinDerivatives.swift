// SPDX-License-Identifier: Apache-2.0
//
// Derivatives of functions, as values of the language. A function is run once, in a region of its own,
// which becomes the function of a `gradient` or a `jvp` op: what it reads besides its arguments are
// further operands of the op, so that derivatives of derivatives see them, too.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let derivatives: [Builtin] = [
    Builtin(
      "grad", .function("f"), .rest("arguments"), .optional("wrt", or: "0"),
      summary:
        "the derivative of the number `f(arguments...)` by the argument at position `wrt`: an "
        + "array or a tree like it, or a tuple for a list of positions"
    ) { try $0.gradient(of: $2, at: $1, $3, wrt: $4).gradient },
    Builtin(
      "value_and_grad", .function("f"), .rest("arguments"), .optional("wrt", or: "0"),
      summary: "`f(arguments...)` and its `grad`, as a tuple"
    ) {
      let (value, gradient) = try $0.gradient(of: $2, at: $1, $3, wrt: $4)
      return .tuple([value, gradient])
    },
    Builtin(
      "jvp", .function("f"), .any("x"), .any("v"),
      summary:
        "the derivative of `f(x)` along `v`, which is like `x` or a number: an array, a tree "
        + "or a tuple like `f(x)`"
    ) { try $0.tangent(of: $2, at: $1, $3, $4).tangent },
    Builtin(
      "value_and_jvp", .function("f"), .any("x"), .any("v"),
      summary: "`f(x)` and its `jvp`, as a tuple"
    ) {
      let (value, tangent) = try $0.tangent(of: $2, at: $1, $3, $4)
      return .tuple([value, tangent])
    },
  ]
}

/// An argument that is a function.
struct FunctionArgument {
  let operand: Operand
  let function: FunctionValue
}

extension Parameter<FunctionArgument> {
  /// A function.
  static func function(_ name: String) -> Self {
    Self(name) { elaborator, operand in
      guard case .function(let function) = operand.value else {
        throw elaborator.fail(
          .kind(what: name, expected: "a function", found: operand.value.kind),
          at: operand.expression.span, operands: [operand],
          help: "write x -> ... for the value as a function of x")
      }
      return FunctionArgument(operand: operand, function: function)
    }
  }
}

extension Elaborator {
  /// The value of a function and its derivative by some of its arguments.
  ///
  /// - Parameters:
  ///   - place: where `grad` is called.
  ///   - wrt: the position of an argument or a list of positions; the first if it is left out.
  fileprivate func gradient(
    of argument: FunctionArgument, at place: Span, _ arguments: [Operand], wrt: Operand?
  ) throws -> (value: Value, gradient: Value) {
    let positions = try self.positions(wrt, among: arguments, at: place)
    let varied = try positions.map { try self.varied(arguments[$0]) }
    let region = try inRegion(argument.function.name, varied) { inputs in
      var inner = arguments
      for (position, input) in zip(positions, inputs) {
        inner[position] = arguments[position].part(input)
      }
      let result = argument.operand.part(try call(argument.function, at: place, inner))
      guard result.value.number != nil || result.value.tensors.count == 1,
        let loss = try? tensor(result), loss.type == .scalar(floatType)
      else {
        throw fail(
          .kind(
            what: "what \(argument.function.name) gives", expected: "a single float",
            found: result.value.kind), at: argument.operand.expression.span,
          help: "the sum of an array has the derivatives of its elements; jvp differentiates arrays"
        )
      }
      emitter.output("value", loss)
    }
    let op = GradientOp(function: region.graph, wrt: Array(region.operands.indices))
    let results = emitter.append(.gradient(op), region.operands + region.captured)
    var rest = results.dropFirst()
    let gradients = varied.map { $0.replacingTensors(&rest) }
    let isList = if case .list? = wrt?.value { true } else { false }
    return (.tensor(results[0]), isList ? .tuple(gradients) : gradients[0])
  }

  /// The value of a function of one argument and its derivative along a direction.
  ///
  /// - Parameter place: where `jvp` is called.
  fileprivate func tangent(
    of argument: FunctionArgument, at place: Span, _ x: Operand, _ direction: Operand
  ) throws -> (value: Value, tangent: Value) {
    let varied = try self.varied(x)
    let directions = try self.directions(direction, like: x.part(varied))
    var result = Value.poison
    let region = try inRegion(argument.function.name, [varied]) { inputs in
      let given = try call(argument.function, at: place, [x.part(inputs[0])])
      result = try floats(argument.operand.part(given))
      for (index, tensor) in result.tensors.enumerated() {
        emitter.output("value_\(index)", tensor)
      }
    }
    let op = JVPOp(function: region.graph, wrt: Array(region.operands.indices))
    let values = emitter.append(.jvp(op), region.operands + region.captured + directions)
    var rest = values[...]
    let value = result.replacingTensors(&rest)
    return (value, result.replacingTensors(&rest))
  }

  /// Runs `body` in a region whose first inputs stand for the arrays of `values`; it makes the outputs.
  ///
  /// - Returns: the region's graph, the arrays that those inputs stand for, and those that its other
  ///   inputs stand for.
  func inRegion(
    _ name: String, _ values: [Value], _ body: ([Value]) throws -> Void
  ) throws -> (graph: Graph, operands: [Tensor], captured: [Tensor]) {
    emitter.beginRegion(name)
    let names = values.enumerated().flatMap { $1.namedTensors("x_\($0 + 1)") }
    var inputs = names.map { emitter.input($0.name, $0.tensor.type) }[...]
    do {
      try body(values.map { $0.replacingTensors(&inputs) })
    } catch {
      _ = emitter.endRegion()
      throw error
    }
    let (graph, captured) = emitter.endRegion()
    return (graph, values.flatMap(\.tensors), captured)
  }

  /// Which arguments to differentiate by.
  private func positions(
    _ wrt: Operand?, among arguments: [Operand], at place: Span
  ) throws -> [Int] {
    guard !arguments.isEmpty else {
      throw fail(.argumentMissing("the function's arguments", of: place.text), at: place)
    }
    guard let wrt else { return [0] }
    let parts = if case .list(let parts) = wrt.value, !parts.isEmpty { parts } else { [wrt.value] }
    let positions = try parts.map { part in
      let position = try integer(wrt.part(part), "wrt")
      guard arguments.indices.contains(position) else {
        throw fail(
          .positionOutOfRange(position, size: arguments.count), at: wrt.expression.span,
          help: "the arguments count from 0")
      }
      return position
    }
    guard Set(positions).count == positions.count else {
      throw fail(.argumentRepeated("a position"), at: wrt.expression.span)
    }
    return positions
  }

  /// An argument to differentiate by, as arrays of floats.
  func varied(_ operand: Operand) throws -> Value {
    let value = try floats(operand)
    guard !value.tensors.isEmpty else {
      throw fail(.floatsNeeded(value.kind), at: operand.expression.span, operands: [operand])
    }
    return value
  }

  /// A value as arrays of floats; trees and tuples keep their form.
  func floats(_ operand: Operand) throws -> Value {
    switch operand.value {
    case .tree(let tree): return .tree(try tree.mapValues { try floats(operand.part($0)) })
    case .tuple(let parts): return .tuple(try parts.map { try floats(operand.part($0)) })
    default: return .tensor(try floatTensor(operand))
    }
  }

  /// The arrays of a direction for those of `x`: arrays of the same shapes, or numbers for all elements.
  private func directions(_ direction: Operand, like x: Operand) throws -> [Tensor] {
    switch (x.value, direction.value) {
    case (.tree(let tree), .tree(let other)):
      return try tree.fields.flatMap { field -> [Tensor] in
        guard tree.fields.count == other.fields.count, let part = other[field.name] else {
          throw mismatch(direction, x)
        }
        return try directions(direction.part(part.value), like: x.part(field.value))
      }
    case (.tuple(let parts), .tuple(let others)) where parts.count == others.count:
      return try zip(parts, others).flatMap {
        try directions(direction.part($1), like: x.part($0))
      }
    case (.tree, .tuple), (.tuple, .tree), (.tuple, .tuple): throw mismatch(direction, x)
    case (.tree(let tree), _):
      return try tree.fields.flatMap { try directions(direction, like: x.part($0.value)) }
    case (.tuple(let parts), _):
      return try parts.flatMap { try directions(direction, like: x.part($0)) }
    default:
      guard case .tensor(let tensor) = x.value else { throw mismatch(direction, x) }
      let found = try floatTensor(direction)
      guard found.shape.isEmpty || found.shape == tensor.shape else { throw mismatch(direction, x) }
      return [emitter.broadcast(found, to: tensor.shape)]
    }
  }

  private func mismatch(_ direction: Operand, _ x: Operand) -> Reported {
    fail(
      .shape(
        what: "the direction of a derivative", expected: x.value.spelling,
        found: direction.value.spelling), at: direction.expression.span, operands: [direction])
  }
}
