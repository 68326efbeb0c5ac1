// SPDX-License-Identifier: Apache-2.0
//
// The prelude's optimisers against their formulas written out in Swift, and optimisers of the user's.

import Foundation
import Interpreter
import TensorIR
import Testing

/// One step of a formula: gradient, parameters, states and the step's number (1 for the first) to
/// the new parameters and states.
private typealias Formula = @Sendable (Double, Double, [Double], Double) -> (Double, [Double])

private let formulas: [(String, Formula)] = [
  ("sgd(0.1)", { g, x, _, _ in (x - 0.1 * g, []) }),
  (
    "momentum(0.1, decay: 0.8)",
    { g, x, s, _ in
      let m = 0.8 * s[0] + g
      return (x - 0.1 * m, [m])
    }
  ),
  (
    "nesterov(rate: 0.1)",
    { g, x, s, _ in
      let m = 0.9 * s[0] + g
      return (x - 0.1 * (g + 0.9 * m), [m])
    }
  ),
  (
    "rmsprop(0.1)",
    { g, x, s, _ in
      let v = 0.9 * s[0] + 0.1 * g * g
      return (x - 0.1 * g / (v.squareRoot() + 1e-8), [v])
    }
  ),
  (
    "adam(1e-3)",
    { g, x, s, t in
      let m = 0.9 * s[0] + 0.1 * g
      let v = 0.999 * s[1] + 0.001 * g * g
      let step = (m / (1 - pow(0.9, t))) / ((v / (1 - pow(0.999, t)) + 1e-12).squareRoot() + 1e-8)
      return (x - 1e-3 * step, [m, v])
    }
  ),
  (
    "adamw(1e-3, weight_decay: 0.1)",
    { g, x, s, t in
      let m = 0.9 * s[0] + 0.1 * g
      let v = 0.999 * s[1] + 0.001 * g * g
      let step = (m / (1 - pow(0.9, t))) / ((v / (1 - pow(0.999, t)) + 1e-12).squareRoot() + 1e-8)
      return (x - 1e-3 * (step + 0.1 * x), [m, v])
    }
  ),
]

@Suite("optimisers")
struct OptimizerTests {
  private func problem(by optimizer: String, _ declarations: String = "") throws -> MetaProblem {
    let text = """
      spec test
      params phi { a: [2]  b: { c: [] } }
      meta lr: like phi
      meta rate: []
      \(declarations)
      inner() { minimize sum(phi.a) * phi.b.c by \(optimizer) for 3 }
      outer { minimize sum(phi) }
      """
    let outcome = elaborated(text)
    #expect(outcome.errors == "")
    return try #require(outcome.problem)
  }

  /// Runs the update with every element of the named trees the same.
  private func run(_ problem: MetaProblem, _ values: [String: Double]) throws -> [String: [Double]]
  {
    let graph = problem.update
    let inputs = zip(graph.inputNames, graph.inputTypes).map { name, type in
      let key = values.keys.first { name == $0 || name.hasPrefix($0 + ".") }
      return NumericArray(type, repeating: key.flatMap { values[$0] } ?? 0)
    }
    let outputs = try Evaluator().evaluate(graph, inputs: inputs).map(\.elements)
    return Dictionary(uniqueKeysWithValues: zip(graph.outputNames, outputs))
  }

  @Test("the prelude's optimisers are their formulas", arguments: formulas.indices)
  func formula(index: Int) throws {
    let (call, formula) = formulas[index]
    let problem = try problem(by: call)
    let names = stride(from: 0, to: problem.state.count, by: 2).map {
      String(problem.state[$0].name.dropLast(2))
    }
    for step in [0.0, 1, 7] {
      let states = names.indices.map { 0.3 + 0.2 * Double($0) }
      var values = ["g": -0.7, "phi": 1.3, "step": step]
      for (name, state) in zip(names, states) { values[name] = state }
      let found = try run(problem, values)
      let (parameter, newStates) = formula(-0.7, 1.3, states, step + 1)
      for (name, expected) in zip(["phi"] + names, [parameter] + newStates) {
        for leaf in ["a", "b.c"] {
          let element = try #require(found["\(name).\(leaf)"]?.last)
          #expect(abs(element - expected) < 1e-13)
        }
      }
    }
  }

  @Test("states are named by the optimiser and start at zero unless said otherwise")
  func states() throws {
    let mine = """
      optimizer mine() {
        state m: like theta
        state v: like g.b ~ constant(2)
        state count: [] ~ ones
        update(g, theta, step) { count = count + 1 }
      }
      """
    let problem = try problem(by: "mine()", mine)
    #expect(
      problem.state.map(\.name) == ["state.m.a", "state.m.b.c", "state.v.c", "state.count"])
    #expect(problem.initialState.outputNames == problem.state.map(\.name))
    let inputs = problem.initialState.inputTypes.map { NumericArray($0, repeating: 9) }
    let start = try Evaluator().evaluate(problem.initialState, inputs: inputs)
    #expect(start.map(\.elements) == [[0, 0], [0], [2], [1]])
    #expect(try run(problem, ["state.count": 4])["state.count"] == [5])
  }

  @Test("a learned rate may be a scalar, a tree, or computed from either")
  func learnedRates() throws {
    // The rate that each call amounts to at the second step.
    let rates: [(call: String, rate: Double)] = [
      ("sgd(rate)", 0.5), ("sgd(lr)", 0.25), ("sgd(rate: rate * lr)", 0.125),
      ("sgd(rate: exp(lr - lr) / float(step))", 0.5),
    ]
    for (call, rate) in rates {
      let expected = 1 - rate * 3
      let values = ["g": 3, "phi": 1, "lr": 0.25, "rate": 0.5, "step": 1]
      let found = try run(problem(by: call), values)
      #expect(found["phi.a"] == [expected, expected])
      #expect(found["phi.b.c"] == [expected])
    }
  }

  @Test(
    "weight decay and clipping change the gradient that an optimiser sees",
    arguments: ["sgd", "momentum", "nesterov", "rmsprop", "adam"])
  func regularization(name: String) throws {
    func parameter(_ arguments: String, gradient: Double) throws -> Double {
      let values = [
        "g": gradient, "phi": 1.3, "step": 3, "rate": 0.25, "state.m": 0.2, "state.v": 0.2,
      ]
      let found = try run(problem(by: "\(name)(0.1\(arguments))"), values)
      return try #require(found["phi.b.c"]?.last)
    }
    // The gradient has three elements of -0.7: clipping to half their norm halves them.
    let limit = 0.35 * 3.0.squareRoot()
    for (arguments, gradient) in [
      (", weight_decay: none, clip: none", -0.7), (", weight_decay: 0", -0.7),
      (", weight_decay: 0.25", -0.7 + 0.25 * 1.3), (", weight_decay: rate", -0.7 + 0.25 * 1.3),
      (", clip: \(limit)", -0.35), (", clip: \(4 * limit)", -0.7),
      (", weight_decay: 0.25, clip: \(limit)", -0.35 + 0.25 * 1.3),
    ] {
      let found = try parameter(arguments, gradient: -0.7)
      let expected = try parameter("", gradient: gradient)
      #expect(abs(found - expected) < 1e-11, "\(name)\(arguments)")
    }
  }

  @Test("adamw clips the gradient, and its weight decay passes the moments by")
  func decoupledDecay() throws {
    let limit = 0.35 * 3.0.squareRoot()
    let values = ["phi": 1.3, "step": 3, "state.m": 0.2, "state.v": 0.2]
    let given = values.merging(["g": -0.7]) { $1 }
    let found = try run(problem(by: "adamw(0.1, weight_decay: 0.25, clip: \(limit))"), given)
    let plain = try run(problem(by: "adam(0.1)"), values.merging(["g": -0.35]) { $1 })
    for name in ["phi.a", "phi.b.c", "state.m.a", "state.v.b.c"] {
      let pull = name.hasPrefix("phi") ? 0.1 * 0.25 * 1.3 : 0
      let pair = try (#require(found[name]?.last), #require(plain[name]?.last))
      #expect(abs(pair.0 - (pair.1 - pull)) < 1e-11, "\(name)")
    }
  }

  @Test("what is not asked for costs nothing: no node is left of decay and clipping")
  func free() throws {
    let mine =
      "optimizer plain(rate) { update(g, theta, step) { theta = theta - rate * g } }"
    let plain = try problem(by: "plain(0.1)", mine).update.nodes.count
    #expect(try problem(by: "sgd(0.1)").update.nodes.count == plain)
    #expect(try problem(by: "sgd(0.1, clip: 1)").update.nodes.count > plain)
  }

  @Test("an optimiser may use the norm of the whole gradient")
  func clipping() throws {
    let mine = """
      optimizer clipped(rate, limit) {
        update(g, theta, step) { theta = theta - rate * clip_by_norm(g, limit) }
      }
      """
    let problem = try problem(by: "clipped(1.0, limit: 3)", mine)
    let short = try #require(try run(problem, ["g": 1, "phi": 0])["phi.a"])
    #expect(short.allSatisfy { abs($0 + 1) < 1e-11 })
    let long = try #require(try run(problem, ["g": 100, "phi": 0])["phi.a"])
    #expect(long.allSatisfy { abs($0 + 3.0.squareRoot()) < 1e-11 })
  }
}
