// SPDX-License-Identifier: Apache-2.0
//
// The committed output of the compiler in generated/: it is what the compiler writes today, byte by
// byte, and it is C that compiles without a warning and computes what the interpreter says. Built
// for x86-64-v3, so that the bytes do not depend on the machine.
//
// After a change that is meant to change them: MIXFUSE_RECORD=1 swift test --filter Generated. The
// test fails once, having written the files; look at the difference before committing it.

import CEmission
import Differentiation
import Foundation
import Interpreter
import MixFuseRuntime
import TensorIR
import Testing

@testable import MixFuse

@Suite("Generated files")
struct GeneratedTests {
  static let examples = ["maml_sinusoid", "mnist1d_lr"]
  private static let suffixes = [".c", ".h", ".json", ".swift"]

  private static func folder(_ example: String) -> URL {
    Repository.file("generated/\(example)")
  }

  private static func compilation(_ example: String) -> Compilation {
    var options = BuildOptions()
    options.targetCPU = "x86-64-v3"
    return Compilation(path: Repository.file("Examples/\(example).mix").path, options: options)
  }

  @Test("the committed files are what the compiler writes", arguments: examples)
  func unchanged(_ example: String) throws {
    let isRecording = ProcessInfo.processInfo.environment["MIXFUSE_RECORD"] == "1"
    try Repository.withTemporaryFolder { temporary in
      _ = try Self.compilation(example).build(into: temporary.path, cache: nil)
      let committed = Self.folder(example)
      if isRecording {
        try FileManager.default.createDirectory(at: committed, withIntermediateDirectories: true)
      }
      for suffix in Self.suffixes {
        let new = try Data(contentsOf: temporary.appending(path: example + suffix))
        let file = committed.appending(path: example + suffix)
        if isRecording { try new.write(to: file) }
        let old = try Data(contentsOf: file)
        #expect(old == new, "\(Self.firstDifference(old, new, in: file.lastPathComponent))")
      }
      #expect(!isRecording, "recorded generated/\(example); run again without MIXFUSE_RECORD")
    }
  }

  @Test("nothing else is in the folder")
  func noStrays() throws {
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: Repository.file("generated").path)
    #expect(Set(folders).subtracting(["README.md"]) == Set(Self.examples))
    for example in Self.examples {
      let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder(example).path)
      #expect(Set(files) == Set(Self.suffixes.map { example + $0 }))
    }
  }

  @Test(
    "the committed C compiles without a warning and agrees with the interpreter",
    arguments: examples)
  func compilesAndRuns(_ example: String) throws {
    try Repository.withTemporaryFolder { temporary in
      let committed = Self.folder(example)
      let json = try String(
        contentsOf: committed.appending(path: "\(example).json"), encoding: .utf8)
      let manifest = temporary.appending(path: "manifest.c")
      try emitManifestSource(named: example, json: json)
        .write(to: manifest, atomically: true, encoding: .utf8)
      let library = temporary.appending(path: "\(example).so").path
      let result = try Repository.run(
        "clang-19",
        [
          "-std=gnu11", "-O3", "-march=x86-64-v3", "-ffp-contract=fast", "-Wall", "-Wextra",
          "-Werror", "-fPIC", "-shared", "-o", library,
          committed.appending(path: "\(example).c").path, manifest.path, "-lm",
        ])
      #expect(result.status == 0, "\(result.output)")
      try Self.compareWithInterpreter(example, library: library)
    }
  }

  /// Runs every entry point of a library on drawn inputs.
  private static func compareWithInterpreter(_ example: String, library path: String) throws {
    let compilation = compilation(example)
    let problem = try compilation.problem()
    let library = try Library(path: path)
    let pool = try ThreadPool(workers: 2)
    for entry in EntryPoint.allCases {
      let session = try Session(library, entryPoint: entry.rawValue)
      let inputs = try InputSampler(seed: 5).inputs(of: session.entryPoint)
      let found = try session.run(inputs)
      let program = InterpretedProgram(graph: try compilation.derived(entry, of: problem))
      let exact = Computation(method: "", program, pool: pool)
      let judgement = try Judgement(exact, of: problem.dtype, at: inputs)
      let comparisons = try judgement.comparisons(
        of: found, with: judgement.expected, .interpreter, "", entryPoint: entry)
      #expect(comparisons.count == session.entryPoint.outputs.count)
      for comparison in comparisons {
        #expect(
          comparison.outcome == .passed,
          "\(entry.rawValue), \(comparison.array): \(comparison.relativeError)")
      }
    }
  }

  /// The first line that differs, for a message.
  private static func firstDifference(_ old: Data, _ new: Data, in name: String) -> String {
    let lines = [old, new].map {
      String(decoding: $0, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }
    let pairs = zip(lines[0], lines[1]).enumerated()
    guard let (index, (committed, written)) = pairs.first(where: { $1.0 != $1.1 }) else {
      return "\(name): \(lines[0].count) lines committed, \(lines[1].count) written"
    }
    return "\(name):\(index + 1): committed: \(committed)\nwritten: \(written)"
  }
}
