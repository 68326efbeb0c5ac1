// SPDX-License-Identifier: Apache-2.0
//
// A generated library in the hands of others: a Swift package that depends on `MixFuseRuntime` alone
// and uses the generated binding, a C program that includes the generated header, and Python with
// ctypes. All get the same inputs and must give the same bits as a `Session` here.

import Foundation
import MixFuse
import MixFuseRuntime
import Testing

@Suite("Clients")
struct ClientTests {
  /// A library with inputs and the results expected of every client.
  private struct Fixture {
    let folder: URL
    let library: String
    let inputs: NamedArrays
    let outputs: NamedArrays

    init(in folder: URL) throws {
      self.folder = folder
      let spec = Repository.file("Examples/maml_sinusoid.mix").path
      library = try Compilation(path: spec, options: BuildOptions())
        .build(into: folder.path, cache: nil).library
      let session = try Session(Library(path: library))
      inputs = try InputSampler(seed: 11).inputs(of: session.entryPoint)
      outputs = try session.run(inputs)
    }

    /// The bytes of arrays, one after the other.
    static func bytes(_ arrays: NamedArrays) -> Data {
      arrays.reduce(into: Data()) { data, item in
        item.array.withUnsafeBytes { data.append(contentsOf: $0) }
      }
    }

    /// Writes the inputs, calls `body` with that file and one for the outputs, and compares them.
    func check(_ body: (_ inputs: String, _ outputs: String) throws -> Void) throws {
      let paths = ["inputs.bin", "outputs.bin"].map { folder.appending(path: $0) }
      try Self.bytes(inputs).write(to: paths[0])
      try body(paths[0].path, paths[1].path)
      #expect(try Data(contentsOf: paths[1]) == Self.bytes(outputs))
    }
  }

  @Test("a C program with the generated header gets the same bits, in any order of execution")
  func cClient() throws {
    try Repository.withTemporaryFolder { folder in
      let fixture = try Fixture(in: folder)
      let program = folder.appending(path: "client").path
      let build = try Repository.run(
        "clang-19",
        [
          "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-I", folder.path, "-o", program,
          Repository.file("Tests/Clients/CClient/client.c").path, fixture.library,
        ])
      #expect(build.status == 0, "\(build.output)")
      try fixture.check { inputs, outputs in
        let result = try Repository.run(
          program, [inputs, outputs], environment: ["LD_LIBRARY_PATH": folder.path])
        #expect(result.status == 0, "\(result.output)")
      }
    }
  }

  @Test("Python with ctypes gets the same bits")
  func pythonClient() throws {
    try Repository.withTemporaryFolder { folder in
      let fixture = try Fixture(in: folder)
      try fixture.check { inputs, outputs in
        let client = Repository.file("Tests/Clients/PythonClient/client.py").path
        let result = try Repository.run("python3", [client, fixture.library, inputs, outputs])
        #expect(result.status == 0, "\(result.output)")
      }
    }
  }

  @Test("a Swift package with the runtime alone gets the same bits; 1,000 steps keep memory flat")
  func runtimeClient() throws {
    try Repository.withTemporaryFolder { folder in
      let fixture = try Fixture(in: folder)
      let package = Repository.file("Tests/Clients/RuntimeClient")
      let scratch = Repository.file(".build-clients").path
      let options = ["--package-path", package.path, "--scratch-path", scratch, "-c", "release"]
      let build = try Repository.run("swift", ["build"] + options)
      #expect(build.status == 0, "\(build.output)")
      let bin = try Repository.run("swift", ["build", "--show-bin-path"] + options).output
        .trimmingCharacters(in: .whitespacesAndNewlines)
      // A client needs no LLVM: nothing that includes its headers was compiled.
      let built = try FileManager.default.contentsOfDirectory(atPath: "\(bin)/Modules")
      let modules = Set(built.filter { $0.hasSuffix(".swiftmodule") })
      #expect(
        modules == [
          "MixFuseRuntime.swiftmodule", "MixFuseShared.swiftmodule", "RuntimeClient.swiftmodule",
        ])
      #expect(!FileManager.default.fileExists(atPath: "\(bin)/CLLVM.build"))

      let inputs = folder.appending(path: "inputs.npz").path
      let outputs = folder.appending(path: "outputs.npz").path
      try ArrayFile.write(fixture.inputs, to: inputs)
      let run = try Repository.run(
        "\(bin)/RuntimeClient", [fixture.library, inputs, outputs, "1000"])
      #expect(run.status == 0, "\(run.output)")
      #expect(try ArrayFile.read(outputs) == fixture.outputs)
      let numbers = run.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
      try #require(numbers.count == 2)
      #expect(numbers[0] > 0)
      #expect(numbers[1] - numbers[0] <= 256 << 10, "resident bytes: \(numbers)")
    }
  }
}
