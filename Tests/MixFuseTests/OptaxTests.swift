// SPDX-License-Identifier: Apache-2.0
//
// The prelude's optimisers and schedules against Optax, whose numbers are in
// Tests/Data/reference/optax_reference.json with the program that made them beside it; and their
// derivatives by the oracles of `verify`.

import Differentiation
import Foundation
import Interpreter
import TensorIR
import Testing

@testable import MixFuse

@Suite("Optax")
struct OptaxTests {
  struct Reference: Decodable {
    let optimizers: [String: [String: [String: [Double]]]]
    let schedules: [String: [Double]]
  }

  static let reference: Reference = {
    do {
      let file = Repository.file("Tests/Data/reference/optax_reference.json")
      return try JSONDecoder().decode(Reference.self, from: Data(contentsOf: file))
    } catch {
      preconditionFailure("optax_reference.json cannot be read: \(error)")
    }
  }()

  private static let shapes = ["w": [4, 3], "u": [2, 5], "v": [3], "c": []]
  private static let names = ["w", "u", "v", "c"]

  /// `scale * sin(1.7 i + offset)`, the numbers of `optax_reference.py`.
  private static func ramp(_ name: String, _ scale: Double, _ offset: Int) -> [Double] {
    let count = (shapes[name] ?? []).reduce(1, *)
    let shift = Double(offset + (names.firstIndex(of: name) ?? 0))
    return (0..<count).map { scale * sin(1.7 * Double($0) + shift) }
  }

  private static func problem(_ optimizer: String, steps: Int) -> String {
    let tree = names.map { "\($0): \(shapes[$0] ?? [])" }.joined(separator: "  ")
    return """
      spec optax
      params theta { \(tree) }
      meta eta = theta.initial
      meta scale: [] ~ ones
      inner(a_w: [4, 3], a_u: [2, 5], a_v: [3], a_c: [], b_w: [4, 3], b_u: [2, 5], b_v: [3], b_c: []) {
        let pull = sum(a_w * square(theta.w - b_w)) + sum(a_u * square(theta.u - b_u))
          + sum(a_v * square(theta.v - b_v)) + a_c * square(theta.c - b_c)
        minimize scale * (0.5 * pull + sin(sum(theta.w)) * theta.c) by \(optimizer) for \(steps)
      }
      outer { minimize sum(cos(theta)) }
      """
  }

  /// One inner step of a spec.
  private static func step(of spec: String) throws -> Graph {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "optax.mix")
      try Data(spec.utf8).write(to: path)
      var options = BuildOptions()
      options.dtype = .f64
      let compilation = Compilation(path: path.path, options: options)
      return try compilation.derived(.innerStep, of: try compilation.problem())
    }
  }

  /// The parameters after so many steps.
  private static func parameters(_ optimizer: String, steps: Int) throws -> [String: [Double]] {
    let graph = try step(of: problem(optimizer, steps: steps))
    var values: [String: [Double]] = ["scale": [1]]
    for name in names {
      values["theta.\(name)"] = ramp(name, 0.8, 0)
      values["a_\(name)"] = ramp(name, 0.5, 5).map { 1 + $0 }
      values["b_\(name)"] = ramp(name, 1, 9)
    }
    for step in 1...steps {
      values["step"] = [Double(step)]
      let inputs = zip(graph.inputNames, graph.inputTypes).map { name, type in
        // States start as the spec says.
        NumericArray(type, values[name] ?? start(name, optimizer, count: type.elementCount))
      }
      let outputs = try Evaluator().evaluate(graph, inputs: inputs)
      for (name, output) in zip(graph.outputNames, outputs) where name.hasPrefix("next.") {
        values[String(name.dropFirst(5))] = output.elements
      }
    }
    return Dictionary(uniqueKeysWithValues: names.map { ($0, values["theta.\($0)"] ?? []) })
  }

  private static func start(_ name: String, _ optimizer: String, count: Int) -> [Double] {
    let value = optimizer.hasPrefix("adagrad") ? 0.1 : optimizer.hasPrefix("yogi") ? 1e-6 : 0
    return [Double](repeating: value, count: count)
  }

  @Test("optimisers take Optax's steps", arguments: reference.optimizers.keys.sorted())
  func optimizers(_ call: String) throws {
    for steps in [1, 6] {
      let right = try #require(Self.reference.optimizers[call]?["\(steps)"])
      let found = try Self.parameters(call, steps: steps)
      for name in Self.names {
        for (a, b) in zip(try #require(found[name]), try #require(right[name])) {
          #expect(
            abs(a - b) <= 1e-12 * max(1, abs(b)), "\(call), \(name) after \(steps): \(a), \(b)")
        }
      }
    }
  }

  @Test("schedules have Optax's values", arguments: reference.schedules.keys.sorted())
  func schedules(_ call: String) throws {
    let right = try #require(Self.reference.schedules[call])
    let graph = try Self.step(
      of: """
        spec schedule
        params theta { x: [] }
        meta m: [] ~ ones
        inner { minimize m * theta.x by sgd(rate: \(call)) for \(right.count) }
        outer { minimize theta.x }
        """)
    let next = try #require(graph.outputNames.firstIndex(of: "next.theta.x"))
    for (step, right) in zip(1..., right) {
      let values: [String: Double] = ["theta.x": 0, "m": 1, "step": Double(step)]
      let inputs = try zip(graph.inputNames, graph.inputTypes).map { name, type in
        NumericArray(type, repeating: try #require(values[name]))
      }
      // The gradient is 1, so theta goes from 0 to minus the rate.
      let found = -(try Evaluator().evaluate(graph, inputs: inputs)[next].elements[0])
      #expect(abs(found - right) <= 1e-14, "\(call) at step \(step): \(found), not \(right)")
    }
  }

  @Test(
    "verify finds the derivatives through every optimiser right",
    arguments: [
      "lion(rate: 0.03, weight_decay: 0.1)", "adagrad(rate: 0.3)", "adafactor(rate: 0.1)",
      "lamb(rate: 0.05, weight_decay: 0.1)", "nadam(rate: 0.05)", "radam(rate: 0.05, beta2: 0.9)",
      "amsgrad(rate: 0.3, beta2: 0.5)", "yogi(rate: 0.05)", "muon(rate: 0.05, weight_decay: 0.1)",
      "schedule_free_sgd(rate: 0.2 * scale, weight_decay: 0.1)",
      "schedule_free_adamw(rate: warmup_cosine(step, 0, 0.05 * scale, 2, 6), weight_decay: 0.1)",
      "sgd(rate: piecewise_constant(step, 0.1 * scale, [2], [0.5]))",
      "sgd(rate: exponential_decay(step, 0.1, 2, 0.5 * scale, end: 0.01))",
    ], [DType.f64, .f32])
  func derivatives(_ call: String, _ dtype: DType) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "optax.mix")
      try Data(Self.problem(call, steps: 7).utf8).write(to: path)
      var options = BuildOptions()
      options.dtype = dtype
      let report = try Compilation(path: path.path, options: options).verify()
      #expect(report.verdict == .verified, "\(report.text)")
    }
  }
}
