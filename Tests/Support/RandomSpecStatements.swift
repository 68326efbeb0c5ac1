// SPDX-License-Identifier: Apache-2.0
//
// Random loops and functions.

/// A function of a random spec.
struct RandomFunction {
  let name: String
  /// What an argument must be: an array of a shape, or a tree by its path (`each` layer of it).
  enum Parameter {
    case array([Int])
    case tree(String)
    case layer(of: String)
  }

  let parameters: [Parameter]
  /// The shape of the result; `nil` if it is that of the first argument.
  let result: [Int]?
}

extension RandomSpecWriter {
  // MARK: Loops

  /// Writes a loop that carries one or two variables, collects values or does both, in either
  /// direction, and adds what it makes to the scope.
  mutating func loop(_ scope: inout RandomSpecScope) {
    let collects = generator.chance(0.4)
    let carries = (0..<generator.choose(collects ? [0, 1] : [1, 1, 2])).map { _ in
      (name: fresh("h"), start: limited(pick(scope)))
    }
    for carry in carries {
      scope.write("var \(carry.name) = \(materialized(carry.start))")
    }
    var body = scope.inside()
    for carry in carries {
      body.add(carry.name, carry.start.shape, bound: max(1, carry.start.bound))
    }
    let (names, sequence, trips) = head(scope, &body)
    grow(&body, generator.choose([1, 2, 3]))
    for carry in carries {
      let next = pick(body, shape: carry.start.shape)
      body.write("\(carry.name) = tanh(\(next.text) + 0.5 * \(carry.name))")
    }
    let head = "for \(names) in \(generator.chance(0.3) ? "reversed\(sequence)" : sequence)"
    let part = limited(pick(body))
    if collects, RandomSpecScope.fits([trips] + part.shape) {
      let name = fresh("c")
      body.write("yield \(materialized(part))")
      scope.write("let \(name) = \(head) {")
      scope.add(name, [trips] + part.shape, bound: part.bound)
    } else if carries.isEmpty {
      return
    } else {
      scope.write("\(head) {")
    }
    scope.write(block: body.text)
    scope.write("}")
    for carry in carries {
      scope.add(carry.name, carry.start.shape, bound: max(1, carry.start.bound))
    }
  }

  /// An expression that is an array, so that a variable can start with it.
  private func materialized(_ value: Value) -> String { "(\(value.text) * 1.0)" }

  /// The names in the head of a loop, what they go through in parentheses, and so many times; its body
  /// sees them.
  private mutating func head(
    _ scope: RandomSpecScope, _ body: inout RandomSpecScope
  ) -> (names: String, sequence: String, trips: Int) {
    if let block = scope.blocks.randomElement(using: &generator), generator.chance(0.6) {
      let name = fresh("p")
      for leaf in block.group.leaves { body.add("\(name).\(leaf.name)", leaf.shape, bound: 1.5) }
      body.blocks = []
      guard generator.chance(0.4) else { return (name, "(\(block.path))", block.stack) }
      let count = fresh("i")
      body.addInteger(count, [], below: block.stack)
      return ("(\(name), \(count))", "(\(block.path), \(block.stack))", block.stack)
    }
    let rows = pick(scope, rank: 1...3)
    let trips = rows.shape[0]
    let (row, count) = (fresh("r"), fresh("i"))
    if generator.chance(0.4) {
      let trips = generator.choose([1, 2, 3])
      body.addInteger(count, [], below: trips + 1)
      body.add("float(\(count))", [], bound: 4, isExact: true)
      return (count, generator.chance(0.5) ? "(\(trips))" : "(1 : \(trips + 1))", trips)
    }
    body.add(row, Array(rows.shape.dropFirst()), bound: rows.bound, isExact: rows.isExact)
    guard generator.chance(0.5) else { return (row, "(\(rows.text))", trips) }
    body.addInteger(count, [], below: trips)
    return ("(\(row), \(count))", "(\(rows.text), \(spelled(trips)))", trips)
  }

  // MARK: Functions

  /// Declares a function and remembers it.
  mutating func function() -> String {
    let name = fresh("f")
    if generator.chance(0.3) { return polymorphic(name) }
    var scope = RandomSpecScope(indent: "  ")
    var parameters: [RandomFunction.Parameter] = []
    var list: [String] = []
    for _ in 0..<generator.choose([1, 2, 3]) {
      let shape = shape(rank: 0...2)
      let parameter = fresh("a")
      parameters.append(.array(shape))
      list.append("\(parameter): \(spelled(shape))")
      scope.add(parameter, shape, bound: 3)
    }
    if let group = theta.groups.randomElement(using: &generator), generator.chance(0.6) {
      let parameter = fresh("q")
      if group.stack == nil {
        parameters.append(.tree("theta.\(group.name)"))
        list.append("\(parameter): theta.\(group.name)")
      } else {
        parameters.append(.layer(of: "theta.\(group.name)"))
        list.append("\(parameter): each theta.\(group.name)")
      }
      for leaf in group.leaves {
        scope.add("\(parameter).\(leaf.name)", leaf.shape, bound: 1.5)
      }
    } else if generator.chance(0.3) {
      let parameter = fresh("q")
      parameters.append(.tree("theta"))
      list.append("\(parameter): theta")
      scope.add(theta, path: parameter)
    }
    scope.functions = functions
    grow(&scope, generator.choose([1, 3, 5]))
    let result = limited(scope.floats[scope.floats.count - 1])
    scope.write("return \(result.text)")
    functions.append(RandomFunction(name: name, parameters: parameters, result: result.shape))
    let type = generator.chance(0.5) ? " -> \(spelled(result.shape))" : ""
    return "func \(name)(\(list.joined(separator: ", ")))\(type) {\n\(scope.text)}"
  }

  /// A function of arrays of any shape.
  private mutating func polymorphic(_ name: String) -> String {
    functions.append(RandomFunction(name: name, parameters: [.array([])], result: nil))
    let body = generator.choose([
      "return sin(x) * scale", "let h = x * scale\n  return tanh(h + 0.1)",
      "return if scale > 1 then x else gelu(x)",
    ])
    return "func \(name)(x: [...], scale = \(generator.choose(["0.7", "1.3"]))) -> [...] {\n"
      + "  \(body)\n}"
  }

  /// A call of one of the spec's functions, if one can be called here.
  mutating func call(_ scope: RandomSpecScope) -> Value? {
    guard let function = scope.functions.randomElement(using: &generator) else { return nil }
    guard let result = function.result else {
      let x = pick(scope)
      let scale = generator.choose(["", ", scale: 0.4", ", 1.5"])
      return Value(text: "\(function.name)(\(x.text)\(scale))", shape: x.shape, bound: 2 * x.bound)
    }
    var arguments: [String] = []
    for parameter in function.parameters {
      switch parameter {
      case .array(let shape): arguments.append(tame(scope, shape).text)
      case .tree(let path):
        guard scope.trees.contains("theta") else { return nil }
        arguments.append(path)
      case .layer(let path):
        guard let block = scope.blocks.first(where: { $0.path == path }) else { return nil }
        let layer = Int.random(in: 0..<block.stack, using: &generator)
        arguments.append("\(path)[\(layer)]")
      }
    }
    return Value(
      text: "\(function.name)(\(arguments.joined(separator: ", ")))", shape: result, bound: 16)
  }
}
