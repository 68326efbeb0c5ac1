// SPDX-License-Identifier: Apache-2.0
//
// `--examples`: what a batch is worth in memory, and that nothing else changes. That derivatives of grouped
// losses are right is held by `verify`, which compares them with the other derivation on all examples at
// once, with differences and with the interpreter.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Examples some at a time")
struct ExampleGroupTests {
  private func options(_ examples: Examples, dims: [String: Int] = [:]) -> BuildOptions {
    var options = BuildOptions()
    options.dims = dims
    options.derivation.examples = examples
    return options
  }

  private func compilation(_ name: String, _ options: BuildOptions) -> Compilation {
    Compilation(path: Repository.file("Examples/\(name).mix").path, options: options)
  }

  static let examples = [
    "chinchilla_maml", "chinchilla_learning_lr", "chinchilla_loss_weighting",
    "few_shot_convolution", "mixture_of_experts", "lstm_copy", "distillation",
    "digits_reweighting",
  ]

  @Test("an arena of one example at a time is smaller", arguments: examples)
  func smaller(name: String) throws {
    var sizes: [Int] = []
    for examples in [Examples.all, .groups(of: 1)] {
      let plan = try compilation(name, options(examples)).plan([.metaGradient])
      sizes.append(plan.entryPoints[0].totalBytes(workers: 1))
    }
    #expect(sizes[1] < sizes[0], "\(sizes)")
  }

  @Test("grouped examples verify", arguments: ["chinchilla_loss_weighting", "lstm_copy"], [1, 2])
  func verified(name: String, size: Int) throws {
    var options = options(.groups(of: size))
    options.dtype = .f64
    let report = try compilation(name, options).verify()
    #expect(report.isVerified, "\(report)")
  }

  @Test("57 million parameters, batch 8, sequence 8192: a fraction of the memory")
  func large() throws {
    var options = options(.groups(of: 1), dims: ["steps": 2, "batch": 8, "seq": 8192])
    options.preset = "57M"
    let plan = try compilation("chinchilla_maml", options).plan([.metaGradient]).entryPoints[0]
    // All at once it is 12.1 GiB.
    #expect(plan.totalBytes(workers: 2) < 3_900 << 20)
  }

  @Test("the choice is text, and what is no choice is refused")
  func text() {
    for text in ["all", "1", "12"] { #expect(Examples(text: text)?.text == text) }
    for text in ["0", "-1", "some", ""] { #expect(Examples(text: text) == nil) }
  }
}
