// SPDX-License-Identifier: Apache-2.0
//
// A folder of its own for a test, and small tools for the files in it.

import Foundation

/// A new folder that is removed with the object.
final class TemporaryFolder: Sendable {
  /// The path of the folder.
  let path: String

  /// Creates the folder.
  init() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("mixfuse-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.path
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path of a file in the folder.
  func file(_ name: String) -> String {
    path + "/" + name
  }

  /// Writes a file in the folder and returns its path.
  func write(_ bytes: [UInt8], as name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  /// The names of everything in the folder, hidden files included.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

/// All bytes of a file.
func readBytes(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}
