// SPDX-License-Identifier: Apache-2.0
//
// A syntax tree back to text, in one fixed layout: two spaces, one declaration, member or statement
// a line, only the parentheses that are needed. Printing and parsing again gives the same tree.
// Comments are not part of the tree and are lost.

extension SpecFile {
  /// The file as text in the standard layout.
  package func printed() -> String {
    var printer = Printer()
    for declaration in declarations { printer.print(declaration) }
    return printer.text
  }
}

private struct Printer {
  private(set) var text = ""
  private var depth = 0

  private mutating func line(_ content: String) {
    text += String(repeating: "  ", count: depth) + content + "\n"
  }

  /// `head {`, the indented body, `}`.
  private mutating func block(_ head: String, _ body: (inout Printer) -> Void) {
    line(head + " {")
    depth += 1
    body(&self)
    depth -= 1
    line("}")
  }

  mutating func print(_ declaration: Declaration) {
    switch declaration {
    case .spec(let name): line("spec \(name.text)")
    case .importing(let path, _): line("import \"\(path)\"")
    case .dimension(let dimension):
      line("dim \(dimension.name.text) = \(dimension.value.printed())")
    case .preset(let preset):
      block("preset \"\(preset.name)\"") { printer in
        for size in preset.sizes { printer.line("\(size.name.text) = \(size.value.printed())") }
      }
    case .seed(let value, _): line("seed \(value)")
    case .constant(let binding): print(.binding(binding))
    case .parameters(let tree): print(tree, prefix: "params ", colon: "")
    case .meta(.initial(let name, let parameters)):
      line("meta \(name.text) = \(parameters.text).initial")
    case .meta(.leaf(let leaf)): line("meta " + printed(leaf))
    case .meta(.tree(let tree)): print(tree, prefix: "meta ", colon: "")
    case .function(let function): print(function)
    case .optimizer(let optimizer): print(optimizer)
    case .inner(let inner): print(inner)
    case .outer(let outer): print(outer)
    case .batch(let name): line("batch \(name.text)")
    }
  }

  private mutating func print(_ tree: TreeDeclaration, prefix: String, colon: String) {
    let stack = tree.stack.map { "[\($0.printed())]" } ?? ""
    block(prefix + tree.name.text + stack + colon) { printer in
      for member in tree.members {
        switch member {
        case .leaf(let leaf): printer.line(printer.printed(leaf))
        case .group(let group): printer.print(group, prefix: "", colon: ":")
        }
      }
    }
  }

  private func printed(_ leaf: LeafDeclaration) -> String {
    let type =
      switch leaf.type {
      case .tensor(let tensor): tensor.printed()
      case .like(let path, let leading):
        (leading.map { $0.printed() + " x " } ?? "") + "like "
          + path.map(\.text).joined(separator: ".")
      }
    return "\(leaf.name.text): \(type)" + printed(leaf.initializer)
  }

  private func printed(_ initializer: InitializerSyntax?) -> String {
    guard let initializer else { return "" }
    guard !initializer.arguments.isEmpty else { return " ~ \(initializer.name.text)" }
    return " ~ \(initializer.name.text)(\(list(initializer.arguments)))"
  }

  private mutating func print(_ function: FunctionDeclaration) {
    let variables = function.shapeVariables.map(\.text).joined(separator: ", ")
    let result = function.result.map { " -> " + $0.printed() } ?? ""
    block(
      "func " + function.name.text + (variables.isEmpty ? "" : "<\(variables)>")
        + printed(function.parameters) + result
    ) { printer in
      printer.print(function.body)
    }
  }

  private func printed(_ parameters: [ParameterDeclaration]) -> String {
    let texts = parameters.map { parameter in
      parameter.name.text + (parameter.type.map { ": " + $0.printed() } ?? "")
        + (parameter.defaultValue.map { " = " + $0.printed() } ?? "")
    }
    return "(" + texts.joined(separator: ", ") + ")"
  }

  private mutating func print(_ optimizer: OptimizerDeclaration) {
    block("optimizer " + optimizer.name.text + printed(optimizer.parameters)) { printer in
      for state in optimizer.states { printer.line("state " + printer.printed(state)) }
      let names = optimizer.updateParameters.map(\.text).joined(separator: ", ")
      printer.block("update(\(names))") { printer in
        printer.print(optimizer.update)
      }
    }
  }

  private mutating func print(_ inner: InnerDeclaration) {
    block("inner" + printed(inner.data)) { printer in
      printer.print(inner.body)
      printer.line("minimize " + inner.objective.printed())
      printer.line("by \(inner.optimizer.text)(\(printedArguments(inner.arguments)))")
      printer.line("for " + inner.steps.printed())
    }
  }

  private mutating func print(_ outer: OuterDeclaration) {
    block("outer" + printed(outer.data)) { printer in
      printer.print(outer.body)
      printer.line("minimize " + outer.objective.printed())
    }
  }

  private func printed(_ data: [DataDeclaration]) -> String {
    let texts = data.map { datum in
      (datum.isStream ? "stream " : "") + (datum.isShared ? "shared " : "")
        + "\(datum.name.text): \(datum.type.printed())" + printed(datum.initializer)
    }
    return "(" + texts.joined(separator: ", ") + ")"
  }

  private mutating func print(_ statements: [Statement]) {
    for statement in statements { print(statement) }
  }

  /// Statements on one line: `{ let y = x ** 2 return y }`.
  static func block(_ statements: [Statement], yield: Expression? = nil) -> String {
    var printer = Printer()
    printer.print(statements)
    if let yield { printer.line("yield " + yield.printed()) }
    let words = printer.text.split(separator: "\n").map { $0.drop { $0 == " " } }
    return "{ \(words.joined(separator: " ")) }"
  }

  private mutating func print(_ statement: Statement) {
    switch statement {
    case .binding(let binding):
      let type = binding.type.map { ": " + $0.printed() } ?? ""
      line(
        (binding.isVariable ? "var " : "let ") + pattern(binding.names, binding.isTuple) + type
          + " = " + binding.value.printed())
    case .assignment(let targets, let isTuple, let value):
      let text = targets.map { $0.printed() }.joined(separator: ", ")
      line("\(isTuple ? "(\(text))" : text) = \(value.printed())")
    case .returning(let value, _): line("return " + value.printed())
    case .loop(let loop): print(loop)
    }
  }

  private mutating func print(_ loop: ForStatement) {
    block(loop.printedHead) { printer in
      printer.print(loop.body)
      if let yielded = loop.yielded { printer.line("yield " + yielded.printed()) }
    }
  }

}

private func pattern(_ names: [Name], _ isTuple: Bool) -> String {
  let text = names.map(\.text).joined(separator: ", ")
  return isTuple ? "(\(text))" : text
}

extension ForStatement {
  /// `for (x, i) in reversed(xs, 1 : n)`
  fileprivate var printedHead: String {
    let sequence = self.sequence.printed()
    let isTuple = if case .tuple = self.sequence.kind { true } else { false }
    return "for \(pattern(names, self.isTuple)) in "
      + (!isReversed ? sequence : isTuple ? "reversed\(sequence)" : "reversed(\(sequence))")
  }
}

extension AssignmentTarget {
  fileprivate func printed() -> String {
    path.reduce(name.text) { text, step in
      switch step {
      case .field(let name): "\(text).\(name.text)"
      case .subscripts(let subscripts, _): "\(text)[\(printedSubscripts(subscripts))]"
      }
    }
  }
}

private func printedSubscripts(_ subscripts: [Subscript]) -> String {
  subscripts.map(\.text).joined(separator: ", ")
}

private func list(_ expressions: [Expression]) -> String {
  expressions.map { $0.printed() }.joined(separator: ", ")
}

private func printedArguments(_ arguments: [Argument]) -> String {
  arguments.map { argument in
    (argument.name.map { "\($0.text): " } ?? "") + argument.value.printed()
  }.joined(separator: ", ")
}

extension TensorSyntax {
  fileprivate func printed() -> String {
    let sizes = shape.map { entry in
      switch entry {
      case .size(let size): size.printed()
      case .ellipsis: "..."
      }
    }
    return (elementType.map { "\($0.text) " } ?? "") + "[\(sizes.joined(separator: ", "))]"
  }
}

extension TypeSyntax {
  fileprivate func printed() -> String {
    switch self {
    case .tensor(let tensor): tensor.printed()
    case .tree(let path, let isElement):
      (isElement ? "each " : "") + path.map(\.text).joined(separator: ".")
    case .tuple(let parts, _): "(" + parts.map { $0.printed() }.joined(separator: ", ") + ")"
    }
  }
}

extension Expression {
  /// The expression as text; parentheses appear where precedence needs them.
  package func printed() -> String { printed(minimum: 0) }

  /// The text, in parentheses if the expression binds less tightly than `minimum`.
  private func printed(minimum: Int) -> String {
    let text = plainText
    return precedence < minimum ? "(\(text))" : text
  }

  /// Conditionals, functions and minimisations bind loosest, then operators by their precedence.
  private var precedence: Int {
    switch kind {
    case .conditional, .function, .minimization, .range: 0
    case .binary(let op, _, _, _): op.precedence
    case .unary(.not, _): 3
    case .unary(.minus, _): 7
    default: 10
    }
  }

  private var plainText: String {
    switch kind {
    case .integer(let value): return String(value)
    case .real(let text): return text
    case .string(let text): return "\"\(text)\""
    case .boolean(let value): return value ? "true" : "false"
    case .name(let name): return name
    case .unary(.not, let operand): return "not " + operand.printed(minimum: 3)
    case .unary(.minus, let operand): return "-" + operand.printed(minimum: 7)
    case .binary(let op, _, let left, let right):
      let rightGroups = op == .power
      let leftMinimum = rightGroups || op.isComparison ? op.precedence + 1 : op.precedence
      // The operand after `**` may be a negation: x ** -2.
      let rightMinimum = rightGroups ? 7 : op.precedence + 1
      return left.printed(minimum: leftMinimum) + " \(op.rawValue) "
        + right.printed(minimum: rightMinimum)
    case .conditional(let condition, let then, let otherwise):
      return "if \(condition.printed()) then \(then.printed()) else \(otherwise.printed())"
    case .call(let callee, let arguments):
      return "\(callee.text)(\(printedArguments(arguments)))"
    case .field(let value, let name): return value.printed(minimum: 10) + "." + name.text
    case .subscripted(let value, let subscripts):
      return value.printed(minimum: 10) + "[\(printedSubscripts(subscripts))]"
    case .tuple(let elements):
      return elements.count == 1 ? "(\(list(elements)),)" : "(\(list(elements)))"
    case .list(let elements): return "[\(list(elements))]"
    case .record(let fields):
      let texts = fields.map { "\($0.name.text): \($0.value.printed())" }
      return "{\(texts.joined(separator: ", "))}"
    case .function(let function):
      let names = function.parameters.map(\.name.text).joined(separator: ", ")
      let head = function.parameters.count == 1 ? names : "(\(names))"
      return "\(head) -> \(function.printedBody)"
    case .loop(let loop):
      return "\(loop.printedHead) \(Printer.block(loop.body, yield: loop.yielded))"
    case .range(let from, let to, let by):
      let ends = "\(from.printed()) : \(to.printed())"
      return by.map { "\(ends) : \($0.printed())" } ?? ends
    case .minimization(let inner):
      return "minimize \(inner.objective.printed()) over \(inner.variable.text) = "
        + "\(inner.start.printed()) by \(inner.optimizer.text)"
        + "(\(printedArguments(inner.arguments))) for \(inner.steps.printed())"
    }
  }
}

extension FunctionExpression {
  fileprivate var printedBody: String {
    if !isBlock, case .returning(let value, _)? = body.first { return value.printed() }
    return Printer.block(body)
  }
}

extension Subscript {
  fileprivate var text: String {
    switch self {
    case .position(let position): return position.printed()
    case .ellipsis: return "..."
    case .range(let from, let to, let by, _):
      let ends = "\(from?.printed() ?? ""):\(to?.printed() ?? "")"
      return by.map { "\(ends):\($0.printed())" } ?? ends
    }
  }
}
