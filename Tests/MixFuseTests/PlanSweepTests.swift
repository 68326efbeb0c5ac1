// SPDX-License-Identifier: Apache-2.0
//
// Presets and sweeps: sizes by name, and plans of many of them.

import Diagnostics
import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Presets and sweeps")
struct PlanSweepTests {
  private static let maml = Repository.file("Examples/chinchilla_maml.mix").path

  private static let tiny = """
    spec tiny
    dim n = 2, m = n * 2, steps = 1
    %
    params theta { w: [n, m] }
    meta eta = theta.initial
    inner(x: [m]) { minimize sum(square(theta.w @ x)) by sgd(rate: 0.1) for steps }
    outer(y: [m]) { minimize sum(square(theta.w @ y)) }
    """

  /// The sizes of the tiny spec with some presets declared, and what was reported.
  private static func sizes(
    _ presets: String, preset: String? = nil, dims: [String: Int] = [:]
  ) throws -> (dims: [String: Int]?, messages: String) {
    try Repository.withTemporaryFolder { folder in
      let file = folder.appending(path: "tiny.mix")
      let text = tiny.replacing("%", with: presets)
      try text.write(to: file, atomically: true, encoding: .utf8)
      var options = BuildOptions()
      options.dims = dims
      options.preset = preset
      let compilation = Compilation(path: file.path, options: options)
      let problem = try? compilation.problem()
      let messages = compilation.diagnostics.rendered()
        .replacing("\(folder.path)/", with: "")
      return (
        problem.map { Dictionary($0.dims.map { ($0.name, $0.value) }) { $1 } }, messages
      )
    }
  }

  @Test("a preset replaces defaults, --set overrules it, and other sizes follow")
  func presets() throws {
    let declared = #"preset "big" { n = 10, steps = 3 } preset "odd" { m = n + 1 }"#
    #expect(try Self.sizes(declared).dims == ["n": 2, "m": 4, "steps": 1])
    #expect(try Self.sizes(declared, preset: "big").dims == ["n": 10, "m": 20, "steps": 3])
    #expect(try Self.sizes(declared, preset: "odd").dims == ["n": 2, "m": 3, "steps": 1])
    let overruled = try Self.sizes(declared, preset: "big", dims: ["n": 7])
    #expect(overruled.dims == ["n": 7, "m": 14, "steps": 3])
    #expect(overruled.messages == "")
  }

  @Test("an unknown preset is an error that lists the known ones")
  func unknownPreset() throws {
    let declared = #"preset "57M" { n = 10 } preset "106M" { n = 20 }"#
    let close = try Self.sizes(declared, preset: "57m")
    #expect(close.dims == nil)
    #expect(
      close.messages == """
        error: the spec has no preset called 57m [preset.unknown]
        help: did you mean 57M? its presets are 57M, 106M

        """)
    let none = try Self.sizes("", preset: "57M")
    #expect(none.messages.contains("help: it has none"))
  }

  @Test("mistakes in a preset are found even if it is not chosen")
  func mistakes() throws {
    let unknown = try Self.sizes(#"preset "a" { stpes = 2 }"#)
    #expect(unknown.messages.hasPrefix("tiny.mix:3:14: error: the spec has no dimension called"))
    #expect(unknown.messages.contains("did you mean steps?"))
    let twice = try Self.sizes(#"preset "a" { n = 2, n = 3 }"#)
    #expect(twice.messages.contains("3:21: error: n is declared twice"))
    let repeated = try Self.sizes(#"preset "a" { n = 2 } preset "a" { n = 3 }"#)
    #expect(repeated.messages.contains("the preset a is declared twice"))
    let unnamed = try Self.sizes("preset { n = 2 }")
    #expect(unnamed.dims == nil)
  }

  @Test("the paper's sizes have the numbers of parameters in their names")
  func paperSizes() throws {
    let millions = ["57M": 57, "106M": 106, "163M": 163, "217M": 217, "306M": 306]
    for (preset, expected) in millions {
      var options = BuildOptions()
      options.preset = preset
      let problem = try Compilation(path: Self.maml, options: options).problem()
      // The names count a model without the embedding's table of this vocabulary to about a tenth.
      let embedding = problem.theta[0].type.elementCount
      let count = problem.theta.reduce(0) { $0 + $1.type.elementCount }
      #expect(count - embedding < expected * 1_000_000 * 11 / 10, "\(preset): \(count)")
      #expect(count > expected * 1_000_000 * 9 / 10, "\(preset): \(count)")
    }
  }

  @Test("a sweep plans every combination once, in order, with the ratios of its plans")
  func sweep() throws {
    let request = SweepRequest(
      specs: [Self.maml], presets: [], dims: [("steps", [2, 3]), ("seq", [8, 64])])
    let report = try request.run { _ in }
    #expect(report.points.map(\.sizes) == [[2, 8], [2, 64], [3, 8], [3, 64]])
    let lines = report.csv.split(separator: "\n")
    #expect(
      lines[0] == "spec,preset,steps,seq,standard_none_bytes,standard_block_bytes,"
        + "mixed_block_bytes,standard_none_to_mixed,standard_block_to_mixed")
    #expect(lines.count == 5)
    #expect(lines[2].hasPrefix("chinchilla_maml,,2,64,"))
    // The one plan that a user would ask for has the same arena.
    let single = try PlanTests.compilation(
      "Examples/chinchilla_maml.mix", ["steps": 3, "seq": 64]
    ).plan([.metaGradient]).entryPoints[0]
    #expect(report.arenaBytes[3][SweepDerivation.mixed.rawValue] == single.totalBytes(workers: 1))
    for ratio in report.ratios(of: .standardWithoutRematerialization) { #expect(ratio >= 1) }
    #expect(isWellFormed(svg: report.svg))
  }

  @Test("an error in one configuration ends the sweep")
  func sweepError() {
    let request = SweepRequest(
      specs: [Self.maml], presets: ["57M", "no such size"], dims: [("steps", [2])])
    #expect(throws: CompilationFailure.self) { try request.run { _ in } }
  }
}
