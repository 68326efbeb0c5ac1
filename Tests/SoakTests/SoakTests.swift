// SPDX-License-Identifier: Apache-2.0
//
// The fixed share of the soak: some cases of every kind, with the same seeds each time. `make soak`
// runs the same kinds for as long as one likes, from other seeds.

import Foundation
import Testing

@Suite("Soak")
struct SoakTests {
  /// The folder of the test bundle, and so of the executables.
  private static let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  @Test(
    "the fixed cases of a kind all pass",
    arguments: [
      "specs", "specs-f32", "differences", "programs", "front-end", "graph-text",
      "problem-text", "arrays",
      "manifests", "checkpoints", "commands", "kills", "disks",
    ])
  func share(kind: String) throws {
    let result = try Self.soak("--share", "--kinds", kind)
    #expect(result.status == 0, "\(result.output)")
  }

  @Test("a worker that dies, hangs or finds something wrong is seen, and its case is kept")
  func failuresAreSeen() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("mixfuse-soak-test-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let result = try Self.soak("--share", "--kinds", "self-test", "--failures", folder.path)
    #expect(result.status == 1)
    let row = result.output.split(separator: "\n").last { $0.hasPrefix("self-test ") } ?? ""
    // Cases, passed, skipped, mismatches, crashes, hangs.
    #expect(
      row.split(separator: " ").dropFirst().map(String.init) == ["6", "1", "1", "2", "1", "1"])
    let kept = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(kept == ["self-test-3", "self-test-4", "self-test-5", "self-test-6"])
    for name in kept {
      let command = folder.appendingPathComponent("\(name)/command.txt")
      #expect(try String(contentsOf: command, encoding: .utf8).contains("--repeat self-test"))
      let kept = folder.appendingPathComponent("\(name)/case.txt")
      #expect(FileManager.default.fileExists(atPath: kept.path))
    }
  }

  private static func soak(_ arguments: String...) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = products.appendingPathComponent("mixfuse-soak")
    process.arguments = arguments
    if !arguments.contains("--failures") {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("soak-failures")
      process.arguments = arguments + ["--failures", folder.path]
    }
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
