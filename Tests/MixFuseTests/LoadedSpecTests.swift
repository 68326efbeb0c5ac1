// SPDX-License-Identifier: Apache-2.0
//
// A spec is read once by all compilations that share it, and elaborated once for each choice of sizes
// and float type.

import Diagnostics
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("loaded specs")
struct LoadedSpecTests {
  /// A spec with one warning, in two files.
  private static func write(to folder: URL) throws -> String {
    let texts = [
      "model.mix": "func loss(w: [n], x: [n]) -> [] { return sum(square(w - x)) }",
      "spec.mix": """
      spec loaded
      import "model.mix"
      dim n = 4, steps = 2, spare = 3
      params theta { w: [n] }
      meta lr: [] ~ constant(0.1)
      inner(x: [n]) { minimize loss(theta.w, x) by sgd(rate: lr) for steps }
      outer(y: [n]) { minimize loss(theta.w, y) }
      """,
    ]
    for (name, text) in texts {
      try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }
    return folder.appending(path: "spec.mix").path
  }

  /// Puts something in the place of both files that is no spec.
  private static func damage(_ folder: URL) throws {
    for name in ["spec.mix", "model.mix"] {
      try "no spec".write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }
  }

  @Test("what is in the files after the first look makes no difference, and one elaboration does")
  func readOnce() throws {
    try Repository.withTemporaryFolder { folder in
      var options = BuildOptions()
      options.memoryLimit = 1 << 20
      let compilation = Compilation(path: try Self.write(to: folder), options: options)
      _ = try compilation.parsed()
      try Self.damage(folder)
      let fitting = try compilation.fittingMemory(workers: 2)
      _ = try fitting.plan()
      for stage in DumpStage.allCases {
        #expect(try !fitting.dump(stage, entry: nil, afterPass: nil).isEmpty)
      }
      _ = try fitting.build(into: folder.path, cache: nil)
      #expect(compilation.spec.elaborationCount == 1)
      #expect(fitting.spec === compilation.spec)
      #expect(compilation.diagnostics.diagnostics.map(\.id) == ["unused"])
    }
  }

  @Test("verification elaborates once for each choice of dims, and what it tries is no message")
  func verification() throws {
    try Repository.withTemporaryFolder { folder in
      let compilation = Compilation(path: try Self.write(to: folder), options: BuildOptions())
      _ = try compilation.parsed()
      try Self.damage(folder)
      var request = VerificationRequest()
      request.usesCache = false
      request.threads = 1
      #expect(try compilation.verify(request).isVerified)
      let count = compilation.spec.elaborationCount
      // Its own dims, in f32 and perhaps in f64, and one more of each dim.
      #expect((4...5).contains(count))
      #expect(try compilation.verify(request).isVerified)
      #expect(compilation.spec.elaborationCount == count)
      // Too large for the interpreter: smaller dims are tried.
      request.interpreterBudget = 0
      _ = try compilation.verify(request)
      #expect(compilation.spec.elaborationCount > count)
      #expect(compilation.diagnostics.diagnostics.map(\.id) == ["unused"])
    }
  }

  @Test("sizes, presets and float types are elaborated apart")
  func choices() throws {
    try Repository.withTemporaryFolder { folder in
      let spec = LoadedSpec(path: try Self.write(to: folder))
      var sizes: [Int] = []
      for (n, dtype) in [(5, DType.f32), (6, .f32), (5, .f64), (5, .f32)] {
        var options = BuildOptions()
        options.dims = ["n": n]
        options.dtype = dtype
        let problem = try Compilation(spec, options: options).problem()
        #expect(problem.dtype == dtype)
        sizes.append(problem.theta[0].type.elementCount)
      }
      #expect(sizes == [5, 6, 5, 5])
      #expect(spec.elaborationCount == 3)
    }
  }

  @Test("errors are said again to each that asks, and once to each collector")
  func errors() throws {
    try Repository.withTemporaryFolder { folder in
      var options = BuildOptions()
      options.dims = ["m": 1]
      let compilation = Compilation(path: try Self.write(to: folder), options: options)
      let other = compilation.trying(options)
      for failing in [compilation, compilation, compilation.with(options), other] {
        #expect(throws: CompilationFailure.self) { try failing.problem() }
      }
      #expect(compilation.spec.elaborationCount == 1)
      #expect(compilation.diagnostics.diagnostics.map(\.id) == ["dimension.unknown"])
      #expect(other.diagnostics.diagnostics.map(\.id) == ["dimension.unknown"])
      // A choice that fails is no obstacle to one that does not.
      options.dims = [:]
      #expect(try compilation.trying(options).problem().name == "loaded")
    }
  }

  @Test("a sweep elaborates once for all derivations, and says a warning once")
  func sweep() throws {
    try Repository.withTemporaryFolder { folder in
      let path = try Self.write(to: folder)
      let request = SweepRequest(
        specs: [path], presets: [], dims: [(name: "steps", sizes: [1, 2, 3])])
      let report = try request.run { _ in }
      #expect(report.arenaBytes.count == 3)
      #expect(report.warningText.components(separatedBy: "[unused]").count == 2)
    }
  }
}
