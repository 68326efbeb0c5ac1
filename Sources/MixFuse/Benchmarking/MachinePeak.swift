// SPDX-License-Identifier: Apache-2.0
//
// What the machine can do at most, measured now: multiply-adds on registers and a copy of memory, on
// one core and on all workers. The loops are C (Templates/runtime/mf_machine_peak.h), compiled for
// the same CPU by the same tools as a library.

import CEmission
import Foundation
import MixFuseRuntime
import TensorIR
import Toolchain

/// The speed of the machine on one core, or on all.
package struct MachinePeak: Sendable {
  /// Floating-point operations per second, a multiply-add counted as two.
  package let flopsPerSecond: Double
  /// Bytes read and written per second by a copy that no cache holds.
  package let bytesPerSecond: Double
}

/// The loops, loaded.
struct MachineLoops {
  private typealias Copy =
    @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer, Int64) -> Void

  private let products: @Sendable (Int64) -> Double
  private let copy: Copy
  private let handle: UnsafeMutableRawPointer

  /// Compiles and loads the loops for a CPU.
  ///
  /// - Cost: about 100 ms.
  /// - Throws: `ToolchainError`, `RuntimeError`.
  init(dtype: DType, for target: TargetDescription, in folder: String) throws {
    let helper = "mf_machine_peak"
    let text = RuntimeHelpers.closure(of: [helper]).map { RuntimeHelpers.text(of: $0) }
    let source = CSource(name: "\(helper).c", text: text.joined(separator: "\n"))
    try createFolder(folder)
    let path = "\(folder)/\(helper).so"
    try linkSharedLibrary(try compile([source], for: target), to: path)
    let name = dtype == .f64 ? "mf_peak_products_f64" : "mf_peak_products_f32"
    guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL), let products = dlsym(handle, name),
      let copy = dlsym(handle, "mf_peak_copy")
    else {
      let reason = dlerror().map { String(cString: $0) } ?? "a symbol is missing"
      throw RuntimeError.libraryUnloadable(path: path, reason: reason)
    }
    self.handle = handle
    self.copy = unsafeBitCast(copy, to: Copy.self)
    if dtype == .f64 {
      typealias Products = @convention(c) (Int64, UnsafeMutablePointer<Double>) -> Double
      let function = unsafeBitCast(products, to: Products.self)
      self.products = { rounds in
        var sink = 0.5
        return function(rounds, &sink)
      }
    } else {
      typealias Products = @convention(c) (Int64, UnsafeMutablePointer<Float>) -> Double
      let function = unsafeBitCast(products, to: Products.self)
      self.products = { rounds in
        var sink: Float = 0.5
        return function(rounds, &sink)
      }
    }
  }

  /// Rounds of multiply-adds in one measurement: a few milliseconds.
  private static let rounds: Int64 = 4_000_000
  /// Bytes that all workers copy at most, and that one does: more than a cache holds.
  private static let allCopyBytes = 512 << 20
  private static let workerCopyBytes = 64 << 20
  /// Measurements, of which the best counts.
  private static let repetitions = 7

  /// Measures the workers of a pool together.
  func measure(_ pool: ThreadPool) -> MachinePeak {
    let copyBytes = min(Self.workerCopyBytes, Self.allCopyBytes / pool.workers)
    let blocks = (0..<pool.workers).map { _ in
      Blocks(
        from: .allocate(byteCount: copyBytes, alignment: 4096),
        to: .allocate(byteCount: copyBytes, alignment: 4096))
    }
    defer {
      for block in blocks {
        block.from.deallocate()
        block.to.deallocate()
      }
    }
    for block in blocks { memset(block.from, 1, copyBytes) }
    let (products, copy) = (products, copy)
    var (bestProducts, bestCopy) = (Double.infinity, Double.infinity)
    for _ in 0..<Self.repetitions {
      let watch = Stopwatch()
      pool.forEach(pool.workers) { _, _ in _ = products(Self.rounds) }
      bestProducts = min(bestProducts, watch.seconds)
      let copyWatch = Stopwatch()
      pool.forEach(pool.workers) { index, _ in
        copy(blocks[index].to, blocks[index].from, Int64(copyBytes))
      }
      bestCopy = min(bestCopy, copyWatch.seconds)
    }
    let operations = products(1) * Double(Self.rounds) * Double(pool.workers)
    return MachinePeak(
      flopsPerSecond: operations / bestProducts,
      bytesPerSecond: 2 * Double(copyBytes * pool.workers) / bestCopy)
  }

  /// Memory that one worker copies. Each worker uses its own, so sharing the pointers is safe.
  private struct Blocks: @unchecked Sendable {
    let from: UnsafeMutableRawPointer, to: UnsafeMutableRawPointer
  }
}
