// SPDX-License-Identifier: Apache-2.0
//
// Generated C in the hands of other compilers than LLVM in this process: gcc must take it without a
// warning and compute the same, C and C++ programs must be able to include its header, and a machine
// without any headers must be able to compile it.

import CEmission
import Foundation
import MixFuseRuntime
import TensorIR
import Testing

@testable import MixFuse

@Suite("Other compilers")
struct OtherCompilerTests {
  /// Specs with products of all forms, windows, loops, attention, checks and random numbers.
  static let examples = [
    "actor_critic", "chinchilla_maml", "distillation", "few_shot_convolution", "graph_network",
    "lstm_copy", "maml_sinusoid", "pinn",
  ]

  private static func build(_ example: String, cpu: String, in folder: URL) throws -> BuildResult {
    var options = BuildOptions()
    options.dtype = .f64
    options.targetCPU = cpu
    return try Compilation(
      path: Repository.file("Examples/\(example).mix").path, options: options
    ).build(into: folder.path, cache: nil)
  }

  private static func gcc(_ arguments: [String]) throws {
    let warnings = ["-Wall", "-Wextra", "-Werror"]
    let result = try Repository.run("gcc", ["-std=gnu11"] + warnings + arguments)
    #expect(result.status == 0, "\(result.output)")
  }

  @Test("gcc compiles it without a warning to a library with the same results", arguments: examples)
  func gccComputesTheSame(_ example: String) throws {
    try Repository.withTemporaryFolder { folder in
      let built = try Self.build(example, cpu: "x86-64-v3", in: folder)
      let json = try String(
        contentsOf: folder.appending(path: "\(example).json"), encoding: .utf8)
      let manifest = folder.appending(path: "manifest.c")
      try emitManifestSource(named: example, json: json)
        .write(to: manifest, atomically: true, encoding: .utf8)
      let library = folder.appending(path: "gcc_\(example).so").path
      try Self.gcc([
        "-O2", "-march=x86-64-v3", "-ffp-contract=fast", "-fno-math-errno", "-fPIC", "-shared",
        "-o", library, folder.appending(path: "\(example).c").path, manifest.path,
      ])
      for entry in ["hvp", "meta_gradient"] {
        let ours = try Session(Library(path: built.library), entryPoint: entry)
        let theirs = try Session(Library(path: library), entryPoint: entry)
        let inputs = try InputSampler(seed: 7).inputs(of: ours.entryPoint)
        let (expected, found) = (try ours.run(inputs), try theirs.run(inputs))
        #expect(expected.count > 0)
        for (name, array) in expected {
          let error = try Self.relativeError(array, #require(found[name]))
          #expect(error <= 1e-9, "\(entry), \(name): \(error)")
        }
      }
    }
  }

  /// The relative error of an array in the norm, by its values in f64.
  private static func relativeError(_ expected: NDArray, _ found: NDArray) throws -> Double {
    guard expected.elementType == .float64 else { return expected == found ? 0 : .infinity }
    let (expected, found) = (expected.doubles(), found.doubles())
    try #require(expected.count == found.count)
    let difference = zip(expected, found).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let size = expected.reduce(0) { $0 + $1 * $1 }
    return difference == 0 ? 0 : (difference / max(size, .leastNonzeroMagnitude)).squareRoot()
  }

  @Test("gcc compiles it for every width of vectors", arguments: ["x86-64", "x86-64-v4"])
  func widths(_ cpu: String) throws {
    for example in ["few_shot_convolution", "maml_sinusoid"] {
      try Repository.withTemporaryFolder { folder in
        _ = try Self.build(example, cpu: cpu, in: folder)
        let source = folder.appending(path: "\(example).c").path
        try Self.gcc(["-O1", "-march=\(cpu)", "-c", "-o", "/dev/null", source])
      }
    }
  }

  @Test("a machine without headers can compile it", arguments: ["gcc", "clang-19"])
  func noHeaders(_ compiler: String) throws {
    try Repository.withTemporaryFolder { folder in
      _ = try Self.build("maml_sinusoid", cpu: "x86-64-v3", in: folder)
      for file in ["maml_sinusoid.c", "maml_sinusoid.h"] {
        let result = try Repository.run(
          compiler,
          [
            "-std=gnu11", "-ffreestanding", "-nostdinc", "-march=x86-64-v3", "-fsyntax-only", "-x",
            "c", folder.appending(path: file).path,
          ])
        #expect(result.status == 0, "\(result.output)")
      }
    }
  }

  @Test(
    "the header is C11 and C++17 to the letter, beside <stdint.h> and <cstdint>",
    arguments: [
      ["gcc", "-std=c11", "-x", "c"], ["clang-19", "-std=c11", "-x", "c"],
      ["g++", "-std=c++17", "-x", "c++"], ["clang++-19", "-std=c++17", "-x", "c++"],
    ])
  func header(_ command: [String]) throws {
    try Repository.withTemporaryFolder { folder in
      _ = try Self.build("graph_network", cpu: "x86-64-v3", in: folder)
      let include = "#include \"graph_network.h\"\n"
      for text in [include, "#include <stdint.h>\n\(include)#include <inttypes.h>\n\(include)"] {
        let source = folder.appending(path: "client")
        try text.write(to: source, atomically: true, encoding: .utf8)
        let result = try Repository.run(
          command[0],
          Array(command.dropFirst())
            + ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", source.path])
        #expect(result.status == 0, "\(result.output)")
      }
    }
  }
}
