// SPDX-License-Identifier: Apache-2.0
//
// Contractions whose operands were packed by a kernel of its own: the same bits as from the kernel
// that packs for itself, whichever operands are packed before and however the panels and the
// product are split.

import CEmission
import Foundation
import Kernels
import MixFuseShared
import Testing

@Suite("operands packed before a contraction")
struct PackedPanelTests {
  @Test(
    "panels made before give the same bits, in odd sizes too", arguments: ContractionTests.machines)
  func bits(_ element: ContractionElement, _ vectorBytes: Int) throws {
    switch element {
    case .f32: try check(Float.self, element, vectorBytes)
    case .f64: try check(Double.self, element, vectorBytes)
    }
  }

  /// Packed products: whole sums and several blocks, rests of columns, rows of two heights, all
  /// ways in which an operand may lie.
  private static func cases(_ element: ContractionElement) -> [ContractionCase] {
    let sizes = [
      ("nt", 10, 40, 40), ("nt", 31, 37, 41), ("nt", 90, 70, 500), ("nt", 9, 7, 5),
      ("nn", 70, 300, 290), ("nn", 33, 512, 512), ("nn", 700, 256, 900), ("tn", 150, 130, 420),
      ("tn", 307, 211, 702), ("tn", 1024, 133, 70), ("nt", 40, 2200, 130), ("nn", 513, 301, 331),
    ]
    let random = (0..<60).reduce(into: [ContractionCase]()) { cases, seed in
      var source = SplitMix64(seed: UInt64(seed) + 99)
      cases.append(.random(element, using: &source))
    }
    return sizes.enumerated().map { number, size in
      .product(
        size.0, size.1, size.2, size.3, accumulates: number % 4 == 1, element: element)
    } + random
  }

  private func check<Real: BinaryFloatingPoint & SIMDScalar>(
    _: Real.Type, _ element: ContractionElement, _ vectorBytes: Int
  ) throws {
    let machine = Machine(vectorBytes: vectorBytes)
    let cases = Self.cases(element).filter {
      let operands = ContractionPlan($0.shape, on: machine).packedOperands
      return operands.a != nil || operands.b != nil
    }
    #expect(cases.count >= 12)
    let bench = try PanelBench<Real>(cases, vectorBytes: vectorBytes)
    for number in cases.indices { try bench.check(number) }
  }

  @Test("a product reads only the panels that it was offered, and needs less scratch memory")
  func scratch() throws {
    let machine = Machine(vectorBytes: 32)
    var shape = ContractionCase.product(
      "tn", 256, 256, 2048, accumulates: false, element: .f32
    ).shape
    let operands = ContractionPlan(shape, on: machine).packedOperands
    let a = try #require(operands.a)
    let b = try #require(operands.b)
    #expect(a.isRepeated != b.isRepeated, "one operand is divided over the workers")
    #expect(b.panels.elementCount >= 256 * 2048 && a.panels.elementCount >= 256 * 2048)
    let plain = ContractionPlan(shape, on: machine).scratchBytes
    shape.hasPanelsB = true
    let left = ContractionPlan(shape, on: machine)
    #expect(left.strategy == "panels, left operand packed")
    #expect(left.scratchBytes < plain)
    shape.hasPanelsA = true
    let both = ContractionPlan(shape, on: machine)
    #expect(both.strategy == "panels" && both.scratchBytes == 0)
  }

  @Test("products of several pieces, and operands that are read in place, have no panels")
  func others() {
    let machine = Machine(vectorBytes: 32)
    let cases = [
      ContractionCase.product("nn", 10, 40, 40, accumulates: false, element: .f32),
      ContractionCase.product("nt", 31, 37, 41, batch: 2, accumulates: false, element: .f32),
      ContractionCase.product("lane", 10, 40, 40, batch: 16, accumulates: false, element: .f32),
    ]
    for item in cases {
      let operands = ContractionPlan(item.shape, on: machine).packedOperands
      #expect(operands.a == nil && operands.b == nil, "\(item)")
    }
  }
}

/// Compiled kernels of some cases, one for each choice of operands that are packed before, and the
/// kernels that pack.
private struct PanelBench<Real: BinaryFloatingPoint & SIMDScalar> {
  private typealias Contraction =
    @convention(c) (
      UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer, Int64,
      Int64
    ) -> Void
  /// Of a kernel that needs no scratch memory.
  private typealias ScratchlessContraction =
    @convention(c) (
      UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, Int64, Int64
    ) -> Void
  private typealias Packing =
    @convention(c) (UnsafeRawPointer, UnsafeMutableRawPointer, Int64, Int64) -> Void

  /// A contraction kernel with the operands that it wants packed.
  private struct Variant {
    var name: String
    var plan: ContractionPlan
    var a: PanelShape?, b: PanelShape?
  }

  private let cases: [ContractionCase]
  private let library: CompiledLibrary
  private let variants: [[Variant]]
  private let packings: [PanelShape: (name: String, plan: PackingPlan)]

  init(_ cases: [ContractionCase], vectorBytes: Int) throws {
    self.cases = cases
    let machine = Machine(vectorBytes: vectorBytes)
    var packings: [PanelShape: (name: String, plan: PackingPlan)] = [:]
    var kernels: [(name: String, text: KernelText)] = []
    variants = cases.enumerated().map { number, item in
      let operands = ContractionPlan(item.shape, on: machine).packedOperands
      for panels in [operands.a?.panels, operands.b?.panels].compactMap({ $0 })
      where packings[panels] == nil {
        let name = "pack\(packings.count)"
        let plan = PackingPlan(panels, on: machine)
        packings[panels] = (name, plan)
        kernels.append((name, emitPacking(plan, named: name)))
      }
      let choices = [(false, false), (true, false), (false, true), (true, true)].filter {
        ($0.0 ? operands.a != nil : true) && ($0.1 ? operands.b != nil : true)
      }
      return choices.enumerated().map { choice, panels in
        var shape = item.shape
        (shape.hasPanelsA, shape.hasPanelsB) = panels
        let name = "k\(number)_\(choice)"
        let plan = ContractionPlan(shape, on: machine)
        kernels.append((name, emitContraction(plan, named: name)))
        return Variant(
          name: name, plan: plan, a: panels.0 ? operands.a?.panels : nil,
          b: panels.1 ? operands.b?.panels : nil)
      }
    }
    self.packings = packings
    let helpers = RuntimeHelpers.closure(of: Set(kernels.flatMap(\.text.requiredHelpers)))
    let getters = kernels.map { "void *get_\($0.name)(void) { return (void *)\($0.name); }\n" }
    let text =
      "#include <stdint.h>\n" + helpers.map(RuntimeHelpers.text(of:)).joined(separator: "\n")
      + kernels.map(\.text.text).joined() + getters.joined()
    library = try CompiledLibrary(
      text, flags: ["-O2"] + CompiledLibrary.machineFlags(vectorBytes: vectorBytes))
  }

  private func function(_ name: String) throws -> UnsafeMutableRawPointer {
    try library.function(
      "get_\(name)", as: (@convention(c) () -> UnsafeMutableRawPointer).self)()
  }

  func check(_ number: Int) throws {
    let item = cases[number]
    var source = SplitMix64(seed: UInt64(number) + 7)
    let value = { () -> Real in Real(source.next(below: 1 << 20)) / 1_000_003 - 0.5 }
    let a = GuardedArray<Real>((0..<item.count(\.strideA)).map { _ in value() })
    let b = GuardedArray<Real>((0..<item.count(\.strideB)).map { _ in value() })
    let old = (0..<item.count(\.strideC)).map { _ in value() }
    var expected: [Real]?
    for variant in variants[number] {
      let left = try variant.a.map { try pack(a, $0) } ?? a
      let right = try variant.b.map { try pack(b, $0) } ?? b
      let c = GuardedArray<Real>(old)
      let bytes = variant.plan.scratchBytes
      let scratch = GuardedArray<Real>(
        [Real](repeating: .nan, count: bytes / MemoryLayout<Real>.stride))
      let units = variant.plan.splitCount
      for range in [units / 3..<units, 0..<units / 3] {
        let (first, last) = (Int64(range.lowerBound), Int64(range.upperBound))
        if bytes == 0 {
          unsafeBitCast(try function(variant.name), to: ScratchlessContraction.self)(
            left.start, right.start, c.start, first, last)
        } else {
          unsafeBitCast(try function(variant.name), to: Contraction.self)(
            left.start, right.start, c.start, scratch.start, first, last)
        }
      }
      let isEqual = c.elements == expected ?? c.elements
      #expect(isEqual, "\(variant.plan.strategy): \(item)")
      expected = c.elements
    }
  }

  /// Panels of an operand, made in two parts; gaps between panels stay NaN.
  private func pack(_ operand: GuardedArray<Real>, _ panels: PanelShape) throws
    -> GuardedArray<Real>
  {
    let packing = try #require(packings[panels])
    let result = GuardedArray<Real>([Real](repeating: .nan, count: panels.elementCount))
    let function = unsafeBitCast(try function(packing.name), to: Packing.self)
    let units = packing.plan.splitCount
    for range in [units / 2..<units, 0..<units / 2] {
      function(
        operand.start, result.start, Int64(range.lowerBound), Int64(range.upperBound))
    }
    return result
  }
}
