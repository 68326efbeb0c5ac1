// SPDX-License-Identifier: Apache-2.0
//
// The schedules of whole problems, verified after every pass: all examples, all entry points, at widths of
// vectors that give other kernels and other packings, and random specs.

import Diagnostics
import Differentiation
import Foundation
import Kernels
import Scheduling
import TestSupport
import Testing

@testable import MixFuse

@Suite("Schedules of whole problems")
struct ScheduleTests {
  private static let examples = [
    "maml_sinusoid", "mnist1d_lr", "digits_reweighting", "chinchilla_maml",
    "chinchilla_learning_lr", "chinchilla_loss_weighting",
  ]

  private func check(_ compilation: Compilation, _ name: String, widths: [Int]) throws {
    let problem = try compilation.problem()
    for entry in EntryPoint.allCases {
      let graph = try compilation.optimized(compilation.derived(entry, of: problem))
      for width in widths {
        var count = 0
        let program = compilation.scheduled(
          entry, graph, of: problem, on: Machine(vectorBytes: width)
        ) { pass, schedule in
          count += 1
          let faults = schedule.faults()
          #expect(
            faults.isEmpty,
            "\(name), \(entry.rawValue), \(width) bytes, after \(pass.name): \(faults)")
        }
        #expect(count == SchedulePass.pipeline.count)
        #expect(!program.steps.isEmpty)
      }
    }
  }

  @Test("nothing is wrong with the schedules of the examples after any pass", arguments: examples)
  func valid(_ name: String) throws {
    try check(
      PlanTests.compilation("Examples/\(name).mix"), name, widths: [16, 32, 64])
  }

  @Test("nothing is wrong with the schedules of random specs after any pass")
  func randomSpecs() throws {
    var refused = 0
    try Repository.withTemporaryFolder { folder in
      for seed in UInt64(0)..<24 {
        let spec = RandomSpec(seed: 91_000 + seed)
        let path = folder.appending(path: "\(spec.name).mix")
        try Data(spec.text.utf8).write(to: path)
        let compilation = Compilation(path: path.path, options: BuildOptions())
        do {
          try check(compilation, spec.name, widths: [32])
        } catch let failure as CompilationFailure {
          // A spec may use two sizes as one that are equal by chance.
          #expect(failure.diagnostics.diagnostics.map(\.id) == ["shape.dimension"])
          refused += 1
        }
      }
    }
    #expect(refused <= 2)
  }
}
