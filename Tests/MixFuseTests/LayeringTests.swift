// SPDX-License-Identifier: Apache-2.0
//
// The layers of the compiler, held to three texts that must agree: the table below, the targets in
// Package.swift, and the `import` lines of every source file.
// SwiftPM's own import check was found to check nothing, so the files are read.

import Foundation
import Testing

@Suite("Layering")
struct LayeringTests {
  /// What each target may import of ours, in the order of the pipeline.
  static let layers: [(target: String, mayImport: Set<String>)] = [
    ("MixFuseShared", []),
    ("Diagnostics", ["MixFuseShared"]),
    ("SpecLanguage", ["Diagnostics"]),
    ("TensorIR", ["MixFuseShared"]),
    ("Kernels", ["MixFuseShared", "TensorIR"]),
    ("Elaboration", ["Diagnostics", "MixFuseShared", "SpecLanguage", "TensorIR"]),
    ("Interpreter", ["MixFuseShared", "TensorIR"]),
    ("Differentiation", ["Kernels", "TensorIR"]),
    ("Optimization", ["Kernels", "TensorIR"]),
    ("Scheduling", ["Kernels", "MixFuseShared", "TensorIR"]),
    ("CTemplates", []),
    ("CEmission", ["CTemplates", "Kernels", "MixFuseShared", "Scheduling", "TensorIR"]),
    ("CLLVM", []),
    ("Toolchain", ["CLLVM", "Diagnostics", "MixFuseShared"]),
    (
      "MixFuse",
      [
        "CEmission", "Diagnostics", "Differentiation", "Elaboration", "Interpreter", "Kernels",
        "MixFuseRuntime", "MixFuseShared", "Optimization", "Scheduling", "SpecLanguage", "TensorIR",
        "Toolchain",
      ]
    ),
    ("CMixFuseThreads", []),
    ("CZlib", []),
    ("MixFuseRuntime", ["CMixFuseThreads", "CZlib", "MixFuseShared"]),
    ("mixfuse", ["MixFuse", "MixFuseRuntime", "MixFuseShared"]),
    (
      "mixfuse-kernel-bench",
      [
        "CEmission", "Differentiation", "Kernels", "MixFuse", "MixFuseShared", "Optimization",
        "Scheduling", "TensorIR",
      ]
    ),
    (
      "mixfuse-soak",
      [
        "CEmission", "Diagnostics", "Differentiation", "Interpreter", "Kernels", "MixFuse",
        "MixFuseRuntime", "Scheduling", "TensorIR", "Toolchain",
      ]
    ),
  ]

  /// Where the sources of a target are, unless in a folder of its name.
  static let paths = [
    "CTemplates": "Templates", "mixfuse": "Sources/mixfuse-command",
    "mixfuse-kernel-bench": "Benchmarks/kernels/Emitter", "mixfuse-soak": "Tests/Soak",
  ]

  @Test("every import of a target is one its layer may make", arguments: layers.map(\.target))
  func imports(of target: String) throws {
    let ours = Set(Self.layers.map(\.target))
    let allowed = Self.layers.first { $0.target == target }?.mayImport ?? []
    let folder = Repository.file(Self.paths[target] ?? "Sources/\(target)")
    for file in try Repository.files(under: folder, extension: "swift") {
      for (line, module) in try Self.imports(in: file) where ours.contains(module) {
        #expect(
          allowed.contains(module), "\(file.lastPathComponent):\(line): import \(module)")
      }
    }
  }

  @Test("Package.swift gives every target the dependencies of its layer and no others")
  func manifest() throws {
    let text = try String(contentsOf: Repository.file("Package.swift"), encoding: .utf8)
    let start = try #require(text.range(of: "  targets: ["))
    let targets = Self.targets(in: text[start.upperBound...])
    for (target, mayImport) in Self.layers {
      let dependencies = try #require(targets[target], "\(target) is not in Package.swift")
      #expect(dependencies == mayImport, "\(target)")
    }
    let unknown = Set(targets.keys).subtracting(Self.layers.map(\.target))
      .filter { !$0.hasPrefix("Test") && !$0.hasSuffix("Tests") }
    #expect(unknown.isEmpty, "targets without a layer: \(unknown)")
  }

  @Test("every folder of Sources is a target")
  func folders() throws {
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: Repository.file("Sources").path)
    let known = Self.layers.map { Self.paths[$0.target] ?? "Sources/\($0.target)" }
    #expect(Set(folders.map { "Sources/\($0)" }).isSubset(of: known))
  }

  @Test("what users ship imports no Foundation, which is five times its size")
  func noFoundation() throws {
    for target in ["MixFuseShared", "MixFuseRuntime"] {
      for file in try Repository.files(
        under: Repository.file("Sources/\(target)"), extension: "swift")
      {
        for (line, module) in try Self.imports(in: file) {
          #expect(!module.hasPrefix("Foundation"), "\(file.lastPathComponent):\(line)")
        }
      }
    }
  }

  // MARK: Reading

  /// The imported modules with their line numbers.
  private static func imports(in file: URL) throws -> [(line: Int, module: String)] {
    let words: Set<Substring> = [
      "public", "package", "internal", "fileprivate", "private", "@testable", "@preconcurrency",
      "@_exported",
    ]
    let text = try String(contentsOf: file, encoding: .utf8)
    return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
      index, line in
      var parts = line.split(separator: " ")[...]
      while let first = parts.first, words.contains(first) { parts.removeFirst() }
      guard parts.popFirst() == "import", let module = parts.last else { return nil }
      return (index + 1, String(module.prefix { $0 != "." }))
    }
  }

  /// The targets of ours by name with their dependencies, from the calls in the manifest. In a call
  /// the first string is the name, and only targets of ours are strings of their own in the rest.
  private static func targets(in text: Substring) -> [String: Set<String>] {
    let ours = Set(layers.map(\.target))
    let code = text.split(separator: "\n").map { line in
      line.range(of: "//").map { line[..<$0.lowerBound] } ?? line
    }.joined(separator: "\n")
    let calls = code.matches(of: /(?:\.target|\.executableTarget|\.systemLibrary|stage|tests)\(/)
    var targets: [String: Set<String>] = [:]
    for (index, call) in calls.enumerated() {
      let end = index + 1 < calls.count ? calls[index + 1].range.lowerBound : code.endIndex
      let body = code[call.range.upperBound..<end]
      let strings = body.matches(of: /"([^"]*)"/).map { String($0.1) }
      guard let name = strings.first else { continue }
      let isTest = call.output.hasPrefix("tests")
      targets[isTest ? "\(name)Tests" : name] = Set(strings.dropFirst()).intersection(ours)
    }
    return targets
  }
}
