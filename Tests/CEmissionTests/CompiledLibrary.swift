// SPDX-License-Identifier: Apache-2.0
//
// Compiles C text with the compiler that generated libraries are meant for and loads the result
// into the test process, so that tests of emitted C run it rather than look at it.

import Foundation

/// A shared library made from C text. It stays loaded while the tests run, so that functions taken
/// from it stay valid; its files are removed at once.
struct CompiledLibrary {
  /// What went wrong, with the compiler's words.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// What the compiler printed: warnings and the remarks that `flags` asked for.
  let remarks: String
  private let handle: UnsafeMutableRawPointer

  /// Flags for 64-byte vectors where this machine has them, else for the common subset.
  static func machineFlags(vectorBytes: Int) -> [String] {
    #if arch(x86_64)
      let features = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
      return vectorBytes == 64 && features.contains("avx512f")
        ? ["-march=x86-64-v4", "-mprefer-vector-width=512"] : ["-march=x86-64-v3"]
    #else
      return ["-mcpu=native"]
    #endif
  }

  /// Compiles and loads `text`.
  ///
  /// Warnings are errors, but for -Wpsabi: vectors wider than the machine's are passed by value
  /// only between functions local to one file.
  init(_ text: String, flags: [String]) throws {
    let name = "mixfuse-test-\(UUID().uuidString)"
    let folder = FileManager.default.temporaryDirectory.appending(path: name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appending(path: "test.c")
    let library = folder.appending(path: "test.so")
    try text.write(to: source, atomically: false, encoding: .utf8)
    let common = [
      "-std=gnu11", "-ffp-contract=fast", "-fno-math-errno", "-fPIC", "-shared", "-Wall", "-Wextra",
      "-Werror",
      "-Wno-psabi",
    ]
    let (status, output) = try Self.run(
      ["clang-19"] + common + flags + [source.path, "-o", library.path, "-lm"],
      messages: folder.appending(path: "messages.txt"))
    remarks = output
    guard status == 0 else { throw Failure(description: output) }
    guard let handle = dlopen(library.path, RTLD_NOW | RTLD_LOCAL) else {
      throw Failure(description: String(cString: dlerror()))
    }
    self.handle = handle
  }

  /// The exported function `name`, as a C function pointer of type `type`.
  func function<Function>(_ name: String, as type: Function.Type) throws -> Function {
    guard let address = dlsym(handle, name) else {
      throw Failure(description: "there is no symbol \(name)")
    }
    return unsafeBitCast(address, to: type)
  }

  /// Runs a command found in the path; returns its status and what it wrote to standard error,
  /// which goes through the file `messages`: reading a pipe may be interrupted by a signal.
  private static func run(
    _ command: [String], messages: URL
  ) throws -> (status: Int32, output: String) {
    try Data().write(to: messages)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardError = try FileHandle(forWritingTo: messages)
    try process.run()
    process.waitUntilExit()
    let output = try String(contentsOf: messages, encoding: .utf8)
    return (process.terminationStatus, output)
  }
}
