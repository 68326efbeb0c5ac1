// SPDX-License-Identifier: Apache-2.0
//
// Files of graphs in the place of specs: every example goes through one and comes out as the same C.

import Foundation
import MixFuseShared
import TensorIR
import Testing

@testable import MixFuse

@Suite("files of graphs")
struct ProblemFileTests {
  /// All specs of the examples that are problems by themselves.
  static let examples: [String] = {
    let files = (try? Repository.files(under: Repository.file("Examples"), extension: "mix")) ?? []
    return files.map(\.path).filter { path in
      let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      return "\n\(text)".contains("\nspec ")
    }
  }()

  @Test("a spec and what 'dump --stage ir' prints of it are the same problem", arguments: examples)
  func sameText(path: String) throws {
    try Repository.withTemporaryFolder { folder in
      let spec = Compilation(path: path, options: BuildOptions())
      let text = try spec.dump(.ir, entry: nil, afterPass: nil)
      let file = folder.appending(path: "problem.graphs")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let graphs = Compilation(path: file.path, options: BuildOptions())
      #expect(try graphs.dump(.ir, entry: nil, afterPass: nil) == text)
      #expect(try graphs.problem() == spec.problem())
      #expect(try graphs.sourceName() == spec.sourceName())
      #expect(graphs.spec.ownFloatType == .f32)
      #expect(spec.spec.ownFloatType == nil)
    }
  }

  @Test("in either float type", arguments: ["maml_sinusoid", "lstm_copy", "mnist1d_lr", "pinn"])
  func sameLibrary(name: String) throws {
    try Repository.withTemporaryFolder { folder in
      let path = Repository.file("Examples/\(name).mix").path
      let text = try Compilation(path: path, options: BuildOptions())
        .dump(.ir, entry: nil, afterPass: nil)
      // Known by its first word, whatever it is called.
      let file = folder.appending(path: "problem.txt")
      try text.write(to: file, atomically: true, encoding: .utf8)
      for dtype in [DType.f32, .f64] {
        var options = BuildOptions()
        options.dtype = dtype
        let codes = try [path, file.path].map {
          try Compilation(path: $0, options: options).dump(.c, entry: nil, afterPass: nil)
        }
        #expect(codes[0] == codes[1])
      }
    }
  }

  @Test("a file of graphs verifies, as its spec does")
  func verified() throws {
    try Repository.withTemporaryFolder { folder in
      var options = BuildOptions()
      options.dtype = .f64
      options.dims = ["points": 3, "hidden": 3, "tasks": 2]
      let path = Repository.file("Examples/maml_sinusoid.mix").path
      let text = try Compilation(path: path, options: options)
        .dump(.ir, entry: nil, afterPass: nil)
      let file = folder.appending(path: "small.graphs")
      try text.write(to: file, atomically: true, encoding: .utf8)
      options.dims = [:]
      let report = try Compilation(path: file.path, options: options).verify()
      #expect(report.verdict == .verified, "\(report.text)")
    }
  }

  @Test("sizes and presets are fixed, syntax is none, and a fault has a place")
  func messages() throws {
    try Repository.withTemporaryFolder { folder in
      let path = Repository.file("Examples/maml_sinusoid.mix").path
      let text = try Compilation(path: path, options: BuildOptions())
        .dump(.ir, entry: nil, afterPass: nil)
      let file = folder.appending(path: "problem.graphs")
      try text.write(to: file, atomically: true, encoding: .utf8)
      var sized = BuildOptions()
      sized.dims = ["points": 3]
      #expect(Self.report(file, sized).contains("[problem.fixed-size]"))
      var preset = BuildOptions()
      preset.preset = "small"
      #expect(Self.report(file, preset).contains("[problem.no-preset]"))
      #expect(Self.report(file, BuildOptions()).isEmpty)
      #expect(throws: ProblemMessage.self) {
        try Compilation(path: file.path, options: BuildOptions()).parsed()
      }
      try text.replacing("steps 1", with: "steps many").write(
        to: file, atomically: true, encoding: .utf8)
      let fault = Self.report(file, BuildOptions())
      #expect(
        fault.contains("problem.graphs:2:1: error: expected an integer, found 'many'"), "\(fault)")
      #expect(fault.contains("[problem.text]\n2 | problem \"maml_sinusoid\""), "\(fault)")
      try "mixfuse".write(to: file, atomically: true, encoding: .utf8)
      let other = Self.report(file, BuildOptions())
      #expect(other.contains("expected 'mixfuse-problem', found 'mixfuse'"), "\(other)")
    }
  }

  /// What is said of a file; empty if nothing is wrong with it.
  private static func report(_ file: URL, _ options: BuildOptions) -> String {
    do {
      _ = try Compilation(path: file.path, options: options).problem()
      return ""
    } catch { return FailureReport(error).text }
  }
}
