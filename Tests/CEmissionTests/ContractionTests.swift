// SPDX-License-Identifier: Apache-2.0
//
// Runs emitted contraction kernels and compares them with plain loops: exact sums, nothing read
// or written outside the arrays, the same bits however the work is split. All vector widths are
// tested on every machine; the compiler splits vectors that are wider than the registers.

import CEmission
import Foundation
import Kernels
import MixFuseShared
import Testing

@Suite("contraction kernels")
struct ContractionTests {
  /// Element types and vector bytes.
  static let machines: [(FloatType, Int)] = FloatType.allCases.flatMap {
    element in [16, 32, 64].map { (element, $0) }
  }

  @Test("products of common shapes are exact", arguments: machines)
  func products(_ element: FloatType, _ vectorBytes: Int) throws {
    try check(ContractionCase.products(element), element, vectorBytes)
  }

  @Test("random loops, strides and memory orders are exact", arguments: machines)
  func randomShapes(_ element: FloatType, _ vectorBytes: Int) throws {
    var source = SplitMix64(seed: 20_260 + UInt64(vectorBytes + element.byteCount))
    let cases = (0..<40).map { _ in ContractionCase.random(element, using: &source) }
    try check(cases, element, vectorBytes)
  }

  @Test("kernels use the scratch memory that their plans say, and no more", arguments: machines)
  func scratch(_ element: FloatType, _ vectorBytes: Int) throws {
    let sums = [("nn", 7, 80, 9000), ("tn", 30, 70, 20000), ("nn", 1, 4096, 10000)].map {
      ContractionCase.product($0.0, $0.1, $0.2, $0.3, accumulates: true, element: element)
    }
    let cases = ContractionCase.products(element) + sums
    switch element {
    case .f32:
      try KernelBench<Float>(cases, element: element, vectorBytes: vectorBytes).checkScratch()
    case .f64:
      try KernelBench<Double>(cases, element: element, vectorBytes: vectorBytes).checkScratch()
    }
  }

  @Test("the bits do not depend on how units are split")
  func splits() throws {
    let sizes = [
      ("nn", 37, 90, 50), ("nt", 37, 90, 50), ("nn", 1, 500, 300), ("nt", 1, 77, 300),
      ("nn", 130, 300, 700), ("lane", 10, 7, 30),
    ]
    let cases = sizes.map {
      ContractionCase.product(
        $0.0, $0.1, $0.2, $0.3, batch: $0.0 == "lane" ? 20 : 1, accumulates: false, element: .f32)
    }
    let bench = try KernelBench<Float>(cases, element: .f32, vectorBytes: 32)
    for number in cases.indices {
      let units = bench.plans[number].splitCount
      let whole = try bench.run(number, ranges: [0..<units], whole: false).result
      let backwards = (0..<units).reversed().map { $0..<$0 + 1 }
      let single = try bench.run(number, ranges: backwards, whole: false)
      #expect(single.result.map(\.bitPattern) == whole.map(\.bitPattern), "\(cases[number])")
    }
  }

  @Test("each layout gets the kernel that suits it")
  func strategies() {
    let expected = [
      ("nn", 10, 40, 40, 1, "direct"), ("nt", 10, 40, 40, 1, "packed"),
      ("nt", 1, 256, 256, 1, "dot products"), ("nn", 1, 1, 64, 1, "dot products"),
      ("nn", 1, 4096, 4096, 1, "direct, streaming"), ("lane", 10, 40, 40, 16, "lanes"),
      ("nn", 2048, 2048, 2048, 1, "both operands packed"), ("tn", 40, 40, 10, 25, "direct"),
      ("tn", 2048, 64, 2048, 1, "both operands packed"), ("nn", 50, 10, 50, 1, "direct"),
    ]
    for (layout, m, n, k, batch, strategy) in expected {
      let item = ContractionCase.product(
        layout, m, n, k, batch: batch, accumulates: false, element: .f32)
      let plan = ContractionPlan(item.shape, on: Machine(vectorBytes: 64))
      #expect(plan.strategy == strategy, "\(item)")
      #expect((plan.scratchBytes > 0) == strategy.contains("packed"), "\(item)")
      #expect(item.shape.flops == 2 * m * n * k * batch)
    }
  }

  @Test("the same shape gives the same text")
  func determinism() {
    let shape = ContractionCase.product("nt", 31, 37, 41, accumulates: true, element: .f64).shape
    let plan = ContractionPlan(shape, on: Machine(vectorBytes: 32))
    let first = emitContraction(plan, named: "kernel")
    let second = emitContraction(plan, named: "kernel")
    #expect(first.text == second.text)
    #expect(first.text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  private func check(
    _ cases: [ContractionCase], _ element: FloatType, _ vectorBytes: Int
  ) throws {
    switch element {
    case .f32: try KernelBench<Float>(cases, element: element, vectorBytes: vectorBytes).check()
    case .f64: try KernelBench<Double>(cases, element: element, vectorBytes: vectorBytes).check()
    }
  }
}

/// Compiled kernels of some cases, ready to run.
private final class KernelBench<Real: BinaryFloatingPoint & SIMDScalar> {
  typealias Function =
    @convention(c) (
      UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer, Int64,
      Int64
    ) -> Void
  /// Of a kernel that needs no scratch memory.
  typealias ScratchlessFunction =
    @convention(c) (
      UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, Int64, Int64
    ) -> Void

  let cases: [ContractionCase]
  let plans: [ContractionPlan]
  private let library: CompiledLibrary
  private let functions: [UnsafeMutableRawPointer]

  init(_ cases: [ContractionCase], element: FloatType, vectorBytes: Int) throws {
    self.cases = cases
    let machine = Machine(vectorBytes: vectorBytes)
    plans = cases.map { ContractionPlan($0.shape, on: machine) }
    let kernels = plans.enumerated().map { emitContraction($1, named: "k\($0)") }
    let helpers = RuntimeHelpers.closure(of: Set(kernels.flatMap(\.requiredHelpers)))
    let table = cases.indices.map { number in
      "void *get_k\(number)(void) { return (void *)k\(number); }\n"
        + cases[number].reference(named: "reference_k\(number)")
    }
    let text =
      "#include <stdint.h>\n" + helpers.map(RuntimeHelpers.text(of:)).joined(separator: "\n")
      + kernels.map(\.text).joined() + table.joined()
    let library = try CompiledLibrary(
      text, flags: ["-O2"] + CompiledLibrary.machineFlags(vectorBytes: vectorBytes))
    self.library = library
    functions = try cases.indices.map { number in
      let getter = try library.function(
        "get_k\(number)", as: (@convention(c) () -> UnsafeMutableRawPointer).self)
      return getter()
    }
  }

  /// Runs every kernel on whole numbers and compares with the reference, gaps of C included.
  func check() throws {
    for number in cases.indices {
      let units = plans[number].splitCount
      let middle = units / 3
      let found = try run(number, ranges: [middle..<units, 0..<middle], whole: true)
      let isEqual = found.result == found.expected
      #expect(isEqual, "\(plans[number].strategy): \(cases[number])")
    }
  }

  /// Runs every kernel that has scratch memory, which ends where readable memory ends, and looks how
  /// far it was written: to the end, but for gaps of a line of a panel and what areas are rounded up by.
  func checkScratch() throws {
    var used = 0
    for number in cases.indices where plans[number].scratchBytes > 0 {
      let (_, _, scratch) = try run(number, ranges: [0..<plans[number].splitCount], whole: true)
      let last = scratch.lastIndex { !$0.isNaN } ?? -1
      let unused = scratch.count - 1 - last
      #expect(unused <= gap(plans[number]), "\(plans[number].strategy): \(cases[number])")
      used += 1
    }
    #expect(used > 8)
  }

  /// Elements at the end of scratch memory that a kernel may leave alone.
  private func gap(_ plan: ContractionPlan) -> Int {
    let rounding = 16
    guard case .packed(let form) = plan.form, form.apart == nil else { return rounding }
    if form.packsLeft {
      // The last tile may have a row less, and no row fills its place.
      return rounding + form.leftPanelSize / form.tiling.rows.height * 2
    }
    // The last group is packed with the last few, of which there may be fewer than before.
    let columns = form.tiling.columns
    let isCut = form.blocking.groups < columns.count
    return rounding + (isCut ? (columns.rest?.width ?? 0) * form.blocking.depth : 0)
  }

  /// Runs one kernel over `ranges` of units.
  ///
  /// - Parameter whole: operands are whole numbers, and the expected result is computed.
  func run(
    _ number: Int, ranges: [Range<Int>], whole: Bool
  ) throws -> (result: [Real], expected: [Real], scratch: [Real]) {
    let item = cases[number]
    var source = SplitMix64(seed: UInt64(number) + 7)
    let value = { () -> Real in
      whole ? Real(source.next(below: 9)) - 4 : Real(source.next(below: 1 << 20)) / 1_000_003 - 0.5
    }
    let a = GuardedArray<Real>((0..<item.count(\.strideA)).map { _ in value() })
    let b = GuardedArray<Real>((0..<item.count(\.strideB)).map { _ in value() })
    let old = (0..<item.count(\.strideC)).map { _ in value() }
    let c = GuardedArray<Real>(old)
    let bytes = plans[number].scratchBytes
    let scratch = GuardedArray<Real>(
      [Real](repeating: .nan, count: bytes / MemoryLayout<Real>.stride))
    for range in ranges {
      let (first, last) = (Int64(range.lowerBound), Int64(range.upperBound))
      if bytes == 0 {
        let function = unsafeBitCast(functions[number], to: ScratchlessFunction.self)
        function(a.start, b.start, c.start, first, last)
      } else {
        let function = unsafeBitCast(functions[number], to: Function.self)
        function(a.start, b.start, c.start, scratch.start, first, last)
      }
    }
    let expected = GuardedArray<Real>(old)
    if whole {
      let reference = try library.function(
        "reference_k\(number)",
        as: (@convention(c) (UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer) -> Void)
          .self)
      reference(a.start, b.start, expected.start)
    }
    return (c.elements, expected.elements, scratch.elements)
  }
}
