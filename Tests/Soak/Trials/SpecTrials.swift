// SPDX-License-Identifier: Apache-2.0
//
// Random specs as machine code against the interpreter on the graph before any pass, for every entry
// point: in f64 closely, in f32 as closely as the problem allows; the meta-gradient also against the
// other derivation. Every call is made several times, with closed pages before and after the
// arrays and on two workers, and must give the same bits.

import Differentiation
import Interpreter
import Kernels
import MixFuse
import Scheduling
import TensorIR
import TestSupport
import Toolchain

/// All entry points in f64.
struct SpecTrial: Trial {
  let name = "specs"
  let purpose = "random specs, compiled with random choices, against the interpreter"
  let share = 12

  func files(seed: UInt64) -> [CaseFile] { SpecCase.files(seed: seed) }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    var spec = try SpecCase(seed: seed, in: place)
    let entries = EntryPoint.allCases
    let programs = try spec.programs(entries)
    let library = try GuardedLibrary(programs, named: spec.problem.name, in: place)
    for (index, entry) in entries.enumerated() {
      // The one step of a problem is in range by one way of counting only.
      if entry == .innerStep, spec.problem.steps < 2 { continue }
      let graph = try spec.compilation.derived(entry, of: spec.problem)
      for draw in [SpecCase.Draw.usual, spec.generator.choose([.zeros, .equal, .large])] {
        let inputs = try spec.inputs(of: graph, draw)
        var comparison = try Comparison(graph, inputs, .f64)
        let found = try library.agreeing(index, inputs)
        guard comparison.isFinite else { continue }
        if let difference = try comparison.difference(from: found) {
          return .failed("\(entry.rawValue), \(draw) inputs: \(difference)\n\(spec.options)")
        }
        guard entry == .metaGradient, draw == .usual else { continue }
        let other = try spec.otherDerivation.derived(entry, of: spec.problem)
        let otherwise = try Evaluator().evaluate(other, inputs: inputs)
        if let difference = try comparison.difference(from: otherwise) {
          return .failed("the other derivation: \(difference)\n\(spec.options)")
        }
      }
    }
    return .passed
  }
}

/// The meta-gradient in f32.
struct SinglePrecisionTrial: Trial {
  let name = "specs-f32"
  let purpose = "random specs in f32, as near to f64 as they can be"
  let share = 8

  func files(seed: UInt64) -> [CaseFile] { SpecCase.files(seed: seed) }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    var spec = try SpecCase(seed: seed, in: place, dtype: .f32)
    let graph = try spec.compilation.derived(.metaGradient, of: spec.problem)
    let inputs = try spec.inputs(of: graph)
    var comparison = try Comparison(graph, inputs, .f32)
    let library = try GuardedLibrary(
      spec.programs([.metaGradient]), named: spec.problem.name, in: place)
    let found = try library.agreeing(0, inputs)
    guard comparison.isFinite else { return .skipped("not finite") }
    // What rounding every operation does is allowed some 30 times: it is one draw of luck.
    let rounded = try Evaluator(precision: .float32).evaluate(graph, inputs: inputs)
    comparison.allowance = zip(comparison.expected, rounded).map { expected, rounded in
      let distance = norm(zip(expected.elements, rounded.elements).map { $0 - $1 })
      return distance.isFinite ? 30 * distance : .infinity
    }
    guard let difference = try comparison.difference(from: found) else { return .passed }
    return .failed("\(difference)\n\(spec.options)")
  }
}

extension SpecCase {
  /// Entry points of the library, scheduled.
  func programs(_ entries: [EntryPoint]) throws -> [Program] {
    try compilation.programs(
      of: problem, on: TargetDescription.host().soakMachine, entries: entries)
  }
}

extension GuardedLibrary {
  /// The outputs of a program, called in several ways that must all give the same bits.
  ///
  /// - Throws: `CallFailure`.
  func agreeing(_ index: Int, _ inputs: [NumericArray]) throws -> [NumericArray] {
    let found = try call(index, inputs, side: .after, workers: 1)
    for (side, workers) in [(GuardedPages.Side.before, 1), (.after, 2), (.before, 3)] {
      let again = try call(index, inputs, side: side, workers: workers)
      guard again.map(\.storedBytes) == found.map(\.storedBytes) else {
        throw CallFailure(
          description: "\(programs[index].name) has other bits on \(workers) workers")
      }
    }
    return found
  }
}

/// Random graphs of wider arrays than specs have, with and without passes.
struct ProgramTrial: Trial {
  let name = "programs"
  let purpose = "random graphs, compiled, against the interpreter"
  let share = 6

  func files(seed: UInt64) -> [CaseFile] {
    [CaseFile("graph.txt", Self.program(seed).graph.text)]
  }

  private static func program(_ seed: UInt64) -> RandomProgram {
    let sizes: RandomSizes = seed.isMultiple(of: 3) ? .wide : .small
    return RandomProgram(seed: seed, nodes: [12, 30, 60][Int(seed % 3)], sizes: sizes)
  }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    let program = Self.program(seed)
    let compilation = Compilation(path: "", options: BuildOptions())
    let graph = compilation.optimized(program.graph) { _, _ in }
    let scheduled = compilation.scheduled(
      .metaGradient, graph, on: TargetDescription.host().soakMachine)
    let library = try GuardedLibrary([scheduled], named: "random", in: place)
    let expected = try Evaluator().evaluate(program.graph, inputs: program.inputs)
    let found = try library.agreeing(0, program.inputs)
    for (index, (expected, found)) in zip(expected, found).enumerated() {
      let allowed = 1e-10 * max(1, program.bounds[index])
      for (place, (x, y)) in zip(expected.elements, found.elements).enumerated()
      where !(abs(x - y) <= allowed) && !(x.isNaN && y.isNaN) {
        return .failed("\(graph.outputNames[index])[\(place)]: expected \(x), found \(y)")
      }
    }
    return .passed
  }
}
