// SPDX-License-Identifier: Apache-2.0
//
// What users see when a spec is wrong: the place, the shapes, where they came from, and the repair.

import Diagnostics
import TensorIR
import Testing

/// A spec with one mistake and what is said about it.
struct ErrorCase: Sendable, CustomStringConvertible {
  let description: String
  /// Replaces the spec's function `f`.
  var function = "func f(p: theta, x: [n, 1]) -> [n, 1] { return x * p.w1[0, 0] }"
  /// Replaces the inner problem's statements and loss.
  var inner = "minimize mean(f(theta, x))"
  var optimizer = "sgd(0.1)"
  var declarations = ""
  let expected: String

  var text: String {
    """
    spec test
    dim n = 10, hidden = 4
    params theta { w1: [1, hidden]  w2: [hidden, 1]  b: [hidden] }
    meta eta = theta.initial
    \(declarations)
    \(function)
    inner(x: [n, 1], y: i32 [n]) {
      \(inner)
      by \(optimizer) for 2
    }
    outer(z: [n, 1]) { minimize sum(z) * 0 }
    """
  }
}

private let cases = [
  ErrorCase(
    description: "inner sizes of a product",
    inner: "let h = x @ theta.w2 minimize mean(f(theta, x))",
    expected: """
      test.mix:8:13: error: '@' needs equal inner sizes, got 1 and 4 [shape.inner]
      8 |   let h = x @ theta.w2 minimize mean(f(theta, x))
        |           - ^ --------
        |           |   `- theta.w2: [4, 1]
        |           `- x: [10, 1]
      note: test.mix:7:7: x is declared here
      note: test.mix:3:33: theta.w2 is declared here
      help: theta.w1 has shape [1, 4]; did you mean x @ theta.w1?

      """),
  ErrorCase(
    description: "shapes that do not stretch to each other",
    inner: "minimize sum(x * theta.w1 + theta.w2)",
    expected: """
      test.mix:8:29: error: '+' needs shapes that match, got [10, 4] and [4, 1] [shape.broadcast]
      8 |   minimize sum(x * theta.w1 + theta.w2)
        |                ------------ ^ --------
        |                |              `- theta.w2: [4, 1]
        |                `- x * theta.w1: [10, 4]
      note: test.mix:3:33: theta.w2 is declared here

      """),
  ErrorCase(
    description: "a size that is no whole number",
    inner: "let w = zeros([(n + 1) / 2 + 1]) minimize sum(x)",
    expected: """
      test.mix:8:18: error: a size must be a whole number, got the number 6.5 [type.whole]
      8 |   let w = zeros([(n + 1) / 2 + 1]) minimize sum(x)
        |                  ^~~~~~~~~~~~~~~
      help: write (n + 1) div 2 for the quotient rounded down

      """),
  ErrorCase(
    description: "div of floats",
    inner: "minimize sum(x div 2)",
    expected: """
      test.mix:8:18: error: an operand of 'div' must be a whole number, got an array [10, 1] [type.whole]
      8 |   minimize sum(x div 2)
        |                - ^~~ -
        |                |     `- 2
        |                `- x: [10, 1]
      note: test.mix:7:7: x is declared here
      help: of floats, write floor(x / 2)

      """),
  ErrorCase(
    description: "mod of zero",
    inner: "minimize sum(x) * (n mod (hidden - 4))",
    expected: """
      test.mix:8:24: error: the right of 'mod' must be another number, got 0 [type.kind]
      8 |   minimize sum(x) * (n mod (hidden - 4))
        |                      - ^~~
        |                      `- n: 10
      note: test.mix:2:5: n is declared here

      """),
  ErrorCase(
    description: "a misspelt name",
    inner: "let h = 1 minimize sum(x) * hiden",
    expected: """
      test.mix:8:31: error: there is nothing called hiden here [name.unknown]
      8 |   let h = 1 minimize sum(x) * hiden
        |                               ^~~~~
      help: did you mean hidden?

      """),
  ErrorCase(
    description: "a misspelt field",
    inner: "minimize sum(theta.w3)",
    expected: """
      test.mix:8:22: error: theta has no field called w3 [name.field]
      8 |   minimize sum(theta.w3)
        |                      ^~
      help: did you mean w1?

      """),
  ErrorCase(
    description: "a misspelt function",
    inner: "minimize maen(x)",
    expected: """
      test.mix:8:12: error: there is no function called maen [name.function]
      8 |   minimize maen(x)
        |            ^~~~
      help: did you mean mean?

      """),
  ErrorCase(
    description: "an argument of the wrong shape",
    inner: "minimize mean(f(theta, theta.w2))",
    expected: """
      test.mix:8:26: error: x must be [10, 1], got [4, 1] [shape.mismatch]
      8 |   minimize mean(f(theta, theta.w2))
        |                          ^~~~~~~~
        |                          `- theta.w2: [4, 1]
      note: test.mix:3:33: theta.w2 is declared here
      note: test.mix:6:21: x is declared as [n, 1] here
      note: test.mix:8:17: f is called here

      """),
  ErrorCase(
    description: "an argument of the wrong structure",
    inner: "minimize mean(f({w1: theta.w1, w2: theta.w1, b: theta.b}, x))",
    expected: """
      test.mix:8:19: error: p must be like theta, but {w1: theta.w1, w2: theta.w1, b: theta.b}.w2 should be [4, 1], got [1, 4] [type.tree]
      8 |   minimize mean(f({w1: theta.w1, w2: theta.w1, b: theta.b}, x))
        |                   ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
      note: test.mix:6:11: p is declared like theta here
      note: test.mix:8:17: f is called here

      """),
  ErrorCase(
    description: "whole numbers among floats",
    inner: "minimize sum(x[:, 0] * y)",
    expected: """
      test.mix:8:24: error: '*' needs arrays of one element type, got [10] and i32 [10] [type.mixed]
      8 |   minimize sum(x[:, 0] * y)
        |                ------- ^ -
        |                |         `- y: i32 [10]
        |                `- x[:, 0]: [10]
      note: test.mix:7:18: y is declared here
      help: float(...) converts whole numbers and conditions to floats

      """),
  ErrorCase(
    description: "an error inside the prelude is shown at the user's call",
    inner: "minimize sum(linear(x, theta.w1, theta.w2[:, 0]) @ cross_entropy(x, y))",
    expected: """
      test.mix:8:52: error: '@' needs equal inner sizes, got 4 and 10 [shape.inner]
      8 |   minimize sum(linear(x, theta.w1, theta.w2[:, 0]) @ cross_entropy(x, y))
        |                ----------------------------------- ^ -------------------
        |                |                                     `- cross_entropy(x, y): [10]
        |                `- [10, 4]

      """),
  ErrorCase(
    description: "a prelude function on a value it cannot take",
    inner: "minimize sum(clip_by_norm(y, 1))",
    expected: """
      test.mix:8:16: error: expected an array of floats, found an array i32 [] [type.float]
      8 |   minimize sum(clip_by_norm(y, 1))
        |                ^~~~~~~~~~~~ -  -
        |                             |  `- 1
        |                             `- y: i32 [10]
      note: prelude/optimizers.mix:10:15: in clip_by_norm
      help: float(...) converts

      """),
  ErrorCase(
    description: "a prelude function on an argument of another type",
    inner: "minimize sum(relu(y))",
    expected: """
      test.mix:8:21: error: expected an array of floats, found an array i32 [10] [type.float]
      8 |   minimize sum(relu(y))
        |                     ^
        |                     `- y: i32 [10]
      note: test.mix:7:18: y is declared here
      note: prelude/layers.mix:32:14: x is declared as float here
      note: test.mix:8:16: relu is called here
      help: float(...) converts

      """),
  ErrorCase(
    description: "what a prelude function passes on is shown at the argument",
    inner: "minimize sum(mean(x, axis: n - 8))",
    expected: """
      test.mix:8:30: error: there is no axis 2, the array has 2 axes [shape.axis]
      8 |   minimize sum(mean(x, axis: n - 8))
        |                     -        ^~~~~
        |                     |        `- n - 8: 2
        |                     `- x: [10, 1]
      note: prelude/functions.mix:12:23: in mean

      """),
  ErrorCase(
    description: "a loss that is not a scalar",
    inner: "minimize square(x)",
    expected: """
      test.mix:8:12: error: the inner loss must be a single float, got [10, 1] [shape.loss]
      8 |   minimize square(x)
        |            ^~~~~~~~~
      help: write mean(...) for the loss of a batch

      """),
  ErrorCase(
    description: "an unknown optimiser",
    optimizer: "adm(0.1)",
    expected: """
      test.mix:9:6: error: there is no optimiser called adm [name.optimizer]
      9 |   by adm(0.1) for 2
        |      ^~~
      help: did you mean adam?

      """),
  ErrorCase(
    description: "a missing argument of an optimiser",
    optimizer: "adam()",
    expected: """
      test.mix:9:6: error: adam needs an argument for rate [call.missing]
      9 |   by adam() for 2
        |      ^~~~
      note: prelude/optimizers.mix:63:3: rate is declared here

      """),
  ErrorCase(
    description: "a function that cannot see the parameters",
    function: "func f(p: theta, x: [n, 1]) -> [n, 1] { return x * theta.w1[0, 0] }",
    expected: """
      test.mix:6:52: error: there is nothing called theta here [name.unknown]
      6 | func f(p: theta, x: [n, 1]) -> [n, 1] { return x * theta.w1[0, 0] }
        |                                                    ^~~~~
      note: test.mix:8:17: f is called here
      help: a function sees only its parameters; pass theta as an argument

      """),
  ErrorCase(
    description: "a function that is never called is checked all the same",
    declarations: "func g(x: [n]) -> [] { return x }",
    expected: """
      test.mix:5:31: error: the result of g must be [], got [10] [shape.mismatch]
      5 | func g(x: [n]) -> [] { return x }
        |                               ^
        |                               `- x: [10]
      note: test.mix:5:8: x is declared here
      note: test.mix:5:19: the result of g is declared as [] here

      """),
  ErrorCase(
    description: "a variable that changes its shape in a loop",
    inner: "var s = 0 for i in n { s = s + theta.b } minimize sum(s)",
    expected: """
      test.mix:8:13: error: s changes its type in the loop, from [] to [4] [loop.carry]
      8 |   var s = 0 for i in n { s = s + theta.b } minimize sum(s)
        |             ^~~~~~~~~~
      help: start s with zeros([...]) of its final shape

      """),
  ErrorCase(
    description: "a part that is assigned from its end on",
    inner: "var v = x v[::-1] = 0 minimize sum(v)",
    expected: """
      test.mix:8:15: error: the step of this range must be at least 1, got -1 [type.kind]
      8 |   var v = x v[::-1] = 0 minimize sum(v)
        |               ^~~~
      help: flip(...) turns the value round

      """),
]

@Suite("errors of specs")
struct ErrorTests {
  @Test("an error shows the place, the shapes, their origin and the repair", arguments: cases)
  func golden(test: ErrorCase) {
    let outcome = elaborated(test.text)
    #expect(outcome.problem == nil)
    #expect(outcome.errors == test.expected)
  }

  @Test("the spec without a mistake has no errors")
  func control() {
    #expect(elaborated(ErrorCase(description: "", expected: "").text).errors == "")
  }

  @Test(
    "expressions with a mistake",
    arguments: [
      ("x[0, 0, 0]", "shape.subscripts"), ("x[10]", "shape.position"), ("x[5:3]", "shape.range"),
      ("x[:, 2:]", "shape.position"), ("x[0.5]", "type.whole"), ("x[::0]", "type.kind"),
      ("sum(x, axis: 2)", "shape.axis"), ("sum(x, axes: 1)", "call.unknown"),
      ("sum(x, 0, true, 3)", "call.count"), ("sum(x, axis: 0, axis: 0)", "call.repeated"),
      ("cumsum(x, axis: 2)", "shape.axis"), ("cumsum(x, axis: -3)", "shape.axis"),
      ("cumsum(sum(x))", "shape.axis"), ("cumsum(x > 0)", "type.float"),
      ("cumsum(x, axis: 0.5)", "type.whole"), ("cumsum(x, reverse: 1)", "type.kind"),
      ("cumsum(theta)", "type.kind"), ("cumsum()", "call.missing"),
      ("sum()", "call.missing"), ("sum(x, keep: 1)", "type.kind"),
      ("reshape(x, [3, 4])", "shape.reshape"), ("reshape(x, [-1, -1])", "shape.reshape"),
      ("reshape(x, 5)", "type.kind"), ("transpose(theta.b)", "shape.rank"),
      ("transpose(x, [0, 0])", "type.kind"), ("concatenate([x, theta.b])", "shape.broadcast"),
      ("concatenate([theta.b, x])", "shape.broadcast"), ("concatenate([])", "type.kind"),
      ("stack([theta.b, theta.w1])", "shape.broadcast"),
      ("stack([theta.w1, theta.b])", "shape.broadcast"),
      ("split(x, 3, axis: 0)[0]", "type.kind"), ("one_hot(x, 3)", "shape.mismatch"),
      ("take(x, x)", "type.kind"), ("zeros([0])", "type.kind"), ("relu(y)", "type.float"),
      ("y / 2", "type.float"), ("if x then 1 else 2", "type.condition"),
      ("x and x", "type.condition"),
      ("x @ 3", "shape.rank"), ("einsum(\"ij->k\", x)", "shape.einsum"),
      ("einsum(\"ij,jk\", x, x)", "shape.einsum"), ("einsum(\"ij,jk->ik\", x)", "shape.einsum"),
      ("einsum(\"i->i\", x)", "shape.einsum"),
      ("einsum(\"ij,ij->i\", x, theta.w1)", "shape.einsum"),
      ("theta.w1.x", "type.kind"), ("3[0]", "type.kind"), ("(x, x)", "type.kind"),
      ("\"text\"", "type.kind"),
      ("theta + {w1: 1}", "type.tree"), ("broadcast(x, [5])", "shape.broadcast"),
      ("pad(x, -1, 0)", "type.kind"), ("full([2], y)", "type.float"), ("f(theta)", "call.missing"),
      ("zeros([n ** n, n ** n])", "type.kind"), ("zeros([n ** 9, n ** 9])", "shape.size"),
      ("reshape(x, [2147483647, 2147483647, -1])", "shape.reshape"),
      ("y + 2147483648", "type.mixed"),
      ("pad(x, 9223372036854775807, 1)", "type.kind"), ("x[::9223372036854775807]", "type.kind"),
      ("einsum(\"ij,kj,lj,mj->iklm\", zeros([n ** 9, 1]), zeros([n ** 9, 1]), x, x)", "shape.size"),
      ("sgd(0.1)", "name.function"), ("f", "type.kind"), ("x + \"text\"", "type.kind"),
      ("{a: x, a: x}.a", "declaration.repeated"), ("1.5 + y", "type.mixed"),
      ("expand(x, 3)", "shape.axis"), ("x + none", "type.kind"), ("none", "type.kind"),
      ("layer_norm(x, none)", "type.kind"), ("mean(y)", "type.float"), ("mean(none)", "type.float"),
      ("mean(theta, axis: 0)", "type.kind"), ("softmax(theta)", "type.kind"),
      ("softmax(y)", "shape.mismatch"), ("softmax(x, axis: 2)", "shape.axis"),
      ("dot(x, theta.w1 + y)", "type.mixed"), ("square(x > 0)", "type.mixed"),
      ("(x > 0) ** 2", "type.mixed"), ("relu(x > 0)", "type.float"),
      ("expand(x, 0.5)", "type.whole"),
      ("one_hot(y, 0)", "type.kind"), ("one_hot(y, n, 3)", "call.count"),
      ("split(x, 5, axis: [0, 1])[0]", "type.whole"), ("theta > 0 and x", "type.condition"),
      ("sum(if theta > 0 then {w1: 1} else 0)", "type.tree"),
    ])
  func expressions(expression: String, id: String) {
    let outcome = elaborated(
      ErrorCase(description: "", inner: "minimize sum(\(expression))", expected: "").text)
    #expect(outcome.errorIDs == [id])
    #expect(outcome.places.first?.hasPrefix("8:") == true)
  }

  @Test(
    "statements with a mistake",
    arguments: [
      ("let a = 1 let a = 2", "declaration.repeated"), ("let a = 1 a = 2", "name.constant"),
      ("b = 2", "name.unknown"), ("let (a, b) = 3", "type.tuple"),
      ("let (a, b) = (1, 2, 3)", "type.tuple"),
      ("return 3", "call.return"), ("let a: [3] = x", "shape.mismatch"),
      ("let a: f64 [10, 1] = x", "type.unknown"),
      ("var s = 0 for t in theta { s = s + 1 }", "type.kind"),
      ("var s = 0 for (a, b) in (x, 3) { s = s + 1 }", "loop.lengths"),
      ("var s = 0 for i in 3 { return s }", "call.return"),
      ("var s = true for i in 3 { s = false }", "type.kind"),
      ("var s = 0 for i in 0 { s = s + 1 }", "type.kind"),
    ])
  func statements(statement: String, id: String) {
    let text = ErrorCase(description: "", inner: "\(statement) minimize sum(x)", expected: "").text
    let outcome = elaborated(text)
    #expect(outcome.errorIDs.first == id)
  }

  @Test(
    "declarations with a mistake",
    arguments: [
      ("dim n = 3", "declaration.repeated"), ("dim k = 0", "dimension.range"),
      ("dim k = n / 3", "type.whole"),
      ("dim k = 10 ** 12", "type.kind"), ("meta k: [n ** 9, n ** 9]", "shape.size"),
      ("meta k { a[n ** 9]: { b: [n ** 9] } }", "shape.size"),
      ("dim k = later dim later = 3", "name.unknown"),
      ("params phi { w: [1] }", "declaration.repeated"), ("meta lr: [m]", "name.unknown"),
      ("meta lr: [...]", "type.kind"), ("meta lr: i32 []", "type.kind"),
      ("meta net { }", "type.kind"),
      ("meta net { a: [1] a: [2] }", "declaration.repeated"), ("meta k: like thet", "name.unknown"),
      ("meta k: like theta.w9", "name.field"),
      ("meta lr: [] ~ normal(1)", "declaration.initializer"),
      ("meta lr: [] ~ nromal", "name.initializer"), ("meta lr: [] ~ constant(x)", "name.unknown"),
      ("meta phi = phi.initial", "name.unknown"), ("batch k", "name.unknown"),
      ("let table = zeros([3])", "type.kind"),
      ("func h(a) { return h(a) } let c = h(1)", "call.recursion"),
      ("func h(a) { let b = a } let c = h(1)", "call.return"),
      ("meta lr: [] ~ constant(-1 / 0)", "type.kind"), ("meta x: []", "declaration.repeated"),
      ("meta lr: [] ~ normal(0, 1e200 * 1e200)", "type.kind"),
      ("meta lr: [] ~ constant(0 / 0)", "type.kind"),
      ("seed 1 seed 2", "declaration.repeated"), ("func f() { return 1 }", "declaration.repeated"),
    ])
  func declarations(declaration: String, id: String) {
    let outcome = elaborated(
      ErrorCase(description: "", declarations: declaration, expected: "").text)
    #expect(outcome.errorIDs.first == id)
  }

  @Test("unknown and impossible dimensions of the command line are errors")
  func overrides() {
    let text = ErrorCase(description: "", expected: "").text
    let unknown = elaborated(text, dims: ["hiden": 3])
    #expect(
      unknown.errors == """
        error: the spec has no dimension called hiden [dimension.unknown]
        help: did you mean hidden?

        """)
    #expect(elaborated(text, dims: ["hidden": 0]).places.contains("2:22 dimension.range"))
  }

  @Test("missing declarations are named, all of them")
  func missing() {
    let outcome = elaborated("dim n = 3\n")
    #expect(outcome.places == Array(repeating: "1:1 declaration.missing", count: 5))
  }

  @Test("several errors are found in one run, and nothing is reported twice")
  func several() {
    let outcome = elaborated(
      """
      spec test
      dim n = 10
      params theta { w: [n, m]  v: [n] }
      meta eta = theta.initial
      func f(p: theta, x: [n]) -> [n] { return x + y }
      inner(x: [n], z: [k]) {
        let a = x + undefined
        let b = a + 1
        let c = relu(b) @ b
        minimize sum(f(theta, x)) by sdg(0.1) for 3
      }
      outer(x: [n]) { minimize summ(x) }
      """)
    #expect(
      Set(outcome.places) == [
        "3:23 name.unknown", "5:46 name.unknown", "6:19 name.unknown", "7:15 name.unknown",
        "10:32 name.optimizer", "12:7 declaration.repeated", "12:26 name.function",
      ])
  }

  @Test("parameters, data and dimensions that nothing reads are warnings")
  func unused() {
    let outcome = elaborated(
      """
      spec test
      dim n = 10, spare = 3
      params theta { w: [n]  never: [n] }
      meta lr: []
      meta idle: [2]
      inner(x: [n], y: [n]) { minimize dot(theta.w, x) by sgd(lr) for 2 }
      outer { let a = 1 for i in 3 { let b = a } minimize sum(theta.w) }
      """)
    #expect(outcome.problem != nil)
    #expect(
      Set(outcome.places) == [
        "2:13 unused", "3:24 unused", "5:6 unused", "6:15 unused", "7:19 loop.effect",
      ])
    #expect(outcome.diagnostics.exitCode == 0)
  }
}
