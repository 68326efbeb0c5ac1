// SPDX-License-Identifier: Apache-2.0
//
// Files that are not what they should be, given to every command that reads: quick and clear errors
// in bounded memory, whatever a file claims.

import Foundation
import MixFuseRuntime
import Testing

@Suite("damaged and hostile input files")
struct InputFileTests {
  /// The command under a limit on its address space (KiB) and on its time.
  private func run(_ place: Workplace, _ arguments: [String]) throws -> CommandResult {
    try place.run(arguments, by: "ulimit -v 2000000; exec timeout 20 \"$@\"")
  }

  /// Runs every command that reads arrays on a file, expecting the user's mistake.
  private func expectErrors(_ place: TrainingPlace, _ file: String, _ texts: String...) throws {
    let library = place.file("library/maml_sinusoid.so")
    let commands = [
      ["run", library, "--inputs", file],
      ["train"] + Workplace.smallSinusoid
        + ["--data", file, "--outer-steps", "1", "--out", place.file("results")],
      ["verify"] + Workplace.smallSinusoid + ["--reference", file],
    ]
    for command in commands {
      let result = try run(place.workplace, command)
      #expect(result.exitCode == 1, "\(command[0]): \(result.errors)")
      #expect(result.errors.hasPrefix("error: "), "\(command[0]): \(result.errors)")
      #expect(result.errors.utf8.count < 2000)
      #expect(
        texts.isEmpty || texts.contains { result.errors.contains($0) },
        "\(command[0]): \(result.errors)")
    }
  }

  @Test("pipes, folders and devices are not read")
  func notFiles() throws {
    let place = try TrainingPlace()
    let library = try place.workplace.buildSinusoid()
    mkfifo(place.file("pipe.npz"), 0o644)
    try expectErrors(place, place.file("pipe.npz"), "is not a regular file")
    try expectErrors(place, "/dev/zero", "is not a regular file")
    try expectErrors(place, place.file("library"), "is a directory")
    for path in [place.file("pipe.npz"), "/dev/zero", place.file("library")] {
      let asLibrary = try run(place.workplace, ["run", path])
      #expect(asLibrary.exitCode == 1)
      let asSpec = try run(place.workplace, ["plan", path])
      #expect(asSpec.exitCode == 1, "\(asSpec.errors)")
      #expect(asSpec.errors.contains("cannot be opened"))
    }
    // A manifest beside the library.
    try FileManager.default.removeItem(atPath: place.file("library/maml_sinusoid.json"))
    mkfifo(place.file("library/maml_sinusoid.json"), 0o644)
    #expect(try run(place.workplace, ["run", library]).exitCode == 1)
    unlink(place.file("library/maml_sinusoid.json"))
    _ = try place.write("", as: "library/maml_sinusoid.json")
    truncate(place.file("library/maml_sinusoid.json"), 8 << 30)
    let large = try run(place.workplace, ["run", library])
    #expect(large.exitCode == 1)
    #expect(large.errors.contains("manifest does not match"))
  }

  /// Writes an archive in which `name` is a deflated array of 3 GiB of zeros, in 3 MB.
  private func writeBomb(_ place: TrainingPlace, _ name: String, shape: String) throws -> String {
    let script = """
      import sys, zipfile
      with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as archive:
          with archive.open(sys.argv[2] + '.npy', 'w', force_zip64=True) as member:
              text = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % sys.argv[3]
              text += ' ' * (117 - len(text)) + '\\n'
              member.write(b'\\x93NUMPY\\x01\\x00' + bytes([len(text), 0]) + text.encode())
              for _ in range(192): member.write(bytes(16 << 20))
      """
    let path = place.file("bomb.npz")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script, path, name, shape]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return path
  }

  @Test(
    "a small archive that inflates to gigabytes costs nothing",
    arguments: [
      ("x_query", "(805306368,)", "x_query"), ("eta.w1", "(805306368,)", "eta.w1"),
      ("other", "(805306368,)", "other"), ("x_query", "(3, 5, 1)", ""),
      ("loss", "(805306368,)", ""),
    ])
  func bomb(name: String, shape: String, text: String) throws {
    let place = try TrainingPlace()
    _ = try place.workplace.buildSinusoid()
    let path = try writeBomb(place, name, shape: shape)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count < 4 << 20)
    try expectErrors(place, path)
  }

  @Test("headers that claim more than there is are damage, quickly")
  func lyingHeaders() throws {
    let place = try TrainingPlace()
    _ = try place.workplace.buildSinusoid()
    func npy(_ shape: String) -> [UInt8] {
      let text = "{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }\n"
      let count = text.utf8.count
      return [0x93] + Array("NUMPY".utf8) + [2, 0]
        + (0..<4).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) } + Array(text.utf8)
    }
    let many = "(" + String(repeating: "1, ", count: 100_000) + ")"
    let cases: [(name: String, bytes: [UInt8])] = [
      ("x_query.npy", npy("(1000000000000,)")), ("x_query.npy", npy("(3, 5, 1)")),
      ("x_query.npy", npy("(9223372036854775807, 9223372036854775807)")),
      ("x_query.npy", npy(many)),
      ("a.safetensors", [0, 0, 0, 128, 0, 0, 0, 0] + Array("{".utf8)),
      ("a.safetensors", [255, 255, 255, 255, 255, 255, 255, 255] + Array("{".utf8)),
      (
        "a.safetensors",
        [200, 0, 0, 0, 0, 0, 0, 0] + Array("{".utf8) + [UInt8](repeating: 0x5b, count: 200)
      ), ("a.npz", Array("PK".utf8)), ("a.npz", []),
    ]
    for (name, bytes) in cases {
      try Data(bytes).write(to: URL(fileURLWithPath: place.file(name)))
      try expectErrors(place, place.file(name))
      unlink(place.file(name))
    }
    // A header of 2 GB that is really there.
    try Data([0, 0, 0, 128, 0, 0, 0, 0] + Array("{".utf8)).write(
      to: URL(fileURLWithPath: place.file("large.safetensors")))
    truncate(place.file("large.safetensors"), 3 << 30)
    try expectErrors(place, place.file("large.safetensors"), "header of at most 10000000 bytes")
  }

  @Test("a conversion that would lose a value is refused")
  func conversions() throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    func errors(_ array: NDArray) throws -> String {
      let inputs = try place.sinusoidInputs(replacing: ["x_query": array])
      let result = try place.run("run", library, "--inputs", inputs, "--convert")
      #expect(result.exitCode == 1)
      return result.errors
    }
    func values<Element: ArrayElement>(_ value: Element, _ rest: Element) throws -> NDArray {
      try NDArray([Element](repeating: rest, count: 14) + [value], shape: [3, 5, 1])
    }
    #expect(
      try errors(values(1e300, 1.0))
        .contains("x_query: cannot convert f64 to f32: 1e+300 at [2, 4, 0] does not fit"))
    #expect(
      try errors(values(-3.5e38, 1.0)).contains("-3.5e+38 at [2, 4, 0] does not fit"))
    // Rounding is what converting to f32 is for.
    let fine = try place.sinusoidInputs(
      replacing: ["x_query": values(0.1, 1e-300), "y_query": values(Int64(16_777_217), 3)])
    #expect(try place.run("run", library, "--inputs", fine, "--convert").exitCode == 0)
  }
}
