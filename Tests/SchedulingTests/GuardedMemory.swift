// SPDX-License-Identifier: Apache-2.0
//
// What a generated library is called with: arrays between guard bytes and pages that nobody may
// touch, and a `mixfuse_parallel` that runs its iterations on threads.

import Dispatch
import Foundation
import Interpreter
import TensorIR

/// Memory aligned as an arena must be, with guard bytes on both sides and beyond them pages that stop
/// the process when read or written; freed with the last reference.
final class GuardedBlock {
  private static let guardCount = 64
  private static let guardByte: UInt8 = 0xA5

  private static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))

  /// The guards and what is between them.
  private let memory: UnsafeMutableRawBufferPointer
  private let pages: UnsafeMutableRawBufferPointer
  let byteCount: Int

  /// A block of bytes that are all the same.
  init(byteCount: Int, filledWith byte: UInt8) {
    self.byteCount = byteCount
    let size = byteCount + 2 * Self.guardCount
    // The end lies as near to the page behind it as alignment allows.
    let inner = (size + Self.pageBytes - 1) / Self.pageBytes * Self.pageBytes
    let whole = inner + 2 * Self.pageBytes
    let mapped = mmap(nil, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapped, mapped != MAP_FAILED,
      mprotect(mapped + Self.pageBytes, inner, PROT_READ | PROT_WRITE) == 0
    else { preconditionFailure("no memory for a test") }
    pages = UnsafeMutableRawBufferPointer(start: mapped, count: whole)
    let start = Self.pageBytes + (inner - size) / 64 * 64
    memory = UnsafeMutableRawBufferPointer(rebasing: pages[start..<(start + size)])
    for index in memory.indices { memory[index] = Self.guardByte }
    for index in 0..<byteCount { memory[Self.guardCount + index] = byte }
  }

  convenience init(bytes: [UInt8]) {
    self.init(byteCount: bytes.count, filledWith: 0)
    for (index, byte) in bytes.enumerated() { memory[Self.guardCount + index] = byte }
  }

  deinit { munmap(pages.baseAddress, pages.count) }

  /// The first byte inside the guards.
  var start: UnsafeMutableRawPointer {
    guard let base = memory.baseAddress else { preconditionFailure("a block is never empty") }
    return base + Self.guardCount
  }

  var bytes: [UInt8] { Array(memory[Self.guardCount..<(Self.guardCount + byteCount)]) }

  /// Whether the guards are as they were.
  var isIntact: Bool {
    let guards = [memory.prefix(Self.guardCount), memory.suffix(Self.guardCount)]
    return guards.joined().allSatisfy { $0 == Self.guardByte }
  }
}

extension NumericArray {
  /// The elements as the library stores them.
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

/// `body(arguments, index, worker)` of `mf_parallel_for`.
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

/// Calls `body` with a `mixfuse_parallel` of so many workers. Which worker runs an index depends on
/// the index alone, so that a test fails the same way each time.
func withParallelCalls<Result>(workers: Int, _ body: (UnsafeRawPointer) -> Result) -> Result {
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
