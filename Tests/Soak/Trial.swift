// SPDX-License-Identifier: Apache-2.0
//
// What a trial is: one kind of case, of which there is one for every seed. A case runs in a worker
// process (`Worker.swift`), so it may crash, hang or eat memory: the supervisor (`Supervisor.swift`)
// sees that and counts it. To add a kind, write a type below `Trials/` and add it to `allTrials`.

import Diagnostics
import Foundation
import MixFuse

/// How a case ended that came to an end.
enum Verdict: Sendable {
  case passed
  /// Nothing could be said, and why.
  case skipped(String)
  /// Something is wrong, and what.
  case failed(String)
}

/// A kind of trial.
protocol Trial: Sendable {
  /// A word, for the command line and the table.
  var name: String { get }
  /// What is tried, in a few words.
  var purpose: String { get }
  /// A case that takes longer, in seconds, counts as hanging.
  var secondLimit: Double { get }
  /// A worker that holds more memory after a case, in bytes, counts as failed.
  var byteLimit: Int { get }
  /// How many cases `--share` runs, the fixed part of this kind in `make test`.
  var share: Int { get }
  /// The files that make up a case, kept beside the report if it fails.
  func files(seed: UInt64) throws -> [CaseFile]
  /// Runs a case.
  ///
  /// - Parameter place: a folder of the case's own, in which its files lie.
  /// - Throws: anything; an error that is thrown is a failure.
  func run(seed: UInt64, in place: Place) throws -> Verdict
}

extension Trial {
  /// Runs a case. Of random specs, in which sizes are numbers, a few take two dimensions that are equal
  /// for one size; the compiler refuses them, and nothing is to be tried.
  ///
  /// - Throws: as `run`.
  func verdict(seed: UInt64, in place: Place) throws -> Verdict {
    do {
      return try run(seed: seed, in: place)
    } catch let failure as CompilationFailure {
      let errors = failure.diagnostics.diagnostics.filter { $0.severity == .error }.map(\.id)
      guard Set(errors) == ["shape.dimension"] else { throw failure }
      return .skipped("two dimensions are taken for one size")
    }
  }

  var secondLimit: Double { 60 }
  var byteLimit: Int { 2 << 30 }
}

/// A file of a case.
struct CaseFile: Sendable {
  let name: String
  let bytes: [UInt8]

  init(_ name: String, _ bytes: [UInt8]) { (self.name, self.bytes) = (name, bytes) }

  init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }
}

/// A folder of a case.
struct Place: Sendable {
  let path: String

  /// The path of a file in the folder.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file, without care for power cuts.
  @discardableResult
  func write(_ file: CaseFile) throws -> String {
    let path = self.file(file.name)
    try Data(file.bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// The bytes of a file, if there is one.
  func bytes(_ name: String) -> [UInt8]? {
    FileManager.default.contents(atPath: file(name)).map(Array.init)
  }

  /// The names in a folder below this one, hidden ones included.
  func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: file(folder))) ?? []).sorted()
  }

  /// A new folder for one case.
  static func new() throws -> Place {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("mixfuse-soak-\(getpid())-\(UInt32.random(in: 0 ... .max))").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return Place(path: path)
  }

  /// Removes what a worker that died has left.
  static func removeAll(of process: Int32) {
    let folder = FileManager.default.temporaryDirectory.path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where name.hasPrefix("mixfuse-soak-\(process)-") {
      Place(path: "\(folder)/\(name)").remove()
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// All kinds, in the order of the table.
let allTrials: [any Trial] = [
  SpecTrial(), SinglePrecisionTrial(), DifferenceTrial(), ProgramTrial(), SanitizerTrial(),
  FrontEndTrial(), GraphTextTrial(), ProblemTextTrial(), ArrayFileTrial(), ManifestTrial(),
  CheckpointTrial(), CommandTrial(), KillTrial(), DiskTrial(), SelfTrial(),
]

/// Where the repository is: seeds and C sources are read from there.
enum Repository {
  static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  static func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(path)")))
  }

  static func text(_ path: String) throws -> String {
    String(decoding: try bytes(path), as: UTF8.self)
  }

  /// The files of a folder, in alphabetical order, as paths in the repository.
  static func files(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)").sorted()
      .map { "\(folder)/\($0)" }
  }
}
