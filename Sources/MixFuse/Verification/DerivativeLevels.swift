// SPDX-License-Identifier: Apache-2.0
//
// Each derivative against differences of what it is the derivative of. A rule that is wrong in the
// same way everywhere gives a wrong inner gradient, thus a wrong trajectory, and the meta-gradient of
// that trajectory is again consistent with it: differences of the outer loss alone see nothing. So
// there is a ladder, each step of which is held against the one before it, and the lowest against
// the inner loss itself, which no rule has touched:
//
//   inner loss      -> inner_gradient
//   inner gradient  -> hvp, mixed_product
//   outer loss      -> outer_loss_gradient
//   whole value     -> meta_gradient
//
// Where differences cannot decide because the inputs are on a kink, the same is tried a little beside
// it: library, oracle and all.

import Differentiation
import Foundation
import Interpreter
import MixFuseRuntime
import TensorIR

/// One derivative, and how to get at it.
struct DerivativeProbe {
  /// What a program gives, and what it should give but for rounding.
  typealias Results = (found: NamedArrays, judgement: Judgement)

  let level: DerivativeLevel
  /// What the derivative is of.
  let primal: DifferenceOracle
  let inputs: NamedArrays
  /// The derivative at any inputs.
  let results: (NamedArrays) throws -> Results
  /// Inputs that may be moved a little if these are on a kink: parameters, then all.
  let movable: [[String]]
  let dtype: DType
  let seed: UInt64

  // MARK: Kinds

  /// Gradients of a scalar: the output `loss` of the primal, or its outputs contracted with the
  /// inputs `direction.NAME` if `contracts` names some.
  ///
  /// - Parameter groups: leaves by name with the name of their gradient; one row for each group.
  func gradientComparisons(
    _ groups: [[(leaf: String, gradient: String)]], contracts: [(output: String, weights: String)]
  ) throws -> (rows: [Comparison], notes: [String]) {
    try besideKinks { inputs, results, method in
      try groups.map { group in
        try gradientComparison(group, contracts, inputs, results, method)
      }
    }
  }

  /// A tangent along the inputs `direction.NAME`: arrays of the primal against outputs.
  func tangentComparisons(
    _ names: [(leaf: String, output: String, tangent: String)]
  ) throws -> (rows: [Comparison], notes: [String]) {
    try besideKinks { inputs, results, method in
      let pairs = try names.map { ($0.leaf, try inputs.values("direction.\($0.leaf)")) }
      let parts = try names.map { name in
        (DifferenceOracle.Part.array(name.output), norm(try results.found.values(name.tangent)))
      }
      let measured = try primal.derivatives(
        at: inputs, along: Dictionary(pairs) { first, _ in first }, parts)
      return try zip(names, measured).map { name, difference in
        let found = try results.found.values(name.tangent)
        let expected = try results.judgement.expected.values(name.tangent)
        let row = try row(
          name.tangent, results.found[name.tangent]?.shape ?? [], method, difference, found: found,
          ownError: ArrayError(found, expected: expected).distance,
          scale: max(norm(found), norm(difference.derivative))
        ) { try results.judgement.termSize(of: name.tangent) }
        return try unlessKink(row, .array(name.output), at: inputs, moving: names.map(\.leaf))
      }
    }
  }

  private func gradientComparison(
    _ group: [(leaf: String, gradient: String)],
    _ contracts: [(output: String, weights: String)],
    _ inputs: NamedArrays, _ results: Results, _ method: String
  ) throws -> Comparison {
    let gradients = try group.map { ($0.leaf, try results.found.values($0.gradient)) }
    let direction = try inputs.direction(
      in: group.map(\.leaf), aligned: Dictionary(gradients) { first, _ in first }, seed: seed)
    var (products, ownError) = ([Double](), 0.0)
    for (leaf, gradient) in group {
      let change = direction[leaf] ?? []
      let found = try results.found.values(gradient)
      let expected = try results.judgement.expected.values(gradient)
      products += zip(found, change).map { $0 * $1 }
      ownError += dot(zip(found, expected).map { $0 - $1 }, change)
    }
    let weights = try contracts.map { ($0.output, try inputs.values($0.weights)) }
    let part: DifferenceOracle.Part =
      contracts.isEmpty ? .array("loss") : .contraction(Dictionary(weights) { first, _ in first })
    let difference = try primal.derivatives(
      at: inputs, along: direction, [(part, norm(products))])[0]
    let scale = max(norm(products), abs(difference.derivative[0]))
    let row = try row(
      group.count == 1 ? group[0].gradient : Comparison.allGradients,
      group.count == 1 ? results.found[group[0].gradient]?.shape ?? [] : [], method, difference,
      found: [products.reduce(0, +)], ownError: abs(ownError), scale: scale
    ) {
      try group.map { leaf, gradient in
        try results.judgement.termSize(of: gradient) * rootMeanSquare(direction[leaf] ?? [])
      }.reduce(0, +)
    }
    return try unlessKink(row, part, at: inputs, moving: group.map(\.leaf))
  }

  /// The verdict on one derivative.
  ///
  /// Counted is the error beyond what rounding made of the result, which the interpreter judges.
  /// Allowed are 10 times what the sweep leaves open, and at least 1e-6. A sweep that leaves more than
  /// 1 % open decides nothing, unless the derivative is zero: then what is left open is seen relative
  /// to what it is summed from.
  private func row(
    _ name: String, _ shape: [Int], _ method: String, _ difference: FiniteDifference,
    found: [Double], ownError: Double, scale: Double, terms: () throws -> Double
  ) throws -> Comparison {
    let error = ArrayError(found, expected: difference.derivative).less(ownError)
    let open = max(1e-6 * scale, 10 * difference.uncertainty)
    var isDecisive = open + ownError <= 1e-2 * scale
    if !isDecisive && error.distance <= open && open.isFinite && ownError.isFinite {
      isDecisive = try open <= 1e-5 * max(difference.size, difference.terms, terms())
    }
    let place = difference.isKink ? "at a kink" : String(format: "step %.0e", difference.step)
    return Comparison(
      oracle: .finiteDifference, method: place + method, entryPoint: level.rawValue, array: name,
      shape: shape, error: error, allowed: open, size: scale,
      outcome: !isDecisive ? .undecided : error.distance <= open ? .passed : .failed)
  }

  // MARK: Kinks

  /// The row, undecided instead of failed if the inputs are on a kink.
  ///
  /// Along one direction a kink can look smooth: `max(x, min(y, z))` at 0 has the slope of `z` on both
  /// sides wherever `z` moves between `x` and `y`. So some others are tried.
  private func unlessKink(
    _ row: Comparison, _ part: DifferenceOracle.Part, at inputs: NamedArrays,
    moving leaves: [String]
  ) throws -> Comparison {
    guard row.outcome == .failed else { return row }
    for trial in 1...UInt64(8) {
      let direction = try inputs.direction(in: leaves, seed: seed &+ trial)
      guard try primal.derivatives(at: inputs, along: direction, [(part, 0)])[0].isKink else {
        continue
      }
      var result = row
      result.outcome = .undecided
      result.method = "at a kink"
      return result
    }
    return row
  }

  /// Compares at the inputs, and where that decides nothing, beside them.
  ///
  /// What has one slope on both sides is judged: a derivative that is not that slope is wrong, also
  /// if it is right everywhere around, which is noted. But where pieces of a function meet it is a
  /// matter of convention, even if they join smoothly, as in `abs(square(x))` at 0: that is noted
  /// too, and what is beside counts.
  private func besideKinks(
    _ compare: (NamedArrays, Results, String) throws -> [Comparison]
  ) throws -> (rows: [Comparison], notes: [String]) {
    var rows = try compare(inputs, results(inputs), "")
    var notes: [String] = []
    for names in movable where rows.contains(where: { $0.outcome != .passed }) {
      guard let beside = try? comparedBeside(names, compare) else { continue }
      for index in rows.indices {
        switch (rows[index].outcome, beside[index].outcome) {
        case (.undecided, .passed), (.undecided, .failed): rows[index] = beside[index]
        case (.failed, .passed):
          let place = try primal.firstKink(at: inputs)
          notes.append(remark(on: rows[index].fullName, place))
          if place != nil { rows[index] = beside[index] }
        default: break
        }
      }
    }
    return (rows, notes)
  }

  private func remark(on name: String, _ kink: Provenance?) -> String {
    guard let kink else {
      return
        "\(name) is right 1 % beside these inputs, but wrong at them, though the program has no "
        + "kink there"
    }
    let place = kink.location.isEmpty ? "" : " at \(kink.location)"
    return "\(name) is right 1 % beside these inputs; at them it is a matter of convention, since "
      + "pieces of a function meet\(place)"
  }

  private func comparedBeside(
    _ names: [String], _ compare: (NamedArrays, Results, String) throws -> [Comparison]
  ) throws -> [Comparison] {
    var moved = try inputs.besideKinks(names, seed: seed)
    if dtype == .f32 { moved = try moved.roundedToFloat32() }
    return try compare(moved, results(moved), ", beside")
  }
}

/// Differences of a graph's outputs, with stopped values held fixed.
struct DifferenceOracle {
  /// What is differentiated.
  enum Part: Sendable {
    /// An output.
    case array(String)
    /// The sum of the inner products of outputs with given arrays.
    case contraction(Direction)
  }

  private let stopped: StoppedValues
  private let pool: ThreadPool

  init(_ graph: Graph, pool: ThreadPool) {
    stopped = StoppedValues(in: graph)
    self.pool = pool
  }

  /// How long one sweep takes in a release build, in seconds.
  var estimatedSeconds: Double {
    stopped.replaying.estimatedSeconds * DifferenceSweep.usualEvaluations
  }

  /// The derivatives of the parts, each of which is to be known relative to its scale.
  ///
  /// A direction that leads where the graph has no value leaves everything open.
  ///
  /// - Throws: `RuntimeError`.
  func derivatives(
    at inputs: NamedArrays, along direction: Direction, _ parts: [(part: Part, scale: Double)]
  ) throws -> [FiniteDifference] {
    let point = try stopped.fixed(at: inputs)
    let kinds = parts.map(\.part)
    let center = try values(of: kinds, at: point)
    let perturbed = try pool.map([0, 1]) { draw in
      try values(of: kinds, at: point, in: .perturbed64(Perturbation(draw: draw)))
    }
    let measured = parts.indices.map { index in
      let noise = perturbed.map { ArrayError($0[index], expected: center[index]).distance }.max()
      let smallest = 0x1p-53 * norm(center[index])
      return DifferencePart(noise: max(noise ?? 0, smallest), scale: parts[index].scale)
    }
    do {
      return try DifferenceSweep.derivatives(
        of: { [pool] distances in
          try pool.map(distances) { distance in
            try values(of: kinds, at: point.moved(distance, along: direction))
          }
        }, parts: measured)
    } catch is EvaluationError {
      return center.map {
        FiniteDifference(
          derivative: $0, uncertainty: .infinity, step: 0, size: norm($0), isKink: false)
      }
    }
  }

  /// Where the program's value at these inputs goes through a point where pieces of a function meet.
  func firstKink(at inputs: NamedArrays) throws -> Provenance? {
    let log = KinkLog()
    _ = try stopped.replaying.outputs(for: stopped.fixed(at: inputs), kinks: log)
    return log.first
  }

  private func values(
    of parts: [Part], at inputs: NamedArrays, in precision: Precision = .float64
  ) throws -> [[Double]] {
    let outputs = try stopped.replaying.outputs(for: inputs, in: precision)
    return try parts.map { part in
      switch part {
      case .array(let name): try outputs.values(name)
      case .contraction(let weights):
        [
          try weights.sorted { $0.key < $1.key }.reduce(0) {
            $0 + dot(try outputs.values($1.key), $1.value)
          }
        ]
      }
    }
  }
}
