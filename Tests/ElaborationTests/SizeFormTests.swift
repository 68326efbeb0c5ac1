// SPDX-License-Identifier: Apache-2.0
//
// Sizes are what they are made of: dimensions that are equal by chance are two, and equal formulas one.

import Testing

@Suite("Sizes")
struct SizeFormTests {
  private func outcome(_ statement: String, dims: [String: Int] = [:]) -> Outcome {
    elaborated(
      """
      spec test
      dim features = 10, classes = 10, n = 10, twice = 2 * n, heads = 4, d = 5, one = 1, same = n
      params theta {
        w: [features, classes]  b: [classes]  c: [features]  q: [heads * d]  z: [twice]  u: [one, d]
        block[same]: { v: [d] }
      }
      meta rates: [n] x like theta
      func f<m>(x: [m, features], y: [m]) -> [m] { return x @ ones([features]) + y }
      func halves<h>(x: [..., h]) -> [..., h] {
        return concatenate([x[..., : h div 2], x[..., h div 2 :]], axis: -1)
      }
      func thirds<h>(x: [h]) -> [h div 3] { return x[: h div 3] }
      inner(x: [n, features]) {
        \(statement)
        minimize sum(a) * mean(theta) by sgd(mean(rates)) for n
      }
      outer { minimize mean(theta) + mean(inner.losses) }
      """, dims: dims)
  }

  @Test(
    "two sizes that are equal by chance are an error",
    arguments: [
      ("theta.b + theta.c", "'+' takes classes and features for one size"),
      ("x @ theta.b", "'@' takes features and classes"),
      ("matmul(theta.w, theta.c)", "matmul takes classes and features"),
      ("f(x, theta.c)", "axis 0 of y takes n and features"),
      ("f(transpose(x), theta.b)", "axis 1 of x takes features and n"),
      ("einsum(\"ij,j->i\", theta.w, theta.c)", "the axis j of einsum takes classes and features"),
      ("for (r, i) in (x, classes) { yield sum(r) }", "the loop takes n and classes"),
      ("theta.b + for r in x { yield sum(r) }", "'+' takes classes and n"),
      (
        "concatenate([theta.b, theta.c]) + zeros([2 * features])",
        "'+' takes classes + features and 2 * features"
      ),
      ("transpose(x) + theta.b", "'+' takes n and classes"),
      ("theta.z[n:] + theta.b", "'+' takes n and classes"),
      ("if theta.b > 0 then theta.c else 0", "a choice takes classes and features"),
      ("softmax(x @ theta.w + theta.c)", "'+' takes classes and features"),
      ("theta.q + theta.z", "'+' takes d * heads and 2 * n"),
      ("max(x, axis: 1) + theta.c", "'+' takes n and features"),
      ("rates.b[:, 0] + theta.c", "'+' takes n and features"),
      ("rates.w[step - 1] + theta.c", "'+' takes classes and features"),
      ("sum(for p in rates { yield p.c * p.b })", "'*' takes features and classes"),
      ("theta.block.v[:, 0] + theta.b", "'+' takes n and classes"),
      ("linear(x, theta.w, theta.c)", "axis 0 of bias takes classes and features"),
    ])
  func twoSizes(_ expression: String, _ message: String) {
    let outcome = outcome("let a = \(expression)")
    #expect(outcome.errorIDs.count == 1, "\(outcome.report)")
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test("what to do is said, and where the two come from")
  func text() {
    #expect(
      outcome("let a = theta.b * theta.c").errors == """
        test.mix:14:19: error: '*' takes classes and features for one size, but they are two, though both are 10 here [shape.dimension]
        14 |   let a = theta.b * theta.c
           |           ------- ^ -------
           |           |         `- theta.c: [10]
           |           `- theta.b: [10]
        note: test.mix:4:27: theta.b is declared here
        note: test.mix:4:41: theta.c is declared here
        help: if they are always the same, declare one by the other: dim features = classes

        """)
  }

  @Test(
    "equal formulas are one size, and so are a number, a size of 1, and what is not followed",
    arguments: [
      "theta.q * reshape(theta.q, [d * heads])", "theta.z + zeros([n + same])",
      "theta.z[: same] + theta.z[n:] + theta.z[-n:] + x[:, 0] + max(x, axis: 1)",
      "concatenate([theta.b, theta.c]) + zeros([features + classes])",
      "theta.b + ones([10])", "theta.c + [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
      "theta.u + theta.block.v", "theta.c + theta.c[::1]",
      "theta.b + theta.c[::2][[0, 1, 2, 3, 4, 0, 0, 0, 0, 0]]", "theta.b + take(theta.c, iota(10))",
      "halves(theta.q) + theta.q", "halves(x) + x", "thirds(theta.z)[: d] + theta.block[0].v",
      "reshape(x, [n / 2, 2, features])[:, 0] + x[: n - n / 2]", "theta.b + theta.c[:size(x, 0)]",
      "rates.b[0] + theta.b", "transpose(x)[:, 0] + theta.c", "x @ theta.w + theta.b",
      "einsum(\"ni,ij->nj\", x, theta.w) + theta.b", "f(x, x[:, 0]) + x[:, 1]",
      "stack([theta.b, theta.b]) + theta.b", "(for p in theta.block { yield sum(p.v) }) + x[:, 0]",
    ])
  func oneSize(_ expression: String) {
    #expect(outcome("let a = \(expression)").errors == "")
  }

  @Test("a dimension that is set to something else is a size of its own then")
  func overrides() {
    #expect(outcome("let a = theta.z + zeros([2 * n])", dims: ["twice": 20]).errors == "")
    let other = outcome("let a = theta.z[: 10] + zeros([same])", dims: ["same": 10])
    #expect(other.errors == "")
    #expect(
      outcome("let a = theta.q + theta.z", dims: ["twice": 20, "n": 7]).errors
        .contains("'+' takes d * heads and twice"))
    #expect(outcome("let a = theta.u + theta.b", dims: ["d": 1, "classes": 6]).errors == "")
    #expect(outcome("let a = theta.b + theta.c", dims: ["features": 1]).errors == "")
  }
}
