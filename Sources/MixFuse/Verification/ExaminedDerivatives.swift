// SPDX-License-Identifier: Apache-2.0
//
// The derivatives of one library on the ladder of `DerivativeLevels.swift`, and its other entry
// points against the interpreter.

import Differentiation
import Interpreter
import MixFuseRuntime
import TensorIR

extension Examination {
  /// What was found about one entry point.
  typealias Finding = (comparisons: [Comparison], notes: [String])

  /// The meta-gradient against differences of the outer loss: one row for each meta leaf, or a
  /// single one if that would take too long.
  func metaGradientProbe(_ known: DerivativeProbe.Results) throws -> [Finding] {
    let primal = DifferenceOracle(programs.value.graph, pool: pool)
    let exact = Computation(method: "", programs.gradient, pool: pool)
    let leaves = problem.meta.map(\.name)
    let data = (problem.innerData + problem.outerData).map(\.leaf.name)
    let given = problem.initialParameters == .input ? problem.theta.map(\.name) : []
    let probe = DerivativeProbe(
      level: .metaGradient, primal: primal, inputs: inputs,
      results: { $0 == inputs ? known : try results(of: .metaGradient, by: exact, at: $0) },
      movable: [given + leaves, given + leaves + data], dtype: problem.dtype, seed: seed)
    let pairs = Array(zip(leaves, problem.gradientNames))
    let found = try probe.gradientComparisons(grouped(pairs, primal), contracts: [])
    return [(found.rows, found.notes)]
  }

  /// Leaves one by one, or all together if that would take too long, as at special inputs.
  private func grouped<Leaf>(_ leaves: [Leaf], _ primal: DifferenceOracle) -> [[Leaf]] {
    let limit = special == nil ? 3.0 : 0
    return primal.estimatedSeconds * Double(leaves.count) <= limit ? leaves.map { [$0] } : [leaves]
  }

  /// The other entry points against the interpreter and against differences; of each, the rows that
  /// are worst off.
  func otherEntryPoints() throws -> [Finding] {
    let gradient = InterpretedProgram(
      graph: try compilation.derived(.innerGradient, of: problem))
    return try EntryPoint.allCases.filter { $0 != .metaGradient }.flatMap { entry in
      do {
        return try findings(entry, gradient)
      } catch let error where isIndexOutOfRange(error) {
        return [([], ["\(entry.rawValue) was not examined: \(error)"])]
      }
    }
  }

  private func findings(
    _ entry: EntryPoint, _ gradient: InterpretedProgram
  ) throws -> [Finding] {
    let program =
      entry == .innerGradient
      ? gradient : InterpretedProgram(graph: try compilation.derived(entry, of: problem))
    let exact = Computation(method: "unoptimised graph", program, pool: pool)
    let arrays = try arrays(for: entry, InputSampler(seed: seed))
    let known = try results(of: entry, by: exact, at: arrays)
    let rows = try known.judgement.comparisons(
      of: known.found, with: known.judgement.expected, .interpreter, exact.method,
      entryPoint: entry)
    let findings: [Finding] = [([rows.worst].compactMap(\.self), [])]
    guard let level = DerivativeLevel(rawValue: entry.rawValue) else { return findings }
    let rerun = { (moved: NamedArrays) in
      moved == arrays ? known : try results(of: entry, by: exact, at: moved)
    }
    return try findings + differences(level, gradient, arrays, rerun)
  }

  /// One level of the ladder against differences, and with `hvp` the mixed product.
  private func differences(
    _ level: DerivativeLevel, _ gradient: InterpretedProgram, _ arrays: NamedArrays,
    _ results: @escaping (NamedArrays) throws -> DerivativeProbe.Results
  ) throws -> [Finding] {
    func probe(_ graph: Graph, _ level: DerivativeLevel) -> DerivativeProbe {
      let parameters = (problem.theta + problem.meta).map(\.name).filter { arrays[$0] != nil }
      return DerivativeProbe(
        level: level, primal: DifferenceOracle(graph, pool: pool), inputs: arrays,
        results: results, movable: [parameters, arrays.names], dtype: problem.dtype, seed: seed)
    }
    let theta = problem.theta.map(\.name)
    switch level {
    case .innerGradient:
      let probe = probe(try compilation.derived(.innerLoss, of: problem), level)
      let leaves = theta.map { (leaf: $0, gradient: "grad.\($0)") }
      return [worst(try probe.gradientComparisons(grouped(leaves, probe.primal), contracts: []))]
    case .outerLossGradient:
      let graph = try problem.outerLossValue(options: compilation.options.derivation)
      let probe = probe(graph, level)
      let leaves = (theta + problem.meta.map(\.name)).filter { graph.inputNames.contains($0) }
        .map { (leaf: $0, gradient: "grad.\($0)") }
      return [worst(try probe.gradientComparisons(grouped(leaves, probe.primal), contracts: []))]
    case .hessianVectorProduct:
      let found = try probe(gradient.graph, level).tangentComparisons(
        theta.map { (leaf: $0, output: "grad.\($0)", tangent: "hvp.\($0)") })
      return [worst(found)] + (try mixedProduct(gradient, arrays))
    case .mixedProduct, .metaGradient: return []
    }
  }

  /// The mixed product, which is in no library by itself: the interpreter computes it.
  private func mixedProduct(
    _ gradient: InterpretedProgram, _ arrays: NamedArrays
  ) throws -> [Finding] {
    guard let graph = try problem.mixedProduct(options: compilation.options.derivation) else {
      return []
    }
    let program = InterpretedProgram(graph: graph)
    let exact = Computation(method: "", program, pool: pool)
    let parameters = (problem.theta + problem.meta).map(\.name).filter { arrays[$0] != nil }
    let probe = DerivativeProbe(
      level: .mixedProduct, primal: DifferenceOracle(gradient.graph, pool: pool), inputs: arrays,
      results: { inputs in
        let judgement = try Judgement(exact, of: .f64, at: inputs)
        return (judgement.expected, judgement)
      }, movable: [parameters, arrays.names], dtype: problem.dtype, seed: seed)
    let leaves = problem.meta.map(\.name).filter { graph.outputNames.contains("mixed.\($0)") }
      .map { (leaf: $0, gradient: "mixed.\($0)") }
    let contracts = problem.theta.map {
      (output: "grad.\($0.name)", weights: "direction.\($0.name)")
    }
    return [
      worst(try probe.gradientComparisons(grouped(leaves, probe.primal), contracts: contracts))
    ]
  }

  /// The row that is worst off, and all others that are not passed; one that passed too, since it
  /// decides.
  private func worst(_ found: (rows: [Comparison], notes: [String])) -> Finding {
    let passed = found.rows.filter { $0.outcome == .passed }
    let others = found.rows.filter { $0.outcome != .passed }
    return ([passed.worst].compactMap(\.self) + others, found.notes)
  }
}

/// Whether a computation stopped at an index that is not in its table: drawn data can hold one that
/// only some entry points read.
func isIndexOutOfRange(_ error: any Error) -> Bool {
  switch error {
  case EvaluationError.positionOutOfRange, RuntimeError.callIndexOutOfRange: true
  default: false
  }
}
