// SPDX-License-Identifier: Apache-2.0
//
// Programs as machine code, called under hard conditions: every array and the arena lie against a
// page that cannot be touched, before or after them; inputs cannot be written; outputs and arena
// hold rubbish. A step outside is a SIGSEGV, which the supervisor sees.

import CEmission
import Foundation
import Interpreter
import Kernels
import Scheduling
import TensorIR
import Toolchain

/// A library of some programs.
final class GuardedLibrary {
  let programs: [Program]
  private let name: String
  private let handle: UnsafeMutableRawPointer

  /// Compiles and loads.
  ///
  /// - Throws: `ToolchainError`, `CallFailure`.
  init(_ programs: [Program], named name: String, in place: Place) throws {
    self.programs = programs
    self.name = name
    let target = TargetDescription.host()
    let library = emitLibrary(named: name, entryPoints: programs, banner: [])
    let sources = library.units(count: 2).enumerated().map {
      CSource(name: "\(name)_\($0).c", text: $1)
    }
    let path = place.file("\(name).so")
    try linkSharedLibrary(try compile(sources, for: target), to: path)
    guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      throw CallFailure(description: dlerror().map { String(cString: $0) } ?? "dlopen")
    }
    self.handle = handle
  }

  deinit { dlclose(handle) }

  private typealias EntryPoint =
    @convention(c) (
      UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, UnsafeRawPointer?
    ) -> Int32

  /// The outputs of program `index`.
  ///
  /// - Parameters:
  ///   - side: on which side of the arrays the closed page lies.
  ///   - workers: 1 for a call without any.
  /// - Throws: `CallFailure` if the status is not 0.
  func call(
    _ index: Int, _ inputs: [NumericArray], side: GuardedPages.Side, workers: Int
  ) throws -> [NumericArray] {
    let program = programs[index]
    guard let symbol = dlsym(handle, "\(name)_\(program.name)") else {
      throw CallFailure(description: "there is no entry point \(program.name)")
    }
    let function = unsafeBitCast(symbol, to: EntryPoint.self)
    let inputPages = inputs.map { input -> GuardedPages in
      let bytes = input.storedBytes
      let pages = GuardedPages(byteCount: bytes.count, side: side)
      bytes.withUnsafeBytes { pages.bytes.copyMemory(from: $0) }
      pages.forbidWriting()
      return pages
    }
    let outputPages = program.outputs.map {
      GuardedPages(byteCount: $0.type.byteCount, side: side)
    }
    let arena = GuardedPages(
      byteCount: (program.arenaBytes + workers * program.workerArenaBytes + 63) / 64 * 64,
      side: side)
    // Swift lets go of what is not used any more, and here that unmaps it.
    let status = withExtendedLifetime((inputPages, outputPages, arena)) {
      inputPages.map(\.start).withUnsafeBytes { inputs in
        outputPages.map(\.start).withUnsafeBytes { outputs -> Int32 in
          guard let inputs = inputs.baseAddress ?? UnsafeRawPointer(bitPattern: 64),
            let outputs = outputs.baseAddress
          else { return -1 }
          guard workers > 1 else { return function(inputs, outputs, arena.start, nil) }
          return withParallelCalls(workers: workers) {
            function(inputs, outputs, arena.start, $0)
          }
        }
      }
    }
    guard status == 0 else { throw CallFailure(description: "status \(status)") }
    return zip(program.outputs, outputPages).map { output, pages in
      NumericArray(output.type, stored: Array(pages.bytes))
    }
  }
}

extension TargetDescription {
  /// A machine with this one's vectors.
  var soakMachine: Machine { Machine(vectorBytes: vectorBytes) }
}

/// A call that went wrong.
struct CallFailure: Error, CustomStringConvertible {
  let description: String
}

/// Bytes with a page on each side that cannot be touched, full of rubbish.
final class GuardedPages {
  enum Side: CaseIterable { case before, after }

  private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
  private let whole: UnsafeMutableRawPointer
  private let wholeCount: Int
  let start: UnsafeMutableRawPointer
  let bytes: UnsafeMutableRawBufferPointer

  init(byteCount: Int, side: Side) {
    let open = max(1, (byteCount + Self.page - 1) / Self.page) * Self.page
    wholeCount = open + 2 * Self.page
    guard
      let whole = mmap(
        nil, wholeCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), whole != MAP_FAILED
    else { preconditionFailure("no memory for a guarded array") }
    self.whole = whole
    let first = whole + Self.page
    mprotect(first, open, PROT_READ | PROT_WRITE)
    memset(first, 0xFF, open)
    start = side == .before ? first : first + open - byteCount
    bytes = UnsafeMutableRawBufferPointer(start: start, count: byteCount)
  }

  deinit { munmap(whole, wholeCount) }

  func forbidWriting() {
    mprotect(whole + Self.page, wholeCount - 2 * Self.page, PROT_READ)
  }
}

extension NumericArray {
  /// The elements as a library stores them.
  var storedBytes: [UInt8] {
    elements.flatMap { element -> [UInt8] in
      switch type.dtype {
      case .f64: withUnsafeBytes(of: element) { Array($0) }
      case .f32: withUnsafeBytes(of: Float(element)) { Array($0) }
      case .i32: withUnsafeBytes(of: Int32(element)) { Array($0) }
      case .bool: [element != 0 ? 1 : 0]
      }
    }
  }

  /// Reads elements back from `storedBytes`.
  init(_ type: TensorType, stored bytes: [UInt8]) {
    let elements = bytes.withUnsafeBytes { bytes in
      (0..<type.elementCount).map { index -> Double in
        let offset = index * type.dtype.byteCount
        return switch type.dtype {
        case .f64: bytes.loadUnaligned(fromByteOffset: offset, as: Double.self)
        case .f32: Double(bytes.loadUnaligned(fromByteOffset: offset, as: Float.self))
        case .i32: Double(bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        case .bool: bytes[offset] != 0 ? 1 : 0
        }
      }
    }
    self.init(type, elements)
  }
}

// MARK: - Workers

private typealias ParallelBody = @convention(c) (UnsafeMutableRawPointer?, Int64, Int64) -> Void

/// The structure `mixfuse_parallel` of the generated header.
private struct ParallelCalls {
  var run:
    @convention(c) (UnsafeMutableRawPointer?, Int64, ParallelBody?, UnsafeMutableRawPointer?) ->
      Void
  /// Here the number of workers, not an address that anyone follows.
  var context: UnsafeMutableRawPointer?
  var workers: Int64
}

/// Calls `body` with a `mixfuse_parallel` of so many workers.
private func withParallelCalls<Result>(
  workers: Int, _ body: (UnsafeRawPointer) -> Result
) -> Result {
  let calls = ParallelCalls(
    run: { context, count, body, arguments in
      let workers = Int(bitPattern: context)
      nonisolated(unsafe) let arguments = arguments
      DispatchQueue.concurrentPerform(iterations: workers) { worker in
        for index in stride(from: worker, to: Int(count), by: workers) {
          body?(arguments, Int64(index), Int64(worker))
        }
      }
    }, context: UnsafeMutableRawPointer(bitPattern: workers), workers: Int64(workers))
  return withUnsafeBytes(of: calls) { bytes in
    guard let address = bytes.baseAddress else { preconditionFailure("a structure has bytes") }
    return body(address)
  }
}
