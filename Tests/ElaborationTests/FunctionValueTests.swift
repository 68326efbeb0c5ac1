// SPDX-License-Identifier: Apache-2.0
//
// Functions as values: bound, passed, kept in trees, written as expressions.

import TensorIR
import Testing

@Suite("function values")
struct FunctionValueTests {
  @Test(
    "declared, built-in, prelude and written functions are called by the name they are bound to",
    arguments: [
      ("let f = x -> x ** 2 + 1", "f(theta.value)", [5]),
      ("let f = (x, y) -> x - y", "f(theta.value, 3)", [-1]),
      ("let f = (x, y) -> x - y", "f(y: theta.value, x: 3)", [1]),
      ("let f = () -> 7", "f()", [7]),
      ("let f = exp", "log(f(theta.value))", [2]),
      ("let f = square", "f(theta.value)", [4]),
      ("let f = double", "f(theta.value)", [4]),
      ("let f = double", "f(theta.value, times: 3)", [6]),
      ("let p = {f: double}  let f = p.f", "f(theta.value)", [4]),
      ("let f = x -> { let y = x * x var z = y for i in 3 { z = z + y } return z }", "f(2)", [16]),
    ])
  func calls(statements: String, expression: String, expected: [Double]) throws {
    let declarations = "func double(x, times = 2) { return times * x }"
    let found = try evaluate(
      expression, shape: [], statements: statements, declarations: declarations)
    #expect(found == expected)
  }

  @Test("a parameter that is a function is called by its own name, whatever else is called so")
  func parameters() throws {
    let declarations = """
      func twice(sum, x) { return sum(sum(x)) }
      func compose(f, g) { return x -> f(g(x)) }
      """
    let expressions = [
      ("twice(x -> 3 * x, theta.value)", 18.0),
      ("twice(twice_as, theta.value)", 8),
      // What is called calls the function that called it.
      ("twice(x -> twice(y -> x + y, 1), theta.value)", 11),
      ("both(2)", 5),
    ]
    for (expression, expected) in expressions {
      let found = try evaluate(
        expression, shape: [], statements: "let both = compose(x -> x + 1, x -> x * x)",
        declarations: declarations + " func twice_as(x) { return 2 * x }")
      #expect(found == [expected])
    }
  }

  @Test("a written function sees the names around it as they are where it is written")
  func names() throws {
    let statements = """
      var a = theta.value
      let f = x -> x + a
      a = 100
      var s = 0
      for i in 3 { let g = y -> f(y) * float(i)  s = s + g(1) }
      """
    #expect(try evaluate("s", shape: [], statements: statements) == [9])
  }

  @Test(
    "what cannot be called or is called wrongly is an error at its place",
    arguments: [
      ("let c = 1  let d = c(2)", "type.kind"),
      ("let f = x -> x  let d = f(1, 2)", "call.count"),
      ("let f = (x, y) -> x  let d = f(1)", "call.missing"),
      ("let f = x -> x  let d = f(z: 1)", "call.unknown"),
      ("let f = x -> { let y = x }  let d = f(1)", "call.return"),
      ("let f = x -> y  let d = f(1)", "name.unknown"),
      ("let d = exp + 1", "type.kind"),
      ("let f = x -> x(x)  let d = f(f)", "call.recursion"),
      ("func h(f, x) { return f(h(f, x)) }  let d = h(exp, 1)", "call.recursion"),
      ("func h(f) { return f(f) }  let d = h(h)", "call.recursion"),
    ])
  func errors(text: String, id: String) {
    let outcome = elaborated(
      """
      spec test
      \(text)
      params theta { value: [] }
      meta lr: []
      inner() { minimize theta.value * lr by sgd(0.1) for 2 }
      outer { minimize theta.value }
      """)
    #expect(outcome.errorIDs == [id], "\(outcome.errors)")
  }
}
