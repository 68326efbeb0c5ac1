// SPDX-License-Identifier: Apache-2.0
//
// Expressions and types as they are written. Every node keeps its span; nothing is resolved here:
// a name is just a name until elaboration.

package import Diagnostics

/// A name and its place.
package struct Name: Sendable {
  /// The name itself.
  package let text: String
  /// Where it stands.
  package let span: Span

  /// Makes a name at a place.
  package init(_ text: String, at span: Span) {
    self.text = text
    self.span = span
  }
}

/// The operators with one operand.
package enum UnaryOperator: String, Sendable {
  case minus = "-"
  case not = "not"
}

/// The operators with two operands; the raw value is the spelling.
package enum BinaryOperator: String, CaseIterable, Sendable {
  case or, and
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case equal = "=="
  case notEqual = "!="
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "div"
  case remainder = "mod"
  case matrixProduct = "@"
  case power = "**"

  /// How tightly it binds: a larger number binds tighter.
  package var precedence: Int {
    switch self {
    case .or: 1
    case .and: 2
    case .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual: 4
    case .add, .subtract: 5
    case .multiply, .divide, .floorDivide, .remainder, .matrixProduct: 6
    case .power: 8
    }
  }

  /// True for the six comparisons, which do not chain.
  package var isComparison: Bool { precedence == 4 }
}

/// An argument of a call: a value, with a name if it was given by name.
package struct Argument: Sendable {
  /// The parameter's name, if written.
  package let name: Name?
  /// The value.
  package let value: Expression
}

/// A field of a record literal: `{wq: a, wk: b}`.
package struct RecordField: Sendable {
  /// The field's name.
  package let name: Name
  /// Its value.
  package let value: Expression
}

/// One entry between the brackets of `x[...]`.
package enum Subscript: Sendable {
  /// One position; the axis disappears.
  case position(Expression)
  /// A half-open range `from:to:by`; each part may be left out.
  case range(from: Expression?, to: Expression?, by: Expression?, span: Span)
  /// `...`: all axes that the other entries leave over.
  case ellipsis(Span)
}

/// A function written as an expression: `x -> x ** 2`, `(x, y) -> x * y`, or with statements,
/// `x -> { let y = x ** 2  return y }`.
package struct FunctionExpression: Sendable {
  /// Its parameters, which are only names.
  package let parameters: [ParameterDeclaration]
  /// The body; its last statement returns.
  package let body: [Statement]
  /// True if the body is written as statements between braces.
  package let isBlock: Bool
}

/// An inner optimisation as an expression:
/// `minimize loss(q) over q = theta by sgd(rate: 0.1) for 5` is `q` after the steps.
package struct Minimization: Sendable {
  /// The loss, a function of the variable.
  package let objective: Expression
  /// What is optimised: an array or a tree.
  package let variable: Name
  /// Where it starts.
  package let start: Expression
  /// The optimiser's name and arguments.
  package let optimizer: Name
  /// The optimiser's arguments.
  package let arguments: [Argument]
  /// The number of steps, a whole-number expression.
  package let steps: Expression
}

/// An expression.
package struct Expression: Sendable {
  /// What it is.
  package let kind: Kind
  /// The text it covers.
  package let span: Span
  /// Levels of expressions inside of each other, 1 for a number: how deep a walk through it goes.
  package let depth: Int

  /// The forms of expressions.
  package indirect enum Kind: Sendable {
    case integer(Int)
    /// A number with a point or exponent, as written.
    case real(String)
    case string(String)
    case boolean(Bool)
    case name(String)
    case unary(UnaryOperator, Expression)
    /// The span is the operator's.
    case binary(BinaryOperator, at: Span, Expression, Expression)
    case conditional(condition: Expression, then: Expression, otherwise: Expression)
    case call(callee: Name, arguments: [Argument])
    case field(Expression, Name)
    case subscripted(Expression, [Subscript])
    case tuple([Expression])
    case list([Expression])
    case record([RecordField])
    case function(FunctionExpression)
    /// A loop that collects a value of each iteration.
    case loop(ForStatement)
    /// The whole numbers of a half-open range, `from : to : by`; only in the head of a loop.
    case range(from: Expression, to: Expression, by: Expression?)
    case minimization(Minimization)
  }

  /// Makes an expression that covers a span.
  package init(_ kind: Kind, at span: Span) {
    self.kind = kind
    self.span = span
    depth = 1 + (kind.parts.map(\.depth).max() ?? 0)
  }
}

extension Expression.Kind {
  /// The expressions directly inside; of functions and loops those of their statements.
  package var parts: [Expression] {
    switch self {
    case .integer, .real, .string, .boolean, .name: []
    case .unary(_, let operand), .field(let operand, _): [operand]
    case .binary(_, _, let left, let right): [left, right]
    case .conditional(let condition, let then, let otherwise): [condition, then, otherwise]
    case .call(_, let arguments): arguments.map(\.value)
    case .subscripted(let base, let subscripts): [base] + subscripts.flatMap(\.parts)
    case .tuple(let elements), .list(let elements): elements
    case .record(let fields): fields.map(\.value)
    case .function(let function): function.body.flatMap(\.parts)
    case .loop(let loop): loop.parts
    case .range(let from, let to, let by): [from, to, by].compactMap { $0 }
    case .minimization(let minimization):
      [minimization.objective, minimization.start, minimization.steps]
        + minimization.arguments.map(\.value)
    }
  }
}

extension Statement {
  /// The expressions directly inside.
  fileprivate var parts: [Expression] {
    switch self {
    case .binding(let binding): [binding.value]
    case .assignment(let targets, _, let value): targets.flatMap(\.parts) + [value]
    case .returning(let value, _): [value]
    case .loop(let loop): loop.parts
    }
  }
}

extension ForStatement {
  fileprivate var parts: [Expression] {
    [sequence] + body.flatMap(\.parts) + [yielded].compactMap { $0 }
  }
}

extension AssignmentTarget {
  /// The expressions between its brackets.
  package var parts: [Expression] {
    path.flatMap { step -> [Expression] in
      if case .subscripts(let subscripts, _) = step { subscripts.flatMap(\.parts) } else { [] }
    }
  }
}

extension Subscript {
  fileprivate var parts: [Expression] {
    switch self {
    case .position(let position): [position]
    case .range(let from, let to, let by, _): [from, to, by].compactMap { $0 }
    case .ellipsis: []
    }
  }
}

/// One entry of a shape: a whole-number expression in dimensions, or `...` for any leading axes.
package enum ShapeEntry: Sendable {
  case size(Expression)
  case ellipsis(Span)
}

/// The element type and shape of an array: `i32 [batch, seq + 1]`.
package struct TensorSyntax: Sendable {
  /// `i32`, `bool` or `float`; nil means the float type of the build.
  package let elementType: Name?
  /// The axes.
  package let shape: [ShapeEntry]
  /// The text it covers.
  package let span: Span
}

/// A type as it is written after a colon or an arrow.
package indirect enum TypeSyntax: Sendable {
  /// An array.
  case tensor(TensorSyntax)
  /// A tree with the structure of a declared one, `theta` or `theta.block`; with `each`, one layer
  /// of a stacked group: `each theta.block`.
  case tree(path: [Name], isElement: Bool)
  /// Several values: `([batch], [batch, d])`.
  case tuple([TypeSyntax], span: Span)

  /// The text it covers.
  package var span: Span {
    switch self {
    case .tensor(let tensor): return tensor.span
    case .tree(let path, _):
      guard let first = path.first, let last = path.last else {
        preconditionFailure("a tree type has at least one name")
      }
      return first.span.joined(to: last.span)
    case .tuple(_, let span): return span
    }
  }
}
