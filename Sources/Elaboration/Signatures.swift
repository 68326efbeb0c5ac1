// SPDX-License-Identifier: Apache-2.0
//
// Checking values against written types. A size in a function's signature that is one of its size
// variables (`func f<n>(x: [n])`) is bound by the first argument that has it and checked against the
// others; `...` stands for any leading axes, the same ones throughout a signature.

import Diagnostics
import SpecLanguage
import TensorIR

/// A size variable of a signature with what it is bound to.
struct BoundSize {
  let value: Int
  let form: SizeForm?
}

extension Elaborator {
  /// A value brought to a type, and the sizes bound so far.
  struct Conformed {
    let value: Value
    let sizes: [String: BoundSize?]
  }

  /// Checks an operand against a type. A number becomes a scalar array where the type is one.
  ///
  /// - Parameters:
  ///   - what: what to call the operand in messages.
  ///   - sizes: the size variables of the signature with what they are bound to, if they are.
  func conform(
    _ operand: Operand, to type: TypeSyntax, _ what: String, sizes: [String: BoundSize?]
  ) throws -> Conformed {
    switch type {
    case .tensor(let syntax): return try conform(operand, to: syntax, what, sizes: sizes)
    case .tree(let path, let isElement):
      if !isElement, let dtype = elements(path) {
        return Conformed(
          value: try conform(operand, toElements: dtype, what, type.span), sizes: sizes)
      }
      let node = try node(at: path)
      let expected = isElement ? node.element : node
      if let difference = expected.mismatch(operand.value, path: operand.expression.span.text) {
        let name = (isElement ? "each " : "") + path.map(\.text).joined(separator: ".")
        throw fail(
          .treeMismatch("\(what) must be like \(name), but \(difference)"),
          at: operand.expression.span,
          notes: [DiagnosticNote("\(what) is declared like \(name) here", at: type.span)])
      }
      return Conformed(value: operand.value, sizes: sizes)
    case .tuple(let types, _):
      var sizes = sizes
      let values = try parts(of: operand, count: types.count)
      let conformed = try zip(types, values).map { type, value in
        let part = try conform(
          operand.part(value), to: type, what, sizes: sizes)
        sizes = part.sizes
        return part.value
      }
      return Conformed(value: .tuple(conformed), sizes: sizes)
    }
  }

  private func conform(
    _ operand: Operand, to syntax: TensorSyntax, _ what: String, sizes: [String: BoundSize?]
  ) throws -> Conformed {
    let dtype = try elementType(syntax.elementType)
    let found: Tensor
    if case .boolean = operand.value, dtype == .bool {
      found = try condition(operand)
    } else {
      found = try tensor(operand, dtype: dtype)
    }
    guard let sizes = try matched(syntax, found, dtype: dtype, sizes: sizes, operand, what) else {
      let expected = dtype.prefix + (try describe(syntax, sizes: sizes))
      throw fail(
        .shape(what: what, expected: expected, found: found.type.spelling),
        at: operand.expression.span, operands: [operand],
        notes: [DiagnosticNote("\(what) is declared as \(syntax.span.text) here", at: syntax.span)],
        help: dtype.isFloat && !found.dtype.isFloat ? "float(...) converts" : nil)
    }
    let forms = try declaredForms(syntax, of: found, sizes: sizes)
    return Conformed(value: .tensor(found.with(forms)), sizes: sizes)
  }

  /// What the written type says of the sizes of an array that has it; the last axes are those named.
  private func declaredForms(
    _ syntax: TensorSyntax, of found: Tensor, sizes: [String: BoundSize?]
  ) throws -> [SizeForm?] {
    let named = within(names(of: sizes)) { sizeForms(syntax) }
    let own = syntax.shape.firstIndex { if case .ellipsis = $0 { true } else { false } }
    guard let own else { return named }
    let leading = found.shape.count - (named.count - 1)
    let free = [SizeForm?](repeating: nil, count: leading)
    return Array(named.prefix(own)) + free + Array(named.dropFirst(own + 1))
  }

  /// The element type that a type stands for which is only a word, such as `float`: numbers, arrays of
  /// any shape and trees have it. A tree of the spec may be called so, too; the prelude knows none.
  func elements(_ path: [Name]) -> DType? {
    guard path.count == 1, let name = path.first,
      name.span.file.isBuiltIn || trees[name.text] == nil
    else { return nil }
    switch name.text {
    case "float": return floatType
    case "i32": return .i32
    case "bool": return .bool
    default: return nil
    }
  }

  /// Checks that all arrays of an operand are of one element type. Numbers stay numbers.
  private func conform(
    _ operand: Operand, toElements dtype: DType, _ what: String, _ declaration: Span
  ) throws -> Value {
    switch operand.value {
    case .tree:
      return try mapLeaves(operand) {
        try conform($0, toElements: dtype, what, declaration)
      }
    case .integer where operand.value.fits(dtype), .real where dtype.isFloat: return operand.value
    case .boolean where dtype == .bool: return operand.value
    case .tensor(let tensor) where tensor.dtype == dtype: return operand.value
    case .list:
      let tensor = try tensor(operand, dtype: dtype)
      return try conform(
        operand.part(.tensor(tensor)), toElements: dtype, what, declaration)
    default:
      let notes = [
        DiagnosticNote("\(what) is declared as \(declaration.text) here", at: declaration)
      ]
      guard dtype.isFloat else {
        throw fail(
          .kind(what: what, expected: "\(declaration.text) elements", found: operand.value.kind),
          at: operand.expression.span, operands: [operand], notes: notes)
      }
      throw fail(
        .floatsNeeded(operand.value.kind), at: operand.expression.span, operands: [operand],
        notes: notes, help: "float(...) converts")
    }
  }

  /// The sizes after matching an array with a written type; nil if they do not match.
  private func matched(
    _ syntax: TensorSyntax, _ found: Tensor, dtype: DType, sizes: [String: BoundSize?],
    _ operand: Operand, _ what: String
  ) throws -> [String: BoundSize?]? {
    let named = syntax.shape.compactMap { entry in
      if case .size(let size) = entry { size } else { nil }
    }
    let hasEllipsis = named.count < syntax.shape.count
    let leading = found.shape.count - named.count
    guard found.dtype == dtype, leading >= 0, hasEllipsis || leading == 0 else { return nil }
    if hasEllipsis {
      let prefix = Array(found.shape.prefix(leading))
      if let known = leadingSizes, known != prefix { return nil }
      leadingSizes = prefix
    }
    var sizes = sizes
    for (position, expression) in named.enumerated() {
      let axis = leading + position
      let (size, form) = (found.shape[axis], found.form(axis))
      var expected: SizeForm?
      if case .name(let name) = expression.kind, let variable = sizes[name] {
        if let known = variable, known.value != size { return nil }
        expected = variable?.form
        sizes[name] = .some(BoundSize(value: size, form: expected.joined(form)))
      } else {
        guard try self.size(expression, sizes: sizes) == size else { return nil }
        expected = within(names(of: sizes)) { sizeForm(expression) }
      }
      try requireSame(
        expected, form, size, "axis \(axis) of \(what)", at: operand.expression.span,
        operands: [operand])
    }
    return sizes
  }

  /// A size in a signature, with the size variables bound so far as names.
  private func size(_ expression: Expression, sizes: [String: BoundSize?]) throws -> Int {
    try within(names(of: sizes)) { try integer(expression, "a size") }
  }

  /// A scope with the size variables that are bound.
  private func names(of sizes: [String: BoundSize?]) -> Scope {
    let names = Scope(parent: scope)
    for case (let name, let size?) in sizes {
      names.declare(
        name,
        Binding(
          value: .integer(size.value), declaration: nil, isVariable: false, form: size.form))
    }
    return names
  }

  /// The expected shape with the sizes that are known: `[10, d]`.
  private func describe(_ syntax: TensorSyntax, sizes: [String: BoundSize?]) throws -> String {
    let entries = try syntax.shape.flatMap { entry -> [String] in
      switch entry {
      case .ellipsis:
        return leadingSizes.map { $0.map(String.init) } ?? ["..."]
      case .size(let expression):
        if case .name(let name) = expression.kind, let variable = sizes[name] {
          return [variable.map { String($0.value) } ?? name]
        }
        return [String(try size(expression, sizes: sizes))]
      }
    }
    return "[\(entries.joined(separator: ", "))]"
  }

  /// The IR's element type for the word before a shape.
  func elementType(_ name: Name?) throws -> DType {
    guard let name else { return floatType }
    switch name.text {
    case "float": return floatType
    case "i32": return .i32
    case "bool": return .bool
    case "f32", "f64":
      throw fail(
        .elementTypeUnknown(name.text), at: name.span,
        help: "floats are written without a word; --dtype chooses their precision")
    default:
      throw fail(
        .elementTypeUnknown(name.text), at: name.span,
        help: didYouMean(name.text, among: ["float", "i32", "bool"]))
    }
  }

  /// The declared tree, or the part of one, that a path names.
  func node(at path: [Name]) throws -> TreeNode {
    guard let first = path.first else { preconditionFailure("compiler bug: an empty path") }
    guard let tree = trees[first.text] else {
      throw fail(
        .nameUnknown(first.text), at: first.span,
        help: didYouMean(first.text, among: trees.keys)
          ?? "a type is a shape such as [10, 1], or the name of a parameter tree")
    }
    var node = tree.root
    for name in path.dropFirst() {
      if case .broken = node { throw Reported() }
      guard case .group(let members, _) = node,
        let member = members.first(where: { $0.name == name.text })
      else {
        var known: [String] = []
        if case .group(let members, _) = node { known = members.map(\.name) }
        throw fail(
          .fieldUnknown(name.text, of: first.text), at: name.span,
          help: didYouMean(name.text, among: known))
      }
      node = member.node
    }
    return node
  }
}
