// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse verify`: builds a library, calls it, and holds every result against oracles that know
// nothing of how it was computed (DESIGN section 7). Read `Examination.swift` for what is compared
// and how strictly; this file decides at which dimensions.
//
// The interpreter judges the graph as it was derived, before any pass, so passes, scheduling, C and
// LLVM are all between the two. Derivation itself is judged by the other derivation and by finite
// differences.

import Differentiation
import MixFuseRuntime
import TensorIR

/// What a verification is to do.
package struct VerificationRequest: Sendable {
  /// An .npz or .safetensors file with inputs and expected results; nil draws inputs.
  package var reference: String?
  /// The seed of drawn inputs and of random directions; nil takes the spec's own.
  package var seed: UInt64?
  /// Threads for the library and for the interpreter; nil takes all processors.
  package var threads: Int?
  /// The most seconds that the interpreter may need; larger problems are made smaller for it.
  package var interpreterBudget = 20.0
  /// Whether libraries may come from the build cache, and go there.
  package var usesCache = true

  package init() {}
}

extension Compilation {
  /// Verifies the library that this compilation builds.
  ///
  /// - Cost: the build, a build of the other derivation unless interpreting it is quicker, and up to
  ///   the request's budget of interpretation.
  /// - Throws: `CompilationFailure`, `RuntimeError`. A mismatch is not an error: see
  ///   `VerificationReport.isVerified`.
  package func verify(_ request: VerificationRequest = VerificationRequest()) throws
    -> VerificationReport
  {
    let problem = try problem()
    let reference = try request.reference.map { try self.reference($0, for: problem) }
    var report = VerificationReport(
      name: problem.name, dtype: problem.dtype.rawValue, derivation: options.summary)
    let programs = try VerificationPrograms(self, problem)
    let examination = try Examination(
      self, problem, programs, request, reference: reference)
    if programs.estimatedSeconds(hasReference: reference != nil) <= request.interpreterBudget {
      report.sections = [try examination.section(title: "full size")]
    } else {
      report.sections = [try examination.sectionWithoutInterpreter(title: "full size")]
      if let smaller = try reduced(problem, within: request.interpreterBudget) {
        let title = "reduced dims, for the interpreter"
        report.sections.append(
          try Examination(smaller.0, smaller.1, smaller.2, request, reference: nil)
            .section(title: title))
      } else {
        report.sections[0].notes.append(
          "no smaller dims were found that the interpreter can run: only derivations were compared")
      }
    }
    return report
  }

  /// A compilation of the same spec at dims that the interpreter can run in the given seconds.
  ///
  /// Halves the largest dim that can be halved, alone or together with one other that it must stay
  /// in proportion to, until the estimate fits.
  ///
  /// - Cost: one elaboration and derivation for each dims tried.
  private func reduced(
    _ problem: MetaProblem, within seconds: Double
  ) throws -> (Compilation, MetaProblem, VerificationPrograms)? {
    var current = problem
    while true {
      guard let next = halved(current) else { return nil }
      current = next
      var options = options
      options.dims = Dictionary(current.dims.map { ($0.name, $0.value) }) { first, _ in first }
      let compilation = Compilation(path: path, options: options)
      let programs = try VerificationPrograms(compilation, current)
      if programs.estimatedSeconds(hasReference: false) <= seconds {
        return (compilation, current, programs)
      }
    }
  }

  /// The problem with its largest dim halved, or the next one that the spec allows to be smaller.
  private func halved(_ problem: MetaProblem) -> MetaProblem? {
    let values = Dictionary(problem.dims.map { ($0.name, $0.value) }) { first, _ in first }
    let bySize = problem.dims.filter { $0.value > 1 }.sorted { $0.value > $1.value }
    let halves = bySize.map { [$0.name: ($0.value + 1) / 2] }
    let pairs = halves.indices.flatMap { first in
      halves.indices.dropFirst(first + 1).map { halves[first].merging(halves[$0]) { $1 } }
    }
    return (halves + pairs).lazy.compactMap { change in
      self.problem(with: values.merging(change) { $1 })
    }.first
  }
}

/// The graphs of one problem that a verification interprets.
struct VerificationPrograms {
  let dtype: DType
  /// The meta-gradient as the library was derived.
  let gradient: InterpretedProgram
  /// The meta-gradient by the other derivation, with the other two switches unchanged.
  let otherGradient: InterpretedProgram
  /// The outer loss alone.
  let value: InterpretedProgram
  /// The switches of `otherGradient`.
  let otherOptions: DerivationOptions

  init(_ compilation: Compilation, _ problem: MetaProblem) throws {
    var options = compilation.options
    options.derivation.derivation = options.derivation.derivation == .mixed ? .standard : .mixed
    let other = Compilation(
      path: compilation.path, options: options, diagnostics: compilation.diagnostics)
    dtype = problem.dtype
    gradient = InterpretedProgram(graph: try compilation.derived(.metaGradient, of: problem))
    otherGradient = InterpretedProgram(graph: try other.derived(.metaGradient, of: problem))
    value = InterpretedProgram(graph: try metaValue(of: problem))
    otherOptions = options.derivation
  }

  /// Above this, compiling the other derivation is quicker than interpreting it.
  static let worthInterpreting = 1.0

  /// About how long the interpreter needs for everything in `Examination.section`.
  func estimatedSeconds(hasReference: Bool) -> Double {
    let isOtherInterpreted = otherGradient.estimatedSeconds <= Self.worthInterpreting
    var gradientRuns = 1.0
    if dtype == .f32 {
      // Rounding every operation to Float32 doubles the time. Conditioning takes four runs, unless
      // a compiled f64 library does them.
      gradientRuns += 2 + (hasReference ? 3 : 0) + (isOtherInterpreted ? 4 : 0)
    }
    let other = isOtherInterpreted ? otherGradient.estimatedSeconds : 0
    let differences = Double(DirectionalDifference.evaluationCount) * value.estimatedSeconds
    return gradientRuns * gradient.estimatedSeconds + other + differences
  }
}
