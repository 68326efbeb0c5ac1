// SPDX-License-Identifier: Apache-2.0
//
// Damaged texts: specs through the whole compiler up to C, graphs through their parser, whole
// problems through theirs, manifests, too. Each must be taken or refused, and a refusal must be the user's mistake or a known
// limitation, never a bug of the compiler.

import CEmission
import Diagnostics
import Differentiation
import Foundation
import MixFuse
import MixFuseRuntime
import TensorIR
import TestSupport
import Toolchain

/// Specs.
struct FrontEndTrial: Trial {
  let name = "front-end"
  let purpose = "damaged specs through the compiler, up to C"
  let secondLimit = 30.0
  let share = 150

  func files(seed: UInt64) throws -> [CaseFile] {
    var generator = SeededGenerator(seed: seed)
    let original = try Self.original(&generator)
    if generator.chance(0.3) {
      let others = Array(RandomSpec(seed: seed &+ 1).text.utf8)
      return [CaseFile("spec.mix", generator.damaged(Array(original.utf8), others: others))]
    }
    let others = words(of: RandomSpec(seed: seed &+ 1).text)
    let slips = generator.withSlips(words(of: original), others: others)
    return [CaseFile("spec.mix", slips.joined())]
  }

  /// A random spec, one of the seeds, an example, or a spec with the prelude in it.
  private static func original(_ generator: inout SeededGenerator) throws -> String {
    let random = RandomSpec(seed: UInt64.random(in: 0..<100_000, using: &generator)).text
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: return try Repository.text(generator.choose(Repository.files(in: "Tests/Seeds/specs")))
    case 1:
      let examples = ["maml_sinusoid", "mnist1d_lr", "digits_reweighting"]
      return try Repository.text("Examples/\(generator.choose(examples)).mix")
    case 2:
      let preludes = try Repository.files(in: "Sources/SpecLanguage/Prelude")
      return try random + "\n" + Repository.text(generator.choose(preludes))
    default: return random
    }
  }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    var options = BuildOptions()
    var generator = SeededGenerator(seed: seed &+ 3)
    options.derivation = generator.derivationOptions()
    let compilation = Compilation(path: place.file("spec.mix"), options: options)
    do {
      let problem = try compilation.problem()
      guard problem.size <= 20_000_000 else { return .passed }
      let programs = try compilation.programs(
        of: problem, on: TargetDescription.host().soakMachine, entries: [.metaGradient])
      let library = emitLibrary(
        named: problem.name, entryPoints: programs, banner: [])
      return library.source.isEmpty ? .failed("no C came out") : .passed
    } catch {
      let report = FailureReport(error)
      return report.exitCode <= 2 ? .passed : .failed(report.text)
    }
  }
}

extension MetaProblem {
  /// The elements of all values of its losses: how much work to expect.
  fileprivate var size: Int {
    [innerLoss, outerLoss, update].flatMap(\.types).reduce(0) { sum, type in
      let (total, overflow) = sum.addingReportingOverflow(type.elementCount)
      return overflow ? .max / 2 : min(total, .max / 2)
    }
  }
}

/// The text of graphs.
struct GraphTextTrial: Trial {
  let name = "graph-text"
  let purpose = "damaged graphs through their parser and checker"
  let secondLimit = 20.0
  let share = 300

  func files(seed: UInt64) throws -> [CaseFile] {
    var generator = SeededGenerator(seed: seed)
    let graph = RandomProgram(seed: seed % 5000, nodes: generator.choose([5, 20])).graph
    // Every fourth is left whole.
    guard !seed.isMultiple(of: 4) else { return [CaseFile("graph.txt", graph.text)] }
    if generator.chance(0.5) {
      return [CaseFile("graph.txt", generator.damaged(Array(graph.text.utf8)))]
    }
    let slips = generator.withSlips(words(of: graph.text), others: ["%0", "f64[2]", "loop", "pad"])
    return [CaseFile("graph.txt", slips.joined())]
  }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    let text = String(decoding: place.bytes("graph.txt") ?? [], as: UTF8.self)
    let graph: Graph
    do {
      graph = try Graph(parsing: text)
    } catch let error as GraphParseError {
      return seed.isMultiple(of: 4) ? .failed("a whole graph is refused: \(error)") : .passed
    }
    let problems = graph.problems()
    guard problems.isEmpty else {
      return seed.isMultiple(of: 4) ? .failed(problems.joined(separator: "\n")) : .passed
    }
    let again = try Graph(parsing: graph.text)
    return again.text == graph.text ? .passed : .failed("printed and read again it is another")
  }
}

/// Whole problems.
struct ProblemTextTrial: Trial {
  let name = "problem-text"
  let purpose = "damaged files of graphs through the compiler, up to C"
  let secondLimit = 30.0
  let share = 150

  func files(seed: UInt64) throws -> [CaseFile] {
    var generator = SeededGenerator(seed: seed)
    let spec = RandomSpec(seed: UInt64.random(in: 0..<100_000, using: &generator))
    let text = try Self.text(of: spec)
    // Every fourth is left whole.
    guard !seed.isMultiple(of: 4) else { return [CaseFile("problem.graphs", text)] }
    if generator.chance(0.5) {
      return [CaseFile("problem.graphs", generator.damaged(Array(text.utf8)))]
    }
    let others = ["%0", "f32[2]", "loop", "batched", "9223372036854775807", "state", "reads"]
    let slips = generator.withSlips(words(of: text), others: others)
    return [CaseFile("problem.graphs", slips.joined())]
  }

  private static func text(of spec: RandomSpec) throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mixfuse-soak-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "spec.mix")
    try spec.text.write(to: path, atomically: true, encoding: .utf8)
    return try Compilation(path: path.path, options: BuildOptions())
      .dump(.ir, entry: nil, afterPass: nil)
  }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    let compilation = Compilation(path: place.file("problem.graphs"), options: BuildOptions())
    do {
      let problem = try compilation.problem()
      let text = try compilation.dump(.ir, entry: nil, afterPass: nil)
      let again = try ProblemFile(parsing: text)
      guard again.problem.text(source: again.source) == text else {
        return .failed("printed and read again it is another")
      }
      guard problem.size <= 20_000_000 else { return .passed }
      let programs = try compilation.programs(
        of: problem, on: TargetDescription.host().soakMachine, entries: [.metaGradient])
      let library = emitLibrary(named: problem.name, entryPoints: programs, banner: [])
      return library.source.isEmpty ? .failed("no C came out") : .passed
    } catch {
      let report = FailureReport(error)
      if seed.isMultiple(of: 4) { return .failed("a whole file is refused: \(report.text)") }
      return report.exitCode <= 2 ? .passed : .failed(report.text)
    }
  }
}

/// Manifests.
struct ManifestTrial: Trial {
  let name = "manifests"
  let purpose = "damaged manifests through their reader"
  let secondLimit = 20.0
  let byteLimit = 1 << 30
  let share = 300

  func files(seed: UInt64) throws -> [CaseFile] {
    var generator = SeededGenerator(seed: seed)
    let name = generator.choose(["maml_sinusoid", "mnist1d_lr"])
    let bytes = try Repository.bytes("generated/\(name)/\(name).json")
    if generator.chance(0.5) { return [CaseFile("manifest.json", generator.damaged(bytes))] }
    let text = String(decoding: bytes, as: UTF8.self)
    return [CaseFile("manifest.json", generator.withSlips(words(of: text), others: []).joined())]
  }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    let text = String(decoding: place.bytes("manifest.json") ?? [], as: UTF8.self)
    do {
      let manifest = try Manifest(text: text, path: "manifest.json")
      // What a session asks of it before anything else.
      for entry in manifest.entryPoints {
        _ = entry.arenaBytes(workers: 3)
        for array in entry.inputs where array.shape.reduce(1.0, { $0 * Double($1) }) < 1e6 {
          _ = try? InputSampler(seed: 1).draw(array)
        }
      }
      return .passed
    } catch {
      return FailureReport(error).exitCode == 1 ? .passed : .failed("\(error)")
    }
  }
}
