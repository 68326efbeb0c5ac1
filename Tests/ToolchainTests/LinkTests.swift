// SPDX-License-Identifier: Apache-2.0
//
// Linking and writing: both linkers, and every way in which the last step to disk can fail. Each
// failure must be one error, leave nothing behind and keep the file that was there.

import Diagnostics
import Glibc
import MixFuseShared
import Testing

@testable import Toolchain

@Suite("Linking")
struct LinkTests {
  private func objects() throws -> [CompiledUnit] { try compile([affineKernel], for: .host()) }

  /// A folder of programs in which `ld.bfd` is the given shell script.
  private func linkerScript(_ script: String, in folder: TemporaryFolder) throws -> ExternalTools {
    _ = try folder.write("#!/bin/sh\n\(script)\n", as: "ld.bfd")
    return ExternalTools(searchPath: [folder.path])
  }

  @Test("both linkers make a library that loads, without paths or build ids", arguments: 0...1)
  func linkers(choice: Int) throws {
    let programs = try TemporaryFolder()
    let name = ["ld.bfd", "ld.lld-19"][choice]
    let found = ["/usr/bin", "/usr/lib/llvm-19/bin"].map { "\($0)/\(name)" }
    guard let program = found.first(where: { access($0, X_OK) == 0 }) else {
      return  // One of the two is enough for MixFuse, so a machine may lack the other.
    }
    symlink(program, "\(programs.path)/\(name)")
    let tools = ExternalTools(searchPath: [programs.path])

    let folder = try TemporaryFolder()
    let path = "\(folder.path)/libaffine.so"
    try linkSharedLibrary(try objects(), to: path, tools: tools)
    #expect(folder.contents() == ["libaffine.so"])
    #expect(try LoadedLibrary(path).call("affine", [1, 2]) == [4, 7])

    let text = String(decoding: try #require(readRegularFile(path)), as: UTF8.self)
    #expect(text.contains("libaffine.so"))
    #expect(!text.contains(folder.path))
    #expect(!text.contains("/dev/fd"))
    #expect(!text.contains(".note.gnu.build-id"))
  }

  @Test("a symbol that nobody defines is a bug of the compiler, named with its unit")
  func undefinedSymbol() throws {
    let source = CSource(name: "caller.c", text: "void absent(void);\nvoid f(void) { absent(); }\n")
    let units = try compile([source], for: .host())
    do {
      _ = try linkSharedLibrary(units, name: "libcaller.so")
      Issue.record("linked")
    } catch let error {
      #expect(error.id == "toolchain.link-failed")
      #expect(error.category == .compilerBug)
      #expect(error.details.joined().contains("caller.c"))
      #expect(error.details.joined().contains("undefined reference to `absent'"))
    }
  }

  /// C with an entry point that copies, and calls `function` of libm if there is one.
  private func systemCaller(_ function: String?) -> CSource {
    CSource(
      name: "system.c",
      text: """
        #include <math.h>
        #include <string.h>
        __attribute__((visibility("default")))
        void entry(const float *x, float *y, long count) {
          memmove(y, x, (unsigned long)count * sizeof(float));
          \(function.map { "y[0] = \($0)(x[0]);" } ?? "")
        }

        """)
  }

  @Test("functions of libc are found")
  func systemLibrary() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/libsystem.so"
    try linkSharedLibrary(try compile([systemCaller(nil)], for: .host()), to: path)
    #expect(try LoadedLibrary(path).call("entry", [3, 4])[1] == 4)
  }

  @Test("functions of libm are refused: a library needs nothing but libc")
  func mathematicalLibrary() throws {
    let units = try compile([systemCaller("lgammaf")], for: .host())
    let error = #expect(throws: ToolchainError.self) {
      try linkSharedLibrary(units, name: "libsystem.so")
    }
    #expect(error?.id == "toolchain.link-failed")
    #expect(error?.details.joined().contains("undefined reference to `lgammaf'") == true)
  }

  @Test("a missing linker is reported with the package that brings it")
  func missingLinker() throws {
    let units = try objects()
    #expect(
      throws: ToolchainError.toolMissing(
        tool: "a linker (ld.bfd or ld.lld-19)", package: "binutils")
    ) {
      try linkSharedLibrary(units, name: "lib.so", tools: ExternalTools(searchPath: ["/nowhere"]))
    }
  }

  @Test("a linker that dies leaves nothing and keeps the old library")
  func dyingLinker() throws {
    let programs = try TemporaryFolder()
    let folder = try TemporaryFolder()
    let path = try folder.write("old", as: "libaffine.so")
    let tools = try linkerScript("echo 'half a library' >&2; kill -9 $$", in: programs)
    let units = try objects()
    #expect(
      throws: ToolchainError.linkFailed(
        linker: "\(programs.path)/ld.bfd", output: "half a library\n")
    ) {
      try linkSharedLibrary(units, to: path, tools: tools)
    }
    #expect(folder.contents() == ["libaffine.so"])
    #expect(readRegularFile(path) == Array("old".utf8))
  }

  @Test(
    "a linker that says nothing and leaves no library is not believed",
    arguments: [
      ("exit 0", "an empty file"),
      ("echo hello > \"$out\"", "6 bytes that are no ELF shared library"),
      (
        "/usr/bin/ld.bfd \"$@\"; head -c 3000 \"$out\" > /tmp/cut.$$; cat /tmp/cut.$$ > \"$out\"; "
          + "truncate -s 3000 \"$out\"; rm /tmp/cut.$$",
        "an ELF shared library that is damaged or cut off at 3000 bytes"
      ),
    ])
  func silentLinker(script: String, found: String) throws {
    guard access("/usr/bin/ld.bfd", X_OK) == 0 else { return }
    let programs = try TemporaryFolder()
    let folder = try TemporaryFolder()
    let path = try folder.write("old", as: "libaffine.so")
    let output =
      "for argument; do test \"$last\" = -o && out=\"$argument\"; last=\"$argument\"; done\n"
    let tools = try linkerScript(output + script, in: programs)
    let units = try objects()
    #expect(
      throws: ToolchainError.toolResult(
        tool: "\(programs.path)/ld.bfd", found: found, expected: "the shared library")
    ) {
      try linkSharedLibrary(units, to: path, tools: tools)
    }
    #expect(folder.contents() == ["libaffine.so"])
    #expect(readRegularFile(path) == Array("old".utf8))
  }

  @Test("a library is checked for its symbols, and one that was cut off anywhere is damaged")
  func libraryCheck() throws {
    let library = try linkSharedLibrary(
      try objects(), name: "libaffine.so", exports: ["affine"])
    #expect(sharedLibraryFault(library, exports: ["affine"]) == nil)
    #expect(
      sharedLibraryFault(library, exports: ["affine", "absent"])
        == "a library without the symbol absent")
    // Undefined symbols are no exports.
    #expect(sharedLibraryFault(library, exports: [""]) != nil)
    for count in 0..<library.count {
      #expect(sharedLibraryFault(Array(library.prefix(count)), exports: ["affine"]) != nil)
    }
    // No change of a byte makes the check itself fail.
    for position in library.indices {
      var damaged = library
      damaged[position] ^= 0xff
      _ = sharedLibraryFault(damaged, exports: ["affine"])
    }
  }

  @Test("a linker that cannot be started is reported with the reason")
  func unusableLinker() throws {
    let programs = try TemporaryFolder()
    _ = try programs.write("#!/no/such/interpreter\n", as: "ld.bfd")
    let units = try objects()
    #expect(
      throws: ToolchainError.programUnusable(
        path: "\(programs.path)/ld.bfd", reason: "no such file or directory")
    ) {
      try linkSharedLibrary(
        units, name: "lib.so", tools: ExternalTools(searchPath: [programs.path]))
    }
  }

  @Test("a folder that is missing, or is a file, is the user's mistake")
  func unwritable() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("", as: "file")
    let units = try objects()
    let cases = [
      ("\(folder.path)/missing/lib.so", "no such file or directory"),
      ("\(file)/lib.so", "not a directory"),
    ]
    for (path, reason) in cases {
      let expected = ToolchainError.fileUnwritable(path: path, reason: reason)
      #expect(expected.category == .userError)
      #expect(throws: expected) { try linkSharedLibrary(units, to: path) }
    }
    #expect(folder.contents() == ["file"])
  }
}
