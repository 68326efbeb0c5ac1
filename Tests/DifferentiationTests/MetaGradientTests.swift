// SPDX-License-Identifier: Apache-2.0
//
// The meta-gradient: the eight combinations of switches agree with each other and with finite
// differences of the meta value, also through Adam at v = 0.

import Differentiation
import Interpreter
import TensorIR
import Testing

@Suite("the meta-gradient")
struct MetaGradientTests {
  private static let cases: [MetaCase] = [mamlCase(steps: 1), mamlCase(steps: 3), adamCase()]

  /// Loss and gradients.
  private func metaGradient(
    _ meta: MetaCase, _ options: DerivationOptions
  ) throws -> [NumericArray] {
    let graph = try Differentiation.metaGradient(of: meta.problem, options: options)
    #expect(graph.problems() == [])
    return try Evaluator().evaluate(graph, inputs: meta.inputs)
  }

  @Test("all eight combinations of switches agree", arguments: cases.indices)
  func combinationsAgree(index: Int) throws {
    let meta = Self.cases[index]
    #expect(DerivationOptions.allCombinations.count == 8)
    let results = try DerivationOptions.allCombinations.map { try metaGradient(meta, $0) }
    for (options, other) in zip(DerivationOptions.allCombinations, results).dropFirst() {
      #expect(relativeError(other, results[0]) < 1e-12, "\(options)")
    }
    #expect(results[0].allSatisfy { $0.elements.allSatisfy(\.isFinite) })
  }

  @Test("the meta-gradient is the derivative of the meta value", arguments: cases.indices)
  func matchesDifferences(index: Int) throws {
    let meta = Self.cases[index]
    let results = try metaGradient(meta, DerivationOptions())
    let value = try metaValue(of: meta.problem)
    #expect(value.inputNames == (try Differentiation.metaGradient(of: meta.problem)).inputNames)
    let loss = try Evaluator().evaluate(value, inputs: meta.inputs)[0]
    #expect(relativeError([results[0]], [loss]) < 1e-14)
    var source = RandomSource(seed: 3)
    let first = meta.problem.initialParameters == .input ? meta.problem.theta.count : 0
    let directions = meta.problem.meta.map { source.array($0.type) }
    let expected = zip(results.dropFirst(), directions).reduce(0) { $0 + $1.0.dot($1.1) }
    let step = 1e-3
    var quotient = 0.0
    for (multiple, weight) in [(1.0, 2.0 / 3), (-1, -2.0 / 3), (2, -1.0 / 12), (-2, 1.0 / 12)] {
      var inputs = meta.inputs
      for (index, direction) in directions.enumerated() {
        inputs[first + index] = inputs[first + index].adding(multiple * step, direction)
      }
      quotient += weight / step * (try Evaluator().evaluate(value, inputs: inputs)[0].elements[0])
    }
    #expect(abs(quotient - expected) < 1e-7 * max(1, abs(expected)))
  }

  @Test("Adam at v = 0: an unread embedding row has zero gradient of its rate, others do not")
  func unreadRow() throws {
    let meta = adamCase()
    let graph = try Differentiation.metaGradient(of: meta.problem)
    let gradients = ["grad.eta.weight", "grad.eta.rate", "grad.eta.unused"]
    let trained = ["final.embed", "final.layers", "final.head"]
    #expect(graph.outputNames == ["loss"] + gradients + trained)
    let rates = try metaGradient(meta, DerivationOptions())[2].elements
    #expect(rates[9...].allSatisfy { $0 == 0 })
    #expect(rates[..<9].allSatisfy { $0 != 0 && $0.isFinite })
  }

  @Test("a meta leaf without influence has a gradient of zeros that says so")
  func leafWithoutInfluence() throws {
    let meta = adamCase()
    #expect(meta.problem.leavesWithoutInfluence == [2])
    #expect(mamlCase(steps: 1).problem.leavesWithoutInfluence == [])
    let graph = try Differentiation.metaGradient(of: meta.problem)
    let text = "the loss does not depend on eta.unused"
    #expect(graph.nodes.contains { $0.provenance.rules == [text] })
    #expect(try metaGradient(meta, DerivationOptions())[3].elements == [0, 0])
  }

  @Test("a task batch is a parallel loop followed by an explicit mean")
  func tasks() throws {
    let graph = try Differentiation.metaGradient(of: mamlCase(steps: 2).problem)
    #expect(graph.name == "maml_meta_gradient")
    guard case .loop(let loop) = graph.nodes.first?.op else {
      Issue.record("the first node is no loop")
      return
    }
    #expect(loop.role == .tasks && loop.isMap && loop.stackedInputCount == 4)
    #expect(graph.inputTypes[3...4] == [f64(2, 2, 3, 1), f64(2, 3, 1)])
    let rest = Set(graph.nodes.dropFirst().map(\.op.name))
    #expect(rest == ["reduce_sum", "constant", "multiply"])
  }

  @Test("saved inner gradients are not computed again in mixed mode")
  func savedGradients() throws {
    func products(_ innerGradients: DerivationOptions.InnerGradients) throws -> Int {
      let options = DerivationOptions(innerGradients: innerGradients)
      return try Differentiation.metaGradient(of: adamCase().problem, options: options)
        .count(of: "contract")
    }
    #expect(try products(.save) < products(.recompute))
  }

  @Test("steps apart from the loop change nothing but the work", arguments: [1, 2, 3, 5])
  func stepsApart(steps: Int) throws {
    for meta in [mamlCase(steps: steps), adamCase(steps: steps)] {
      let looped = try metaGradient(meta, DerivationOptions(firstStep: .inLoop))
      for var options in DerivationOptions.allCombinations {
        for (first, last) in [
          (DerivationOptions.FirstStep.apart, DerivationOptions.LastStep.inLoop),
          (.inLoop, .apart(intensity: 0)), (.apart, .apart(intensity: 0)),
        ] {
          (options.firstStep, options.lastStep) = (first, last)
          let apart = try metaGradient(meta, options)
          #expect(relativeError(apart, looped) < 1e-12, "\(meta.problem.name), \(options)")
        }
      }
    }
  }

  @Test("apart, the first step has no second-order pass along theta, unless theta_0 is learned")
  func firstStepApart() throws {
    func products(_ meta: MetaCase, _ first: DerivationOptions.FirstStep) throws -> Int {
      let options = DerivationOptions(trajectory: .stored, firstStep: first)
      return try Differentiation.metaGradient(of: meta.problem, options: options)
        .dynamicCount(of: "contract")
    }
    #expect(try products(adamCase(), .apart) < products(adamCase(), .inLoop))
    #expect(try products(adamCase(), .automatic) == products(adamCase(), .apart))
    #expect(try products(mamlCase(steps: 3), .automatic) == products(mamlCase(steps: 3), .inLoop))
    let long = adamCase(steps: 40)
    #expect(try products(long, .automatic) == products(long, .inLoop))
  }

  @Test("the graph does not grow with the number of steps")
  func sizeIsIndependentOfSteps() throws {
    for options in DerivationOptions.allCombinations {
      let sizes = try [2, 50].map { steps in
        try Differentiation.metaGradient(of: mamlCase(steps: steps).problem, options: options)
          .text.split(separator: "\n").count
      }
      #expect(sizes[0] == sizes[1])
    }
  }
}

extension Graph {
  /// How often nodes with an op of this name run.
  func dynamicCount(of name: String) -> Int {
    nodes.reduce(0) { total, node in
      guard case .loop(let loop) = node.op else { return total + (node.op.name == name ? 1 : 0) }
      return total + loop.tripCount * loop.body.dynamicCount(of: name)
    }
  }

  /// How many nodes, also in regions, have an op of this name.
  func count(of name: String) -> Int {
    nodes.reduce(0) { total, node in
      total + (node.op.name == name ? 1 : 0)
        + node.op.regions.reduce(0) { $0 + $1.count(of: name) }
    }
  }
}
