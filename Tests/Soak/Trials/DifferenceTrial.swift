// SPDX-License-Identifier: Apache-2.0
//
// The oracle that shares no derivative rule with the compiler: differences of the interpreted
// losses. The inner loss against the inner gradient, the inner gradient against the Hessian-vector
// product, the outer loss against its gradient, the whole against the meta-gradient.
//
// A difference is believed where two steps a factor of 10 apart agree, and the slopes on both sides
// come nearer to each other as the step shrinks: where there is a kink, such as a maximum of equal
// numbers, they do not, however small it is, and nothing is said. Pieces that join smoothly hide from
// that: `minimum(v, mean(v))` at equal v whose slopes are 0 has a second derivative that depends on the
// direction. So a difference that disagrees says nothing either if the inputs are where pieces meet.

import Differentiation
import Interpreter
import MixFuse
import TensorIR
import TestSupport

struct DifferenceTrial: Trial {
  let name = "differences"
  let purpose = "derivatives of random specs against differences"
  let share = 60

  func files(seed: UInt64) -> [CaseFile] { SpecCase.files(seed: seed) }

  /// What hides a slope from differences or makes one that is none.
  private static let steps = ["stop_gradient", "sign(", "floor("]

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    guard !Self.steps.contains(where: RandomSpec(seed: seed).text.contains) else {
      return .skipped("has steps or stopped gradients")
    }
    var spec = try SpecCase(seed: seed, in: place)
    let problem = spec.problem
    let compilation = spec.compilation
    func graph(_ entry: EntryPoint) throws -> Graph { try compilation.derived(entry, of: problem) }
    let theta = problem.theta.map(\.name)
    let meta = problem.meta.map(\.name)
    // Each: values, derivatives, what is moved, and the names of both.
    var verdicts: [Verdict] = []
    verdicts.append(
      try gradient(
        "the inner gradient", of: graph(.innerLoss), graph(.innerGradient),
        moving: theta.map { ($0, "grad.\($0)") }, &spec))
    verdicts.append(
      try gradient(
        "the meta-gradient", of: metaValue(of: problem), graph(.metaGradient),
        moving: Array(zip(meta, problem.gradientNames)), &spec))
    verdicts.append(
      try gradient(
        "the outer gradient", of: graph(.outerLossGradient), graph(.outerLossGradient),
        moving: theta.map { ($0, "grad.\($0)") }, &spec))
    verdicts.append(try product(graph(.innerGradient), graph(.hessianVectorProduct), theta, &spec))
    var decided = false
    for verdict in verdicts {
      if case .failed = verdict { return verdict }
      if case .passed = verdict { decided = true }
    }
    return decided ? .passed : .skipped("every difference meets a kink")
  }

  /// A gradient along a random direction against differences of its loss.
  private func gradient(
    _ what: String, of loss: Graph, _ derivative: Graph, moving names: [(String, String)],
    _ spec: inout SpecCase
  ) throws -> Verdict {
    let inputs = try spec.inputs(of: loss)
    let direction = direction(inputs, loss, Set(names.map(\.0)), &spec.generator)
    let outputs = try Evaluator().evaluate(derivative, inputs: spec.inputs(of: derivative))
    var products: [Double] = []
    for (name, gradient) in names {
      guard let input = loss.inputNames.firstIndex(of: name),
        let output = derivative.outputNames.firstIndex(of: gradient)
      else { return .failed("\(what) has no \(gradient)") }
      products += zip(direction[input].elements, outputs[output].elements).map { $0 * $1 }
    }
    let position = loss.outputNames.firstIndex(of: "loss") ?? 0
    let result = try slope(of: loss, at: inputs, along: direction) { $0[position].elements[0] }
    return judged(what, products, result)
  }

  /// The Hessian times a direction, in the product with itself, against differences of the gradient.
  private func product(
    _ gradient: Graph, _ hvp: Graph, _ theta: [String], _ spec: inout SpecCase
  ) throws -> Verdict {
    let inputs = try spec.inputs(of: gradient)
    let direction = direction(inputs, gradient, Set(theta), &spec.generator)
    let probe = direction
    let arguments = try zip(spec.inputs(of: hvp), hvp.inputNames).map { input, name in
      guard name.hasPrefix("direction."),
        let index = gradient.inputNames.firstIndex(of: String(name.dropFirst(10)))
      else { return input }
      return NumericArray(input.type, direction[index].elements)
    }
    let outputs = try Evaluator().evaluate(hvp, inputs: arguments)
    func probed(_ arrays: [NumericArray], _ names: [String], _ prefix: String) -> [Double] {
      theta.flatMap { name -> [Double] in
        guard let array = names.firstIndex(of: prefix + name),
          let input = gradient.inputNames.firstIndex(of: name)
        else { return [] }
        return zip(arrays[array].elements, probe[input].elements).map { $0 * $1 }
      }
    }
    let result = try slope(of: gradient, at: inputs, along: direction) {
      probed($0, gradient.outputNames, "grad.").reduce(0, +)
    }
    return judged(
      "the Hessian-vector product", probed(outputs, hvp.outputNames, "hvp."), result)
  }

  private func judged(_ what: String, _ products: [Double], _ slope: Slope?) -> Verdict {
    guard let (slope, isOnKink) = slope else { return .skipped("a kink") }
    let found = products.reduce(0, +)
    let scale = max(norm(products), abs(slope), 1e-2)
    guard !(abs(found - slope) <= 2e-4 * scale) else { return .passed }
    if isOnKink { return .skipped("a kink") }
    return .failed("\(what): the difference is \(slope), the derivative \(found)")
  }

  /// Random elements for the inputs named, zeros for the others.
  private func direction(
    _ inputs: [NumericArray], _ graph: Graph, _ names: Set<String>,
    _ generator: inout SeededGenerator
  ) -> [NumericArray] {
    zip(graph.inputNames, inputs).map { name, input in
      NumericArray(
        input.type,
        input.elements.map { _ in
          names.contains(name) ? Double.random(in: -1...1, using: &generator) : 0
        })
    }
  }

  /// A slope, and whether pieces of functions meet at the inputs themselves.
  private typealias Slope = (value: Double, isOnKink: Bool)

  /// The slope of a number that a graph gives; nil if differences do not agree on one.
  private func slope(
    of graph: Graph, at inputs: [NumericArray], along direction: [NumericArray],
    _ value: ([NumericArray]) -> Double
  ) throws -> Slope? {
    func at(_ step: Double, kinks: KinkLog? = nil) throws -> Double {
      let moved = zip(inputs, direction).map { input, direction in
        NumericArray(
          input.type, zip(input.elements, direction.elements).map { $0 + step * $1 })
      }
      return value(try Evaluator(kinks: kinks).evaluate(graph, inputs: moved))
    }
    let kinks = KinkLog()
    let middle = try at(0, kinks: kinks)
    var slopes: [Double] = []
    var jumps: [Double] = []
    for step in [1e-4, 1e-5] {
      let (low, high) = (try at(-step), try at(step))
      let (before, after) = ((middle - low) / step, (high - middle) / step)
      let central = (high - low) / (2 * step)
      slopes.append(central)
      jumps.append(abs(before - after))
    }
    let size = max(abs(slopes[1]), 1e-2)
    guard slopes.allSatisfy(\.isFinite), jumps[1] <= 0.3 * jumps[0] + 1e-6 * size,
      abs(slopes[0] - slopes[1]) <= 2e-5 * size
    else { return nil }
    return (slopes[1], kinks.first != nil)
  }
}
