// SPDX-License-Identifier: Apache-2.0
//
// Parse, print and parse again gives the same tree, for real specs and for expressions in which
// precedence matters.

import Diagnostics
import Foundation
import SpecLanguage
import Testing

/// The repository's root, found from this file's place in it.
private let root = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

@Suite("printing")
struct RoundTripTests {
  private func parsed(_ text: String) -> SpecFile {
    let diagnostics = DiagnosticCollector()
    let file = parse(SourceFile(name: "a.mix", text: text), diagnostics: diagnostics)
    #expect(diagnostics.rendered() == "")
    return file
  }

  private func expectRoundTrip(_ text: String) {
    let file = parsed(text)
    let printed = file.printed()
    let again = parsed(printed)
    #expect(again.syntaxDescription == file.syntaxDescription)
    #expect(again.printed() == printed)
  }

  @Test(
    "the examples and test cases survive",
    arguments: [
      "Examples/maml_sinusoid.mix", "Examples/mnist1d_lr.mix", "Examples/digits_reweighting.mix",
      "Examples/lstm_copy.mix", "Examples/actor_critic.mix", "Examples/learned_optimizer.mix",
      "Tests/Cases/words/loops.mix", "Tests/Cases/words/parts.mix",
      "Examples/pinn.mix", "Examples/imaml_cg.mix", "Examples/mamlpp_multistep.mix",
      "Tests/Cases/chinchilla/model.mix", "Tests/Cases/chinchilla/maml.mix",
      "Tests/Cases/chinchilla/learning_lr.mix", "Tests/Cases/chinchilla/loss_weighting.mix",
    ])
  func examples(path: String) throws {
    expectRoundTrip(
      try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8))
  }

  @Test("the prelude survives")
  func prelude() {
    for source in Prelude.sources {
      expectRoundTrip(String(decoding: source.bytes, as: UTF8.self))
    }
  }

  @Test(
    "only the parentheses that matter are printed",
    arguments: [
      ("(a + b) + c", "a + b + c"), ("a + (b + c)", "a + (b + c)"), ("a - (b - c)", "a - (b - c)"),
      ("(a * b) + c", "a * b + c"), ("a * (b + c)", "a * (b + c)"), ("a @ b * c", "a @ b * c"),
      ("a ** b ** c", "a ** b ** c"), ("(a ** b) ** c", "(a ** b) ** c"),
      ("-x ** 2", "-x ** 2"), ("(-x) ** 2", "(-x) ** 2"), ("x ** -2", "x ** -2"),
      ("-(a * b)", "-(a * b)"), ("-a * b", "-a * b"), ("- -a", "--a"),
      ("(a div b) mod c * d", "a div b mod c * d"), ("a div (b mod c)", "a div (b mod c)"),
      ("-a mod b + c", "-a mod b + c"), ("mod(div, mod mod div)", "mod(div, mod mod div)"),
      ("not (a and b) or c", "not (a and b) or c"), ("not a < b", "not a < b"),
      ("(a < b) == c", "(a < b) == c"), ("(a or b) and c", "(a or b) and c"),
      ("if a then b else if c then d else e", "if a then b else if c then d else e"),
      ("(if a then b else c) + d", "(if a then b else c) + d"), ("(a + b).w[0]", "(a + b).w[0]"),
      ("x[:, 1:, -1, ..., ::2, a:b:c]", "x[:, 1:, -1, ..., ::2, a:b:c]"),
      ("f(a, axis: -1, keep: true)", "f(a, axis: -1, keep: true)"), ("(a,)", "(a,)"),
      ("{w: a, b: [1, 2.50e-3]}", "{w: a, b: [1, 2.50e-3]}"), ("p.in.for.state", "p.in.for.state"),
      ("x -> (x + 1)", "x -> x + 1"), ("(x) -> x", "x -> x"), ("() -> 1", "() -> 1"),
      ("(x, y) -> (z -> x)", "(x, y) -> z -> x"), ("f((x -> x), 1)", "f(x -> x, 1)"),
      ("(x -> x) + 1", "(x -> x) + 1"), ("x -> {a: x}", "x -> {a: x}"),
      (
        "(minimize l(q) over q = a.b by sgd(rate: 0.1) for 2 * n).w",
        "(minimize l(q) over q = a.b by sgd(rate: 0.1) for 2 * n).w"
      ),
      ("x -> { let y = x  return y }", "x -> { let y = x return y }"),
      (
        "x -> { var y = 0 for i in 3 { y = y + x } return y }",
        "x -> { var y = 0 for i in 3 { y = y + x } return y }"
      ),
    ])
  func parentheses(text: String, expected: String) {
    let source = "let value = \(text)\n"
    #expect(parsed(source).printed() == "let value = \(expected)\n")
    expectRoundTrip(source)
  }

  @Test("every kind of declaration and statement survives")
  func everything() {
    expectRoundTrip(
      """
      spec everything import "other.mix" dim a = 1, b = 2 * a seed 3
      let rate: [] = 0.1
      params theta { w: [a, b] ~ normal(0, 1), g: { v: [] } block[b]: { q: like theta.g ~ zeros } }
      meta eta = theta.initial meta lr: [] ~ constant(0.1) meta copy: like theta meta all: [a, 2] x like theta.g ~ zeros
      meta net { w: [a] }
      func f<n>(x: [..., n], y: i32 [n] = 0, p: each theta.block, z = 1) -> ([n], []) {
        var h = x
        for (l, t) in (p, b) { h = h + l.q  for i in a { h = h * 2 } }
        for (l, t) in reversed(p, 1 : b) { h.w[t, 1:] = l.q  h[0] = 1 (h, h.w[1]) = (1, 2) } for i in reversed(0 : a : 2) { h = i }
        let c = 1 + sum(for (i) in (1 : a) { let d = i yield (d, for j in i { yield j }) })
        let (u, v) = (h, 1)
        return (u, v)
      }
      optimizer mine(rate: [], decay = 0.9) {
        state m: like theta ~ zeros state count: []
        update(g, theta, step) { m = m + g theta = theta - rate * m }
      }
      inner(stream x: [a] ~ uniform(0, 1), stream shared y: i32 [b], z: bool [a]) {
        let l = f(x)
        minimize l by mine(0.1, decay: 0.5) for 2 * b
      }
      outer { minimize 0 }
      batch a
      """)
  }
}
