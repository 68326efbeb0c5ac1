// SPDX-License-Identifier: Apache-2.0
//
// What the tests of this target share: a folder that goes away, a loaded library, and the C text
// of a small kernel with vector types, as generated libraries have.

import Glibc
import MixFuseShared

@testable import Toolchain

/// A folder of its own under the system's temporary folder, removed with the value.
final class TemporaryFolder {
  /// Its absolute path.
  let path: String

  /// Creates the folder.
  init() throws {
    var template = Array("/tmp/mixfuse-toolchain-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp failed") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in contents() { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// The names of all files in the folder, hidden ones too, sorted.
  func contents() -> [String] {
    guard let handle = opendir(path) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let item = readdir(handle) {
      let name = withUnsafePointer(to: &item.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: Int(item.pointee.d_reclen)) {
          String(cString: $0)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Writes a text file, executable so that it can stand in for a program.
  func write(_ text: String, as name: String) throws -> String {
    let path = "\(path)/\(name)"
    try AtomicFile.write([
      AtomicFile.Content(path: path, bytes: Array(text.utf8), isExecutable: true)
    ])
    return path
  }
}

/// Something a test needs that could not be had.
struct TestFailure: Error, CustomStringConvertible {
  /// What was missing or wrong.
  let description: String

  /// Says what was missing or wrong.
  init(_ description: String) { self.description = description }
}

/// A shared library opened for a test and closed with the value.
final class LoadedLibrary {
  private let handle: UnsafeMutableRawPointer

  /// Loads the library at `path`, with every symbol resolved.
  init(_ path: String) throws {
    guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      throw TestFailure(dlerror().map { String(cString: $0) } ?? "dlopen failed")
    }
    self.handle = handle
  }

  deinit { dlclose(handle) }

  /// Whether the library exports `symbol`.
  func exports(_ symbol: String) -> Bool { dlsym(handle, symbol) != nil }

  /// Calls `void symbol(const float *x, float *y, int64_t count)`.
  func call(_ symbol: String, _ x: [Float]) throws -> [Float] {
    typealias Kernel =
      @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64) -> Void
    guard let address = dlsym(handle, symbol) else { throw TestFailure("no symbol \(symbol)") }
    let kernel = unsafeBitCast(address, to: Kernel.self)
    var y = [Float](repeating: 0, count: x.count)
    kernel(x, &y, Int64(x.count))
    return y
  }
}

/// `y = 3 x + 1`, written with vectors of eight; exports `affine`, and `helper` is internal.
let affineKernel = CSource(
  name: "affine.c",
  text: """
    #include <stdint.h>

    typedef float v8f __attribute__((ext_vector_type(8), aligned(4)));

    static v8f helper(v8f x) {
      return x * 3.0f + 1.0f;
    }

    __attribute__((visibility("default")))
    void affine(const float *restrict x, float *restrict y, int64_t count) {
      int64_t i = 0;
      for (; i + 8 <= count; i += 8) {
        *(v8f *)(y + i) = helper(*(const v8f *)(x + i));
      }
      for (; i < count; i++) {
        y[i] = x[i] * 3.0f + 1.0f;
      }
    }

    """)
