// SPDX-License-Identifier: Apache-2.0
//
// What an expression of the language stands for while it is elaborated: an array of the program
// under construction, or something known now (a number, a shape, a string, a function), or a structure
// of these.

import Diagnostics
import TensorIR

/// An array of the program under construction: a value of the IR and the region it belongs to.
struct Tensor {
  /// The value within its region's graph.
  let id: ValueID
  let type: TensorType
  /// The number of the region; see `Emitter`.
  let region: Int
  /// What is known of the sizes of the axes beside their values; empty if nothing is.
  var forms: [SizeForm?] = []

  var shape: [Int] { type.shape }
  var dtype: DType { type.dtype }
}

/// The value of an expression.
indirect enum Value {
  case tensor(Tensor)
  /// A whole number known at build time.
  case integer(Int)
  /// A number known at build time.
  case real(Double)
  case boolean(Bool)
  case string(String)
  case tree(Tree)
  case tuple([Value])
  case list([Value])
  /// What can be called; see `FunctionValues.swift`.
  case function(FunctionValue)
  /// `none`: an argument that is left out. It can only be passed on and compared with `none`.
  case absent
  /// The value of something with an error that was already reported; using it reports nothing.
  case poison

  /// A number known at build time.
  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .real(let value): value
    default: nil
    }
  }

  /// Whether this is `none`.
  var isAbsent: Bool {
    if case .absent = self { true } else { false }
  }

  /// The tensors inside, depth first. Numbers and other things known at build time have none.
  var tensors: [Tensor] {
    switch self {
    case .tensor(let tensor): [tensor]
    case .tree(let tree): tree.fields.flatMap(\.value.tensors)
    case .tuple(let parts), .list(let parts): parts.flatMap(\.tensors)
    case .integer, .real, .boolean, .string, .function, .absent, .poison: []
    }
  }

  /// The same structure with each tensor replaced by the next of `tensors`, in the order above.
  func replacingTensors(_ tensors: inout ArraySlice<Tensor>) -> Value {
    switch self {
    case .tensor: return tensors.popFirst().map { .tensor($0) } ?? .poison
    case .tree(let tree): return .tree(tree.mapValues { $0.replacingTensors(&tensors) })
    case .tuple(let parts): return .tuple(parts.map { $0.replacingTensors(&tensors) })
    case .list(let parts): return .list(parts.map { $0.replacingTensors(&tensors) })
    case .integer, .real, .boolean, .string, .function, .absent, .poison: return self
    }
  }
}

/// A record of named values: a parameter tree, one of its groups, or a record literal.
struct Tree {
  struct Field {
    let name: String
    var value: Value
    /// Where the field was declared, for notes.
    let declaration: Span?
  }

  var fields: [Field]
  /// For a layer-stacked group, the numbers of layers, outermost first: the leading sizes of every leaf.
  var stacks: [Int] = []

  /// The number of layers that a loop goes through and a subscript chooses from.
  var stack: Int? { stacks.first }

  subscript(name: String) -> Field? { fields.first { $0.name == name } }

  func mapValues(_ transform: (Value) throws -> Value) rethrows -> Tree {
    try mapFields { try transform($1) }
  }

  /// The tree, and the trees inside, with other numbers of layers.
  func mapStacks(_ transform: ([Int]) -> [Int]) -> Tree {
    var result = mapValues { value in
      if case .tree(let tree) = value { .tree(tree.mapStacks(transform)) } else { value }
    }
    result.stacks = transform(stacks)
    return result
  }

  /// One layer: what is stacked more than once is stacked once less.
  var layer: Tree { mapStacks { Array($0.dropFirst()) } }

  /// The tree with each value replaced by one that is made of it and its name.
  func mapFields(_ transform: (String, Value) throws -> Value) rethrows -> Tree {
    var result = self
    for index in fields.indices {
      result.fields[index].value = try transform(fields[index].name, fields[index].value)
    }
    return result
  }
}

extension DType {
  /// The type as the language writes it before a shape; floats are not written.
  var prefix: String { isFloat ? "" : "\(rawValue) " }
}

extension TensorType {
  /// The type as the language writes it: `[10, 40]`, `i32 [10]`.
  var spelling: String { dtype.prefix + shape.spelling }
}

extension [Int] {
  /// The shape as the language writes it: `[10, 40]`.
  var spelling: String { "[\(map(String.init).joined(separator: ", "))]" }
}

extension Value {
  /// What the value is, as messages show it: a shape for arrays, the number for numbers.
  var spelling: String {
    switch self {
    case .tensor(let tensor): return tensor.type.spelling
    case .integer(let value): return String(value)
    case .real(let value): return "\(value)"
    case .boolean(let value): return value ? "true" : "false"
    case .string(let text): return "\"\(text)\""
    case .tree(let tree):
      let names = tree.fields.prefix(6).map(\.name) + (tree.fields.count > 6 ? ["..."] : [])
      return "{\(names.joined(separator: ", "))}"
    case .tuple(let parts): return "(\(parts.map(\.spelling).joined(separator: ", ")))"
    case .list(let parts): return "[\(parts.map(\.spelling).joined(separator: ", "))]"
    case .function(let function): return function.name
    case .absent: return "none"
    case .poison: return "unknown"
    }
  }

  /// The kind of the value, for "expected ..., found a tree".
  var kind: String {
    switch self {
    case .tensor(let tensor): "an array \(tensor.type.spelling)"
    case .integer, .real: "the number \(spelling)"
    case .boolean: "the truth value \(spelling)"
    case .string: "a string"
    case .tree: "a tree \(spelling)"
    case .tuple: "a tuple \(spelling)"
    case .list: "a list \(spelling)"
    case .function(let function): "the function \(function.name)"
    case .absent: "none"
    case .poison: "an unknown value"
    }
  }
}
