// SPDX-License-Identifier: Apache-2.0
//
// Smaller dims for a problem that is too large for the interpreter. The user did not choose them, so
// nothing that goes wrong there is the user's mistake: what a spec's initialisers or indices do not
// allow (`integers(300, seq)` with seq = 256) is left alone, and another dim made smaller instead.

import MixFuseRuntime
import TensorIR

/// A compilation at dims of verification's own choice.
struct ReducedProblem {
  let compilation: Compilation
  let problem: MetaProblem
  let programs: VerificationPrograms
}

extension Compilation {
  /// The section of a smaller problem that the interpreter can run in the given seconds.
  ///
  /// If what is chosen first cannot be examined, each dim in turn is left at the user's size.
  ///
  /// - Returns: what was examined, and what was not, with the reason.
  /// - Cost: the building and interpreting of each choice that elaborates.
  func reducedSections(
    _ problem: MetaProblem, _ request: VerificationRequest
  ) -> (sections: [VerificationSection], skipped: [String]) {
    var reason = "the spec allows no smaller dims that it can run"
    var tried: Set<[Int]> = []
    for kept in [nil] + problem.dims.map({ Optional($0.name) }) {
      guard let smaller = reduced(problem, keeping: kept, within: request.interpreterBudget),
        tried.insert(smaller.problem.dims.map(\.value)).inserted, tried.count <= 6
      else { continue }
      do {
        let examination = try Examination(
          smaller.compilation, smaller.problem, smaller.programs, request, reference: nil)
        let main = try examination.section(title: "reduced dims, for the interpreter")
        let special = specialSections(examination, request)
        return ([main] + special.sections, special.skipped)
      } catch {
        let dims = smaller.problem.dims.map { "\($0.name) = \($0.value)" }
        let text = FailureReport(error).text.split(separator: "\n").first.map(String.init) ?? ""
        reason = "at \(dims.joined(separator: ", ")): \(text)"
      }
    }
    return ([], ["the interpreter: \(reason)"])
  }

  /// The same spec at dims that the interpreter can run in the given seconds.
  ///
  /// Halves the largest dim that can be halved, alone or together with one other that it must stay
  /// in proportion to, until the estimate fits.
  ///
  /// - Parameter kept: a dim that stays as it is.
  /// - Cost: one elaboration and derivation for each dims tried.
  private func reduced(
    _ problem: MetaProblem, keeping kept: String?, within seconds: Double
  ) -> ReducedProblem? {
    var current = problem
    while let next = halved(current, keeping: kept) {
      current = next
      var options = options
      options.dims = Dictionary(current.dims.map { ($0.name, $0.value) }) { first, _ in first }
      let compilation = trying(options)
      guard let programs = try? VerificationPrograms(compilation, current) else { return nil }
      if programs.estimatedSeconds(hasReference: false) <= seconds {
        return ReducedProblem(compilation: compilation, problem: current, programs: programs)
      }
    }
    return nil
  }

  /// The problem with its largest dim halved, or the next one that the spec allows to be smaller.
  private func halved(_ problem: MetaProblem, keeping kept: String?) -> MetaProblem? {
    let values = Dictionary(problem.dims.map { ($0.name, $0.value) }) { first, _ in first }
    let bySize = problem.dims.filter { $0.value > 1 && $0.name != kept }
      .sorted { $0.value > $1.value }
    let halves = bySize.map { [$0.name: ($0.value + 1) / 2] }
    let pairs = halves.indices.flatMap { first in
      halves.indices.dropFirst(first + 1).map { halves[first].merging(halves[$0]) { $1 } }
    }
    return (halves + pairs).lazy.compactMap { change in
      self.problem(with: values.merging(change) { $1 })
    }.first { $0.canBeDrawn }
  }
}

extension MetaProblem {
  /// Whether the initialisers of all arrays make sense.
  fileprivate var canBeDrawn: Bool {
    let leaves = theta + meta + (innerData + outerData).map(\.leaf)
    return leaves.allSatisfy { leaf in
      let description = Manifest.ArrayDescription(
        name: leaf.name, cName: leaf.name, elementType: .float64, shape: [1],
        initializer: leaf.initializer)
      return (try? InputSampler(seed: 0).draw(description)) != nil
    }
  }
}
