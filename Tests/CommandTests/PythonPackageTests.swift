// SPDX-License-Identifier: Apache-2.0
//
// The Python package's own tests (Python/tests), run by the interpreter that `make python-environment`
// prepared, with the command that was just built.

import Foundation
import Testing

@Suite("Python package")
struct PythonPackageTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  private static let python = root.appending(path: ".build/python/bin/python").path

  @Test(
    "its tests pass",
    .enabled(
      if: FileManager.default.isExecutableFile(atPath: python),
      "make python-environment installs what they need"))
  func tests() throws {
    // The tests of imports are in f64 throughout: a process of their own.
    try run("--ignore=importing", in: "Python/tests")
    try run("-m 'not slow'", in: "Python/tests/importing")
  }

  private func run(_ choice: String, in folder: String) throws {
    let place = try Workplace()
    let tests = Self.root.appending(path: folder).path
    let options = "-q -p no:cacheprovider \(choice)"
    let script = "cd '\(tests)' && MIXFUSE=\"$1\" exec '\(Self.python)' -m pytest \(options)"
    let result = try place.run([], by: script)
    #expect(result.exitCode == 0, "\(result.output)\n\(result.errors)")
    #expect(result.output.contains(" passed"), "\(result.output)")
  }
}
