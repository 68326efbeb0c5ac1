// SPDX-License-Identifier: Apache-2.0
//
// The text form of a whole problem: what `mixfuse dump --stage ir` prints and every command reads in
// place of a spec (`NAME.graphs`). Front ends that are no spec, such as the tracer of JAX programs,
// write it. A header, in this order, then the four graphs as `GraphText.swift` prints them:
//
//     mixfuse-problem 1
//     problem "maml" f32 seed 1 steps 3 tasks 25
//     source "maml.mix"
//     dim "points" 10
//     theta "theta.w1": f32[1, 40] ~ he
//     initial meta 0
//     meta "eta.w1": f32[1, 40] ~ he gives "grad.w1"
//     inner "x": f32[10, 1] ~ normal(0.0, 1.0) streamed batched
//     outer "y": f32[10, 1] ~ zeros batched
//     state "state.m": f32[1, 40] ~ zeros
//     reads step
//     reads trajectory
//
//     graph "inner_loss" {
//
// The number of the first line is the version of the format. `tasks`, `streamed`, `batched` and the
// two lines `reads` stand there or not; `initial meta 0` says which meta leaf is the start of the first
// theta leaf, `initial input` that theta is an input. A type is that of one use: one step, one task.
// `ProblemParser.swift` reads it back.

import MixFuseShared

extension MetaProblem {
  /// The version of the format that is written, and the only one that is read.
  package static let textVersion = 1
  /// How the first line begins, by which a file of this format is known.
  package static let textMark = "mixfuse-problem"

  /// The whole problem as text, ending in a newline.
  ///
  /// - Parameter source: the name of the file that the problem is written in, without folders.
  /// - Cost: linear in the size of the text.
  package func text(source: String) -> String {
    let graphs = [innerLoss, initialState, update, outerLoss].map(\.text)
    return (headerLines(source).joined(separator: "\n") + "\n\n") + graphs.joined(separator: "\n")
  }

  private func headerLines(_ source: String) -> [String] {
    let tasks = tasks.map { " tasks \($0)" } ?? ""
    var lines = [
      "\(Self.textMark) \(Self.textVersion)",
      "problem \(quoted(name)) \(dtype.rawValue) seed \(seed) steps \(steps)\(tasks)",
      "source \(quoted(source))",
    ]
    lines += dims.map { "dim \(quoted($0.name)) \($0.value)" }
    lines += theta.map { "theta \($0.text)" }
    switch initialParameters {
    case .input: lines.append("initial input")
    case .meta(let first): lines.append("initial meta \(first)")
    }
    lines += zip(meta, gradientNames).map { "meta \($0.text) gives \(quoted($1))" }
    lines += innerData.map { "inner \($0.text)" }
    lines += outerData.map { "outer \($0.text)" }
    lines += state.map { "state \($0.text)" }
    if readsStep { lines.append("reads step") }
    if readsTrajectory { lines.append("reads trajectory") }
    return lines
  }
}

extension Leaf {
  /// `"eta.w1": f32[1, 40] ~ normal(0.0, 0.1)`.
  fileprivate var text: String {
    let numbers = initializer.parameters.map { "\($0)" }.joined(separator: ", ")
    let arguments = numbers.isEmpty ? "" : "(\(numbers))"
    return "\(quoted(name)): \(type) ~ \(initializer.kind.rawValue)\(arguments)"
  }
}

extension DataLeaf {
  /// The leaf, and how it is shared out.
  fileprivate var text: String {
    leaf.text + (isStreamed ? " streamed" : "") + (isBatched ? " batched" : "")
  }
}
