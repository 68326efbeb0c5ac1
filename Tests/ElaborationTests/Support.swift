// SPDX-License-Identifier: Apache-2.0
//
// What the tests of elaboration share: elaborating a spec given as text, and computing what an
// expression of the language evaluates to.

import Diagnostics
import Elaboration
import Foundation
import Interpreter
import SpecLanguage
import TensorIR
import Testing

/// The repository's root, found from this file's place in it.
let root = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// The outcome of elaborating a text.
struct Outcome {
  let problem: MetaProblem?
  let diagnostics: DiagnosticCollector

  /// All diagnostics as the user sees them.
  var report: String { diagnostics.rendered() }

  /// The errors as the user sees them, without the warnings.
  var errors: String {
    diagnostics.diagnostics.filter { $0.severity == .error }.map { $0.rendered() }.joined()
  }

  /// The ids of the errors, in the order in which they were found.
  var errorIDs: [String] {
    diagnostics.diagnostics.filter { $0.severity == .error }.map(\.id)
  }

  /// `line:column id` of each diagnostic, in the order in which they were found.
  var places: [String] {
    diagnostics.diagnostics.map { diagnostic in
      let position = diagnostic.span?.position
      return "\(position?.line ?? 0):\(position?.column ?? 0) \(diagnostic.id)"
    }
  }
}

/// Elaborates a spec given as text, called `test.mix` in messages.
func elaborated(
  _ text: String, dims: [String: Int] = [:], dtype: DType = .f64
) -> Outcome {
  let diagnostics = DiagnosticCollector()
  let file = parse(SourceFile(name: "test.mix", text: text), diagnostics: diagnostics)
  let problem = elaborate(file, dims: dims, dtype: dtype, diagnostics: diagnostics)
  return Outcome(problem: problem, diagnostics: diagnostics)
}

/// Elaborates a spec of the repository.
func elaboratedFile(_ path: String, dims: [String: Int] = [:]) throws -> MetaProblem {
  let diagnostics = DiagnosticCollector()
  let file = loadSpec(at: root.appendingPathComponent(path).path, diagnostics: diagnostics)
  let problem = file.flatMap { elaborate($0, dims: dims, dtype: .f64, diagnostics: diagnostics) }
  #expect(diagnostics.rendered() == "")
  return try #require(problem)
}

/// The elements of the array that an expression stands for.
///
/// The expression becomes the new value of the only parameter `theta.value` in an optimiser's
/// update, so it may also use `theta.value` (all 2 before), the gradient `g.value` (all 3) and `step`.
func evaluate(
  _ expression: String, shape: [Int], statements: String = "", declarations: String = ""
) throws -> [Double] {
  let text = """
    spec test
    dim two = 2, three = 3
    params theta { value: \(shape) }
    meta lr: []
    \(declarations)
    optimizer compute() {
      update(g, theta, step) {
        \(statements)
        theta = {value: \(expression)}
      }
    }
    inner() { minimize sum(theta.value) * lr by compute() for 2 }
    outer { minimize sum(theta.value) }
    """
  let outcome = elaborated(text)
  #expect(outcome.errors == "")
  let problem = try #require(outcome.problem)
  #expect(problem.update.problems() == [])
  let inputs = zip(problem.update.inputNames, problem.update.inputTypes).map { name, type in
    let values = ["g.value": 3.0, "theta.value": 2.0, "lr": 0.5, "step": 0.0]
    return NumericArray(type, repeating: values[name] ?? .nan)
  }
  return try Evaluator().evaluate(problem.update, inputs: inputs)[0].elements
}
