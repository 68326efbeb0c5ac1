// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse verify`: builds a library, calls it, and holds every result against oracles that know
// nothing of how it was computed. Read `Examination.swift` for what is compared
// and how strictly; this file decides at which dimensions.
//
// The interpreter judges the graph as it was derived, before any pass, so passes, scheduling, C and
// LLVM are all between the two. Derivation itself is judged by the other derivation and, level by
// level, by finite differences; only those share no rule with it, so nothing is called verified of
// which they could not decide anything.

import Differentiation
import Foundation
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
  /// The most seconds that the interpreter may need for special inputs.
  package var specialInputsBudget = 2.0
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
    let programs = try VerificationPrograms(self, problem)
    var report = VerificationReport(
      name: problem.name, dtype: problem.dtype.rawValue, derivation: options.summary,
      levels: DerivativeLevel.allCases.filter { $0 != .mixedProduct || programs.hasMixedProduct })
    let examination = try Examination(
      self, problem, programs, request, reference: reference)
    if programs.estimatedSeconds(hasReference: reference != nil) <= request.interpreterBudget {
      report.sections = [try examination.section(title: "full size")]
      let special = specialSections(examination, request)
      report.sections += special.sections
      report.skipped += special.skipped
    } else {
      report.sections = [try examination.sectionWithoutInterpreter(title: "full size")]
      let reduced = reducedSections(problem, request)
      report.sections += reduced.sections
      report.skipped += reduced.skipped
    }
    return report
  }

  /// A short section for each kind of special inputs, as far as there is time.
  func specialSections(
    _ examination: Examination, _ request: VerificationRequest
  ) -> (sections: [VerificationSection], skipped: [String]) {
    // A reference file's inputs are the user's choice.
    guard examination.reference == nil else { return ([], []) }
    let seconds =
      Double(SpecialInputs.allCases.count) * examination.programs.estimatedSecondsOfSpecialInputs
    guard seconds <= request.specialInputsBudget else {
      let text = String(format: "%.0f s", seconds.rounded(.up))
      return ([], ["special inputs: the interpreter would need about \(text)"])
    }
    var (sections, skipped): ([VerificationSection], [String]) = ([], [])
    for special in SpecialInputs.allCases {
      do {
        guard let examination = try examination.with(special) else { continue }
        if let section = try examination.specialSection() {
          sections.append(section)
        } else {
          skipped.append("special inputs, \(special.title): the right result is not finite")
        }
      } catch {
        let text = FailureReport(error).text.split(separator: "\n").first ?? ""
        skipped.append("special inputs, \(special.title): \(text)")
      }
    }
    return (sections, skipped)
  }
}

/// The graphs of one problem that a verification interprets.
struct VerificationPrograms {
  let dtype: DType
  /// The meta-gradient as the library was derived.
  let gradient: InterpretedProgram
  /// The meta-gradient by the other derivation, with the other two switches unchanged and all examples
  /// at once.
  let otherGradient: InterpretedProgram
  /// The outer loss alone.
  let value: InterpretedProgram
  /// Whether the inner loss reads a meta parameter.
  let hasMixedProduct: Bool
  /// The switches of `otherGradient`.
  let otherOptions: DerivationOptions

  init(_ compilation: Compilation, _ problem: MetaProblem) throws {
    var options = compilation.options
    options.derivation.derivation = options.derivation.derivation == .mixed ? .standard : .mixed
    // All examples at once, so that it judges their grouping, too.
    options.derivation.examples = .all
    let other = compilation.with(options)
    dtype = problem.dtype
    gradient = InterpretedProgram(graph: try compilation.derived(.metaGradient, of: problem))
    otherGradient = InterpretedProgram(graph: try other.derived(.metaGradient, of: problem))
    value = InterpretedProgram(
      graph: try metaValue(of: problem, options: compilation.options.derivation))
    hasMixedProduct =
      try problem.mixedProduct(options: compilation.options.derivation) != nil
    otherOptions = options.derivation
  }

  /// Above this, compiling the other derivation is quicker than interpreting it.
  static let worthInterpreting = 1.0

  /// About how long the interpreter needs for everything in `Examination.section`.
  func estimatedSeconds(hasReference: Bool) -> Double {
    let isOtherInterpreted = otherGradient.estimatedSeconds <= Self.worthInterpreting
    var gradientRuns = 1.0
    if dtype == .f32 {
      // Three draws of rounding, and again for a reference. Conditioning takes four runs, unless a
      // compiled f64 library does them.
      gradientRuns += 3 + (hasReference ? 4 : 0) + (isOtherInterpreted ? 4 : 0)
    }
    let other = isOtherInterpreted ? otherGradient.estimatedSeconds : 0
    let differences = DifferenceSweep.usualEvaluations * value.estimatedSeconds
    return gradientRuns * gradient.estimatedSeconds + other + differences
  }

  /// The same for one `Examination.specialSection`.
  var estimatedSecondsOfSpecialInputs: Double {
    let other = otherGradient.estimatedSeconds
    let differences = DifferenceSweep.usualEvaluations * value.estimatedSeconds
    return 2 * gradient.estimatedSeconds + (other <= Self.worthInterpreting ? other : 0)
      + differences
  }
}
