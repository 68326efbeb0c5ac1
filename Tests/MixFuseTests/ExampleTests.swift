// SPDX-License-Identifier: Apache-2.0
//
// The examples of what losses can say, each of a page: they verify, and a few steps along their
// meta-gradients make their outer losses smaller.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("examples")
struct ExampleTests {
  /// The specs with sizes at which all oracles are quick, and a rate of descent.
  static let examples: [(name: String, dims: [String: Int], rate: Double)] = [
    ("pinn", ["n": 3, "hidden": 3, "steps": 2], 0.1),
    ("imaml_cg", ["points": 3, "hidden": 2, "steps": 2, "tasks": 2, "iterations": 2], 0.05),
    ("mamlpp_multistep", ["points": 3, "hidden": 3, "steps": 3, "tasks": 2], 0.05),
  ]

  @Test("verify", arguments: examples.indices, [DType.f64, .f32])
  func verified(index: Int, dtype: DType) throws {
    let example = Self.examples[index]
    var options = BuildOptions()
    options.dims = example.dims
    options.dtype = dtype
    let path = Repository.file("Examples/\(example.name).mix").path
    let report = try Compilation(path: path, options: options).verify()
    #expect(report.verdict == .verified, "\(report.text)")
  }

  @Test("learn", arguments: examples.indices)
  func learns(index: Int) throws {
    let example = Self.examples[index]
    let url = Repository.file("Examples/\(example.name).mix")
    let run = try SpecRunner(String(contentsOf: url, encoding: .utf8))
    var learned: [String: [Double]] = [:]
    var losses: [Double] = []
    for _ in 0..<10 {
      let found = try run(.metaGradient, learned)
      losses.append(try #require(found["loss"]?.first))
      let metas = try run.drawn(.metaGradient)
      for (name, gradient) in found where name.hasPrefix("grad.") {
        // The gradients of an only meta tree are called after its leaves alone.
        let suffix = String(name.dropFirst("grad.".count))
        let meta = metas[suffix] == nil ? "eta.\(suffix)" : suffix
        let value = try #require(learned[meta] ?? metas[meta])
        learned[meta] = zip(value, gradient).map { $0 - example.rate * $1 }
      }
    }
    #expect(!learned.isEmpty)
    #expect(losses[9] < losses[0], "\(losses)")
  }
}
