// SPDX-License-Identifier: Apache-2.0
//
// Objects by a C compiler that is run as a program: the same values as by LLVM in this process, and
// one error, with nothing left behind, for every way in which it can fail.

import Diagnostics
import Glibc
import MixFuseShared
import Testing

@testable import Toolchain

@Suite("C compilers of the user's choice")
struct CCompilerTests {
  /// The compilers that this machine has.
  static let installed = ["clang-19", "gcc"].filter { ExternalTools().path(of: $0) != nil }

  /// A script in the place of a compiler, in a folder of its own.
  private func script(_ text: String, in folder: TemporaryFolder) throws -> CCompiler {
    _ = try folder.write("#!/bin/sh\n\(text)\n", as: "cc")
    return try CCompiler("\(folder.path)/cc")
  }

  @Test("an object links and runs, and no file is left", arguments: installed)
  func objects(command: String) throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/libaffine.so"
    let units = try compile([affineKernel], for: .host(), with: CCompiler(command))
    try linkSharedLibrary(units, to: path)
    let x: [Float] = [1, 2, 3, 4, 5]
    #expect(try LoadedLibrary(path).call("affine", x) == x.map { 3 * $0 + 1 })
  }

  @Test("the words after the program come first, and are part of the fingerprint")
  func words() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("#!/bin/sh\necho \"$@\" > \(folder.path)/said\nexit 1\n", as: "tool")
    let compiler = try CCompiler("\(folder.path)/tool cc --quiet")
    #expect(throws: ToolchainError.self) {
      try compile([affineKernel], for: .host(), with: compiler)
    }
    let said = String(decoding: try #require(readRegularFile("\(folder.path)/said")), as: UTF8.self)
    #expect(said.hasPrefix("cc --quiet -x c - -c -o "))
    #expect(said.contains(" -O3 "))
    #expect(try compiler.fingerprint().first == "\(folder.path)/tool cc --quiet")
  }

  @Test(
    "a command that names no program is the user's error",
    arguments: ["", "no-such-cc", "/no/cc"])
  func missing(command: String) {
    #expect(throws: ToolchainError.compilerMissing(command: command)) { try CCompiler(command) }
    #expect(ToolchainError.compilerMissing(command: command).category == .userError)
  }

  @Test("what a failing compiler says is passed on")
  func failure() throws {
    let folder = try TemporaryFolder()
    let compiler = try script("echo 'I know no vectors' >&2; exit 3", in: folder)
    let expected = ToolchainError.compilerFailed(
      command: "\(folder.path)/cc", name: affineKernel.name, output: "I know no vectors\n")
    #expect(throws: expected) {
      try compile([affineKernel], for: .host(), with: compiler)
    }
  }

  @Test("a compiler that says nothing and leaves no object is not believed")
  func silence() throws {
    let folder = try TemporaryFolder()
    let compiler = try script("exit 0", in: folder)
    let expected = ToolchainError.toolResult(
      tool: "\(folder.path)/cc", found: "0 bytes", expected: "an ELF object")
    #expect(throws: expected) {
      try compile([affineKernel], for: .host(), with: compiler)
    }
  }

  @Test("a function that needs too much stack is refused", arguments: installed)
  func stack(command: String) throws {
    let source = CSource(
      name: "deep.c",
      text: """
        void use(char *); void deep(void) { char room[100000]; use(room); use(room + 1); }
        """)
    do {
      _ = try compile([source], for: .host(), with: CCompiler(command))
      Issue.record("compiled")
    } catch let error {
      #expect(error.id == "toolchain.stack")
      #expect(error.details.joined().contains("100"))
    }
  }
}
