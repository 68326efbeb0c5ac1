// SPDX-License-Identifier: Apache-2.0
//
// Runs emitted attention kernels of every order and compares them with whole-matrix formulas:
// causal or not, shared key heads, sizes that no tile divides, every kind of score and mask, both
// float types, every vector width. Operands lie between NaNs, so a kernel that reads past one gives
// NaN.

import CEmission
import Foundation
import Kernels
import MixFuseShared
import TensorIR
import Testing

@Suite("attention kernels")
struct AttentionTests {
  static let orders = DerivativeOrder.allCases

  /// Largest relative norm of a result's error: three times what these sizes show.
  private static func tolerance(_ element: FloatType) -> Double {
    element == .f32 ? 1e-6 : 3e-15
  }

  @Test("odd sizes agree with the formulas", arguments: orders, FloatType.allCases)
  func oddSizes(_ order: DerivativeOrder, _ element: FloatType) throws {
    let sizes: [(Int, Int, Int, Int, Int, Int, Bool)] = [
      // batch, queries, keys, heads, key heads, width, causal
      (1, 37, 37, 1, 1, 7, true), (2, 5, 5, 2, 1, 3, true), (1, 1, 1, 1, 1, 1, false),
      (1, 67, 67, 2, 2, 16, true), (1, 130, 71, 1, 1, 5, false), (1, 70, 9, 4, 2, 20, false),
      (1, 9, 70, 3, 1, 33, true), (1, 140, 67, 1, 1, 8, true), (3, 16, 16, 3, 3, 12, false),
      (1, 261, 261, 1, 1, 2, true),
    ]
    let shapes = sizes.map {
      AttentionShape(
        order: order, batch: $0.0, queries: $0.1, keys: $0.2, heads: $0.3, keyHeads: $0.4,
        width: $0.5, scores: AttentionScores(scale: 1 / Double($0.5).squareRoot(), isCausal: $0.6),
        element: element)
    }
    try check(shapes, optimization: "-O1")
  }

  @Test("every kind of scores agrees with the formulas", arguments: orders, FloatType.allCases)
  func variants(_ order: DerivativeOrder, _ element: FloatType) throws {
    // Nothing of a variant depends on the width of vectors, and their text is the same for both types.
    let all = AttentionCase.variants(order, element)
    let shapes = element == .f32 ? all : [all[1], all[6], all[20]]
    try check(shapes, [32], optimization: "-O1")
  }

  @Test("whole tiles agree with the formulas", arguments: orders)
  func wholeTiles(_ order: DerivativeOrder) throws {
    let shape = AttentionShape(
      order: order, batch: 1, queries: 64, keys: 128, heads: 2, keyHeads: 1, width: 64,
      scores: AttentionScores(scale: 0.125, isCausal: false), element: .f32)
    try check([shape])
  }

  @Test("scores too large for exp are no obstacle")
  func largeScores() throws {
    let shape = AttentionShape(
      order: .value, batch: 1, queries: 80, keys: 80, heads: 1, keyHeads: 1, width: 4,
      scores: AttentionScores(scale: 200, isCausal: true), element: .f64)
    try check([shape], tolerance: 1e-12)
  }

  @Test("the bits do not depend on how units are split", arguments: orders)
  func splits(_ order: DerivativeOrder) throws {
    let shape = AttentionShape(
      order: order, batch: 2, queries: 150, keys: 150, heads: 2, keyHeads: 1, width: 6,
      scores: AttentionScores(scale: 0.2, isCausal: true), element: .f32)
    let bench = try AttentionBench<Float>([shape], 64, "-O3")
    let operands = bench.operands(shape)
    let units = bench.plans[0].splitCount
    let whole = try bench.run(0, operands, [0..<units])
    let single = try bench.run(0, operands, (0..<units).reversed().map { $0..<$0 + 1 })
    #expect(zip(whole, single).allSatisfy { $0.map(\.bitPattern) == $1.map(\.bitPattern) })
  }

  @Test("tangents of the formulas are the differences of their values")
  func referenceTangents() {
    let pairs: [(DerivativeOrder, DerivativeOrder)] = [
      (.value, .tangent), (.adjoint, .adjointTangent),
    ]
    for (order, tangentOrder) in pairs {
      checkTangents(
        AttentionShape(
          order: order, batch: 1, queries: 6, keys: 6, heads: 2, keyHeads: 1, width: 3,
          scores: AttentionScores(scale: 0.5, isCausal: true), element: .f64), tangentOrder)
      checkTangents(
        AttentionShape(
          order: order, batch: 2, queries: 6, keys: 6, heads: 2, keyHeads: 1, width: 3,
          scores: AttentionScores(
            scale: 0.5, isCausal: true, window: 3, prefix: 1, softcap: 0.7, relative: .moving,
            bias: .moving, hasLengths: true, hasMask: true), biasExtents: [1, 2, 6, 6],
          maskExtents: [2, 1, 1, 6], element: .f64), tangentOrder)
    }
  }

  /// The adjoints of a value with respect to all that moves, against its differences.
  @Test("adjoints of the formulas are the gradients of their values")
  func referenceAdjoints() {
    var shape = AttentionCase.variants(.adjoint, .f64)[20]
    (shape.queries, shape.keys) = (7, 7)
    (shape.biasExtents, shape.maskExtents) = ([3, 1, 7, 7], [1, 4, 1, 7])
    var source = SplitMix64(seed: 6)
    let operands = AttentionCase.operands(shape, using: &source)
    let adjoints = AttentionReference(shape: shape).results(operands)
    var value = shape
    value.order = .value
    let inputs = Array(operands.prefix(7))
    let tangents = AttentionCase.tangents(of: inputs, value, using: &source)
    func moved(_ step: Double) -> Double {
      let places = zip(inputs, tangents).map { input, tangent in
        tangent.map { zip(input, $0).map { $0 + step * $1 } } ?? input
      }
      let found = AttentionReference(shape: value).results(places)[0]
      return zip(found, operands[9]).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
    let expected = zip(adjoints, tangents.compactMap { $0 }).reduce(0) { sum, pair in
      sum + zip(pair.0, pair.1).reduce(0) { $0 + $1.0 * $1.1 }
    }
    #expect(abs(slope - expected) < 1e-8 * (1 + abs(expected)))
  }

  private func checkTangents(_ shape: AttentionShape, _ tangentOrder: DerivativeOrder) {
    let order = shape.order
    do {
      var source = SplitMix64(seed: 5)
      let operands = AttentionCase.operands(shape, using: &source)
      let tangents = AttentionCase.tangents(of: operands, shape, using: &source)
      let step = 1e-5
      func moved(_ sign: Double) -> [[Double]] {
        let inputs = zip(operands, tangents).map { operand, tangent in
          tangent.map { zip(operand, $0).map { $0 + sign * step * $1 } } ?? operand
        }
        return AttentionReference(shape: shape).results(inputs)
      }
      var derived = shape
      derived.order = tangentOrder
      let more = order == .value ? AttentionReference(shape: shape).results(operands) : []
      let found = AttentionReference(shape: derived).results(
        operands + more + tangents.compactMap { $0 })
      for (result, (high, low)) in zip(found, zip(moved(1), moved(-1))) {
        let expected = zip(high, low).map { ($0 - $1) / (2 * step) }
        #expect(AttentionCase.relativeError(result, expected) < 1e-8)
      }
    }
  }

  @Test("scratch memory does not grow with the sequence", arguments: orders)
  func scratchIsTiles(_ order: DerivativeOrder) {
    let bytes = [1024, 8192].map { length in
      let shape = AttentionShape(
        order: order, batch: 1, queries: length, keys: length, heads: 8, keyHeads: 8, width: 64,
        scores: AttentionScores(scale: 0.125, isCausal: true), element: .f32)
      let plan = AttentionPlan(shape, on: Machine(vectorBytes: 64))
      #expect(Double(plan.executedFlops) < 1.1 * Double(shape.flops))
      return plan.scratchBytes
    }
    #expect(bytes[0] == bytes[1])
    #expect(bytes[0] < 1 << 20)
  }

  @Test("the same shape gives the same text, within the line width", arguments: orders)
  func determinism(_ order: DerivativeOrder) {
    let shape = AttentionShape(
      order: order, batch: 2, queries: 101, keys: 67, heads: 4, keyHeads: 2, width: 24,
      scores: AttentionScores(scale: 0.1, isCausal: true), element: .f64)
    let plan = AttentionPlan(shape, on: Machine(vectorBytes: 32))
    let first = emitAttention(plan, named: "kernel")
    #expect(first.text == emitAttention(plan, named: "kernel").text)
    #expect(first.text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  /// Compares kernels for several vector widths with the formulas.
  ///
  /// - Parameters:
  ///   - widths: bytes of vectors.
  ///   - optimization: the C compiler's flag; -O1 saves half a minute on many shapes.
  private func check(
    _ shapes: [AttentionShape], _ widths: [Int] = [16, 32, 64], optimization: String = "-O3",
    tolerance: Double? = nil
  ) throws {
    let limit = tolerance ?? Self.tolerance(shapes[0].element)
    switch shapes[0].element {
    case .f32:
      let benches = try widths.map { try AttentionBench<Float>(shapes, $0, optimization) }
      try check(benches, limit)
    case .f64:
      let benches = try widths.filter { $0 > 16 }
        .map { try AttentionBench<Double>(shapes, $0, optimization) }
      try check(benches, limit)
    }
  }

  private func check<Real: BinaryFloatingPoint & BitwiseCopyable>(
    _ benches: [AttentionBench<Real>], _ limit: Double
  ) throws {
    let shapes = benches[0].shapes
    for (number, shape) in shapes.enumerated() {
      let operands = benches[0].operands(shape)
      // The formulas see the same, rounded, operands.
      let exact = operands.map { $0.map { Double($0) } }
      let expected = AttentionReference(shape: shape).results(exact)
      for bench in benches {
        let units = bench.plans[number].splitCount
        let found = try bench.run(number, operands, [units / 3..<units, 0..<units / 3])
        for (result, reference) in zip(found, expected) {
          let error = AttentionCase.relativeError(result.map { Double($0) }, reference)
          #expect(error < limit, "\(shape)")
        }
      }
    }
  }
}

/// Compiled kernels of some shapes, ready to run.
private final class AttentionBench<Real: BinaryFloatingPoint & BitwiseCopyable> {
  /// Passes a kernel's pointers as an array.
  typealias Function =
    @convention(c) (UnsafePointer<UnsafeMutableRawPointer?>, Int64, Int64) -> Void

  let shapes: [AttentionShape]
  let plans: [AttentionPlan]
  private let library: CompiledLibrary

  init(_ shapes: [AttentionShape], _ vectorBytes: Int, _ optimization: String) throws {
    self.shapes = shapes
    plans = shapes.map { AttentionPlan($0, on: Machine(vectorBytes: vectorBytes)) }
    let kernels = plans.enumerated().map { emitAttention($1, named: "k\($0)") }
    let helpers = RuntimeHelpers.closure(of: Set(kernels.flatMap(\.requiredHelpers)))
    let doors = shapes.enumerated().map { number, shape in
      let reference = AttentionReference(shape: shape)
      let count = reference.operands.count + reference.results.count + 1
      let pointers = (0..<count).map { "p[\($0)]" }.joined(separator: ", ")
      return "void run_k\(number)(void **p, int64_t begin, int64_t end) {\n"
        + "  k\(number)(\(pointers), begin, end);\n}\n"
    }
    let text =
      "#include <stdint.h>\n" + helpers.map(RuntimeHelpers.text(of:)).joined(separator: "\n")
      + kernels.map(\.text).joined() + doors.joined()
    library = try CompiledLibrary(
      text, flags: [optimization] + CompiledLibrary.machineFlags(vectorBytes: vectorBytes))
  }

  func operands(_ shape: AttentionShape) -> [[Real]] {
    var source = SplitMix64(seed: UInt64(shape.queries * 7 + shape.width))
    return AttentionCase.operands(shape, using: &source).map { $0.map { Real($0) } }
  }

  /// Runs one kernel over `ranges` of units and returns its results.
  func run(_ number: Int, _ operands: [[Real]], _ ranges: [Range<Int>]) throws -> [[Real]] {
    let function = try library.function("run_k\(number)", as: Function.self)
    let shape = shapes[number]
    let reference = AttentionReference(shape: shape)
    let arrays =
      operands.map { EnclosedArray($0) }
      + reference.results.map {
        EnclosedArray([Real](repeating: .nan, count: reference.count($0)))
      }
    // Lengths and masks are no floats; what is read beyond them is no NaN.
    let lengths = operand(.lengths, operands, shape).map { Int32($0) } + [1 << 20]
    let mask = operand(.mask, operands, shape).map { UInt8($0) } + [1]
    let scratchCount = plans[number].scratchBytes / MemoryLayout<Real>.stride
    let scratch = EnclosedArray([Real](repeating: .nan, count: scratchCount))
    var pointers = (arrays + [scratch]).map { UnsafeMutableRawPointer?($0.start) }
    lengths.withUnsafeBytes { lengths in
      mask.withUnsafeBytes { mask in
        for (extra, bytes) in [(AttentionExtra.lengths, lengths), (.mask, mask)] {
          guard let place = shape.scores.extras.firstIndex(of: extra) else { continue }
          pointers[3 + place] = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        }
        for range in ranges {
          function(pointers, Int64(range.lowerBound), Int64(range.upperBound))
        }
      }
    }
    let isIntact = (arrays + [scratch]).allSatisfy(\.isIntact)
    #expect(isIntact, "written outside: \(shape)")
    // The last area is written to its end, but for what it is rounded up by.
    let unused = scratchCount - 1 - (scratch.elements.lastIndex { !$0.isNaN } ?? -1)
    #expect(unused < Machine.areaElements, "scratch memory left alone: \(shape)")
    return arrays.suffix(reference.results.count).map(\.elements)
  }

  /// An operand that is no array of floats; empty if there is none.
  private func operand(
    _ extra: AttentionExtra, _ operands: [[Real]], _ shape: AttentionShape
  ) -> [Real] {
    shape.scores.extras.firstIndex(of: extra).map { operands[3 + $0] } ?? []
  }
}

/// An array between two stretches of NaN, which should stay as they are.
private final class EnclosedArray<Real: BinaryFloatingPoint & BitwiseCopyable> {
  private static var margin: Int { 64 }
  private let memory: UnsafeMutableBufferPointer<Real>
  let start: UnsafeMutablePointer<Real>
  private let count: Int

  init(_ elements: [Real]) {
    count = elements.count
    let total = count + 2 * Self.margin
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: total * MemoryLayout<Real>.stride, alignment: 64)
    memory = UnsafeMutableBufferPointer(
      start: raw.bindMemory(to: Real.self, capacity: total), count: total)
    memory.initialize(repeating: .nan)
    start = memory.baseAddress.map { $0 + Self.margin } ?? raw.assumingMemoryBound(to: Real.self)
    start.update(from: elements, count: count)
  }

  deinit { memory.deallocate() }

  var elements: [Real] { Array(UnsafeBufferPointer(start: start, count: count)) }
  var isIntact: Bool {
    memory.prefix(Self.margin).allSatisfy(\.isNaN) && memory.suffix(Self.margin).allSatisfy(\.isNaN)
  }
}
