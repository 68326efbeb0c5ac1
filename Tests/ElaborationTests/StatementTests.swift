// SPDX-License-Identifier: Apache-2.0
//
// Statements, loops and functions, computed by the interpreter.

import TensorIR
import Testing

@Suite("statements and functions")
struct StatementTests {
  @Test("let binds, var can be assigned, and tuples are taken apart")
  func bindings() throws {
    let statements = "let (a, b) = (theta.value, 3) var c = a * b c = c + 1"
    #expect(try evaluate("c", shape: [], statements: statements) == [7])
  }

  @Test("a tuple of targets takes the parts of a tuple, all of them made before one is assigned")
  func tupleTargets() throws {
    let statements = """
      func pair(a, b) { return (b, a + b) }
      """
    let run = """
      var (a, b) = (zeros([]), ones([]))
      var p = {x: [1, 2]}
      for i in 5 { (a, b) = (b, a + b) }
      let f = a
      (p.x[0], b) = pair(f, b)
      (a) = (a,)
      """
    #expect(
      try evaluate("p.x + [a, b]", shape: [2], statements: run, declarations: statements)
        == [13, 15])
    let outcome = elaborated(
      """
      spec test
      params theta { w: [] }
      meta lr: []
      inner { var a = 1 var b = 2 (a, b) = (1, 2, 3) minimize theta.w * lr by sgd(0.1) for 1 }
      outer { minimize theta.w }
      """)
    #expect(outcome.errorIDs == ["type.tuple"])
  }

  @Test("a loop over a number counts from zero")
  func counter() throws {
    let statements = "var s = 0 for i in 4 { s = s + float(i) * theta.value }"
    #expect(try evaluate("s", shape: [], statements: statements) == [12])
  }

  @Test("a loop over an array takes slices of its first axis, several sequences go in step")
  func slices() throws {
    let statements = """
      var s = zeros([2])
      for (row, i) in (stack([[1, 2], [3, 4], [5, 6]]), 3) { s = s * 2 + row * float(i) }
      """
    #expect(try evaluate("s", shape: [2], statements: statements) == [16, 20])
  }

  @Test("loops nest, and an inner body sees the values of all outer ones")
  func nested() throws {
    let statements = """
      var s = 0
      for i in 3 {
        let a = float(i)
        var t = 0
        for j in 2 { t = t + a * theta.value + float(j) }
        s = s + t
      }
      """
    #expect(try evaluate("s", shape: [], statements: statements) == [15])
  }

  @Test("a tree can be carried through a loop")
  func trees() throws {
    let statements = """
      var p = {a: [1, 2], b: theta.value}
      for i in 3 { p = {a: p.a + p.b, b: p.b * 2} }
      """
    #expect(try evaluate("p.a + p.b", shape: [2], statements: statements) == [31, 32])
  }

  @Test("a loop over a stacked group is one loop of the IR, whatever the number of layers")
  func layers() throws {
    let text = """
      spec test
      dim layers = 7, d = 3
      params theta { block[layers]: { w: [d, d]  inner: { b: [d] } }  v: [d] }
      meta lr: []
      func layer(h: [d], p: each theta.block) -> [d] { return tanh(h @ p.w + p.inner.b) }
      inner() {
        var h = theta.v
        for p in theta.block { h = layer(h, p) }
        minimize sum(h) by sgd(lr) for 2
      }
      outer { minimize sum(theta.v) + sum(theta.block[0].w) }
      """
    let outcome = elaborated(text)
    #expect(outcome.report == "")
    let problem = try #require(outcome.problem)
    let loops = problem.innerLoss.nodes.compactMap { node in
      if case .loop(let loop) = node.op { loop } else { nil }
    }
    #expect(loops.map(\.role) == [.layers])
    #expect(loops.map(\.tripCount) == [7])
    #expect(loops.map(\.stackedInputCount) == [2])
    #expect(problem.theta.map(\.type.shape) == [[7, 3, 3], [7, 3], [3]])
  }

  @Test("functions take defaults and arguments by name, in any order")
  func arguments() throws {
    let function = "func f(a, b = 10, c: [] = 100) { return a + 2 * b + 3 * c }"
    for (call, value) in [
      ("f(theta.value)", 322.0), ("f(theta.value, c: 1)", 25), ("f(c: 1, b: 0, a: theta.value)", 5),
    ] {
      #expect(try evaluate(call, shape: [], declarations: function) == [value])
    }
  }

  @Test("size variables are bound by the arguments and visible in the body")
  func sizeVariables() throws {
    let function = "func f<n>(x: [..., n]) -> [..., n] { return x * n }"
    #expect(try evaluate("f([[1, 2, 3]])", shape: [1, 3], declarations: function) == [3, 6, 9])
    #expect(try evaluate("f([1, 2])", shape: [2], declarations: function) == [2, 4])
  }

  @Test("a function of the user's takes the place of the prelude's, but not inside the prelude")
  func shadowing() throws {
    let function = "func relu(x) { return x + 1000 }  func gelu(x) { return x + 1 }"
    #expect(try evaluate("gelu([1])", shape: [1], declarations: function) == [2])
    #expect(try evaluate("relu([1])", shape: [1], declarations: function) == [1001])
    let softplus = try evaluate("softplus([-1000])", shape: [1], declarations: function)
    #expect(softplus == [0])
  }

  @Test("a parameter that is only an element type takes numbers, arrays and trees, as they are")
  func elementTypes() throws {
    let functions = """
      func double(x: float) -> float { return 2 * x }
      func size_of(n: i32) { return ones([n]) }
      func choose(c: bool, x: float) { return if c then x else 0 }
      """
    func value(_ expression: String, _ shape: [Int]) throws -> [Double] {
      try evaluate(expression, shape: shape, declarations: functions)
    }
    #expect(try value("double([[1], [2]])", [2, 1]) == [2, 4])
    #expect(try value("double({a: 1, b: theta.value}).b", []) == [4])
    #expect(try value("ones([double(two)])", [4]) == [1, 1, 1, 1])
    #expect(try value("size_of(two)", [2]) == [1, 1])
    #expect(try value("choose(true, theta.value) + choose(two > 3, 5)", []) == [2])
    #expect(try value("choose([1, 3] > 2, theta.value)", [2]) == [0, 2])
    for (call, id) in [
      ("double(iota(2))", "type.float"), ("double({a: iota(2)})", "type.float"),
      ("double(two > 1)", "type.float"), ("size_of(0.5)", "type.kind"),
      ("choose(two, 1)", "type.kind"), ("double(\"text\")", "type.float"),
    ] {
      let text = """
        spec test dim two = 2 params theta { value: [] } meta lr: [] \(functions)
        inner { minimize sum(\(call)) * lr by sgd(0.1) for 2 } outer { minimize theta.value }
        """
      #expect(elaborated(text).errorIDs == [id], "\(call)")
    }
  }

  @Test("a tree may be called like an element type")
  func treeOfThatName() {
    let outcome = elaborated(
      """
      spec test
      params float { w: [2] }
      meta lr: []
      func total(p: float) { return sum(p.w) }
      func unused(p: float) { return relu(p.w) }
      inner { minimize total(float) * lr by sgd(0.1) for 1 }
      outer { minimize mean(float) }
      """)
    #expect(outcome.errors == "")
  }

  @Test("an unused function of the user's is looked at, though the prelude has one of its name")
  func unusedNamesake() {
    let outcome = elaborated(
      """
      spec test
      params theta { w: [2] }
      meta lr: []
      func square(x: [2]) -> [] { return x }
      inner { minimize mean_squared_error(theta.w, theta.w + 1) * lr by sgd(0.1) for 1 }
      outer { minimize sum(theta.w) }
      """)
    #expect(outcome.errorIDs == ["shape.mismatch"])
  }

  @Test("calls of the prelude do not count as calls of the user's functions")
  func manyCalls() {
    let calls = [String](repeating: "relu(x)", count: 90).joined(separator: " + ")
    let body = (0..<400).map { "h = h + f(h + \($0))" }.joined(separator: " ")
    let outcome = elaborated(
      """
      spec test
      params theta { w: [] }
      meta lr: []
      func f(x: []) { return \(calls) }
      inner { var h = theta.w \(body) minimize h * lr by sgd(0.1) for 1 }
      outer { minimize theta.w }
      """)
    #expect(outcome.errors == "")
  }

  @Test("constants of the file are visible in functions")
  func constants() throws {
    let declarations = "let (a, b) = (2 * two, [1, 2])  func f(x) { return x * a + b[1] }"
    #expect(try evaluate("f(theta.value)", shape: [], declarations: declarations) == [10])
  }

  @Test("none stands for an argument that is left out, of any type")
  func absence() throws {
    let functions = """
      func f(x, scale = none, shift: [] = none) {
        let scaled = if scale == none then x else scale * x
        return if shift != none then scaled + shift else scaled
      }
      func g(x, scale = none) { return f(x, scale: scale, shift: none) }
      """
    for (call, value) in [
      ("f(theta.value)", 2.0), ("f(theta.value, theta.value)", 4), ("f(theta.value, 0)", 0),
      ("f(theta.value, shift: 5)", 7), ("f(theta.value, none, 5)", 7), ("g(theta.value)", 2),
      ("g(theta.value, 3)", 6),
    ] {
      #expect(try evaluate(call, shape: [], declarations: functions) == [value], "\(call)")
    }
    #expect(
      try evaluate(
        "g(theta.value)", shape: [], statements: "let none = 3", declarations: functions) == [2],
      "a name of the user's is no one else's")
  }
}
