// SPDX-License-Identifier: Apache-2.0
//
// Verdicts: what an entry point should give at certain inputs, how near a library has to come to it,
// and the comparison of arrays by that measure. The rules are stated in `Examination.swift`.

import Differentiation
import Interpreter
import MixFuseRuntime
import TensorIR

/// One way to compute the outputs of an entry point.
struct Computation {
  /// How, in a few words.
  let method: String
  /// Whether it is a library: then it is quick.
  let isCompiled: Bool
  /// The outputs for inputs by name, in f64.
  let outputs: (NamedArrays) throws -> NamedArrays
  /// The same as a program of a float type might give them, once for each draw: what rounding
  /// does, in several ways. Draw 0 is plain rounding.
  ///
  /// If the last argument is set, also values that are computed twice may come out differently.
  let rounded: (NamedArrays, DType, Range<Int>, Bool) throws -> [NamedArrays]

  /// An interpreted graph.
  init(method: String, _ program: InterpretedProgram, pool: ThreadPool) {
    self.method = method
    isCompiled = false
    outputs = { try program.outputs(for: $0) }
    rounded = { inputs, dtype, draws, isByNode in
      try pool.map(Array(draws)) { draw in
        let noise = Perturbation(draw: draw, isByNode: isByNode)
        let perturbed: Precision = dtype == .f32 ? .perturbed32(noise) : .perturbed64(noise)
        return try program.outputs(
          for: inputs, in: dtype == .f32 && draw == 0 ? .float32 : perturbed)
      }
    }
  }

  /// A library in f64, and one in the float type that is judged: it cannot be made to round in other
  /// ways, but it rounds otherwise at inputs changed in the last place.
  init(
    method: String, exact: @escaping (NamedArrays) throws -> NamedArrays,
    single: @escaping (NamedArrays) throws -> NamedArrays, seed: UInt64
  ) {
    self.method = method
    isCompiled = true
    outputs = exact
    rounded = { inputs, dtype, draws, _ in
      try draws.map { draw in
        let size = dtype == .f32 ? 0x1p-24 : 0x1p-52
        let moved =
          draw == 0 && dtype == .f32
          ? inputs : try inputs.withNoise(size: size, draw: draw, seed: seed)
        return try dtype == .f32 ? single(moved) : exact(moved)
      }
    }
  }

  /// The largest relative movement of each output when every input element changes by a relative
  /// `noise`, over a few random draws.
  ///
  /// - Cost: `draws + 1` computations.
  func conditioning(
    at inputs: NamedArrays, noise: Double, draws: Int, seed: UInt64
  ) throws -> [Conditioning] {
    let still = try outputs(inputs)
    var result = still.names.map { Conditioning(array: $0, movement: 0) }
    for draw in 0..<draws {
      let moved = try outputs(inputs.withNoise(size: noise, draw: draw, seed: seed))
      for (index, item) in still.enumerated() {
        let error = ArrayError(try moved.values(item.name), expected: item.array.doubles())
        result[index].movement = max(result[index].movement, error.relative)
      }
    }
    return result
  }
}

/// What is expected at certain inputs, and how near to it is near enough.
///
/// The effect of rounding is measured when it is first asked for: most results need no allowance.
final class Judgement {
  /// The outputs, in f64.
  let expected: NamedArrays
  private let computation: Computation
  private let inputs: NamedArrays
  private let dtype: DType
  /// By output: the norm of its movement by noise on the inputs, where that is known.
  private let movements: [String: Double]
  /// By output: the largest norm of an error that rounding made in the draws so far.
  private var effects: [String: Double] = [:]
  private var drawCount = 0
  private var isDrawnBeside = false
  private var isDrawnOnZeros = false
  private let seed: UInt64

  /// An f64 result may be this far off.
  static let float64Limit = 1e-9
  /// No f32 result has to be nearer than this.
  static let float32Floor = 1e-5
  /// How much worse than the measured effect of rounding a result may be.
  static let safetyFactor = 4.0
  /// Draws of rounding that are made at first, and before a result is called wrong.
  private static let (firstDraws, allDraws) = (3, 12)

  /// Computes what is expected.
  ///
  /// - Parameter conditioning: how far noise in the last place of f32 inputs moves each output, if
  ///   known.
  /// - Throws: what the computation throws.
  init(
    _ computation: Computation, of dtype: DType, at inputs: NamedArrays,
    conditioning: [Conditioning] = [], seed: UInt64 = 0
  ) throws {
    (self.computation, self.dtype, self.inputs) = (computation, dtype, inputs)
    self.seed = seed
    let expected = try computation.outputs(inputs)
    self.expected = expected
    let known = dtype == .f32 ? conditioning : []
    movements = Dictionary(
      try known.map { ($0.array, $0.movement * norm(try expected.values($0.array))) }
    ) { first, _ in first }
  }

  // MARK: What rounding does

  /// The norm of the error that rounding every operation makes in an output, as far as measured.
  ///
  /// - Cost: three computations the first time.
  func roundingEffect(on name: String) throws -> Double {
    try draw(Self.firstDraws)
    return effects[name] ?? 0
  }

  /// The size of the terms that an output is summed from: far larger than its norm where they
  /// cancel.
  func termSize(of name: String) throws -> Double {
    try roundingEffect(on: name) / (dtype == .f32 ? 0x1p-24 : 0x1p-52)
  }

  /// The norm of the error that an output may have, by what is measured so far.
  func allowed(on name: String) throws -> Double {
    let values = try expected.values(name)
    let (limit, smallest) =
      dtype == .f32 ? (Self.float32Floor, 0x1p-126) : (Self.float64Limit, 0x1p-1022)
    guard values.allSatisfy(\.isFinite) else { return 0 }
    let effect = max(effects[name] ?? 0, movements[name] ?? 0)
    let subnormal = smallest * Double(values.count).squareRoot()
    return max(limit * norm(values), Self.safetyFactor * effect, subnormal)
  }

  private func draw(_ count: Int) throws {
    guard count > drawCount else { return }
    try measure(drawCount..<count, at: inputs, expected, isByNode: false)
    drawCount = count
  }

  /// Draws beside the inputs: at zeros and whole numbers the interpreter happens to make no error
  /// where another order of operations does. Nothing ties there, so values that are computed twice
  /// may differ too.
  private func drawBeside() throws {
    guard !isDrawnBeside else { return }
    isDrawnBeside = true
    let beside = try inputs.besideKinks(inputs.names, seed: seed)
    let rounded = dtype == .f32 ? try beside.roundedToFloat32() : beside
    do {
      try measure(
        0..<Self.allDraws, at: rounded, computation.outputs(rounded), isByNode: true)
    } catch let error where isIndexOutOfRange(error) {
      // A position was computed from what has moved: nothing is learned.
    }
  }

  /// Draws for the outputs that should be zero in which also values that are computed twice differ:
  /// where terms cancel exactly here, a library that fuses a product with a sum leaves a rest, which
  /// an optimiser may then divide by next to nothing. Others are left out, as ties do not stay ties.
  private func drawOnZeros() throws {
    guard !isDrawnOnZeros else { return }
    isDrawnOnZeros = true
    var zeros = expected
    for (name, array) in expected where norm(array.doubles()) > 0 { zeros[name] = nil }
    try measure(0..<Self.allDraws, at: inputs, zeros, isByNode: true)
  }

  private func measure(
    _ draws: Range<Int>, at inputs: NamedArrays, _ exact: NamedArrays, isByNode: Bool
  ) throws {
    for outputs in try computation.rounded(inputs, dtype, draws, isByNode) {
      for (name, array) in exact where array.doubles().allSatisfy(\.isFinite) {
        let error = ArrayError(try outputs.values(name), expected: array.doubles())
        effects[name] = max(effects[name] ?? 0, error.distance)
      }
    }
  }

  // MARK: Comparing

  /// Compares the arrays that are in both collections.
  ///
  /// - Throws: `RuntimeError.arrayMismatch` if an expected array has another shape.
  func comparisons(
    of found: NamedArrays, with wanted: NamedArrays, _ oracle: Oracle, _ method: String,
    entryPoint: EntryPoint = .metaGradient
  ) throws -> [Comparison] {
    try found.compactMap { name, array in
      guard let wanted = wanted[name] else { return nil }
      guard wanted.shape == array.shape else {
        throw RuntimeError.arrayMismatch(
          name: name, expected: array.description, found: wanted.description, isTypeOnly: false)
      }
      let (values, wantedValues) = (array.doubles(), wanted.doubles())
      let error = ArrayError(values, expected: wantedValues)
      var allowed = try allowed(on: name)
      let moreDraws = [
        { try self.draw(Self.firstDraws) }, { try self.draw(Self.allDraws) },
        { try self.drawBeside() },
        { if norm(wantedValues) == 0 { try self.drawOnZeros() } },
      ]
      for drawMore in moreDraws where !(error.distance <= allowed) {
        try drawMore()
        allowed = try self.allowed(on: name)
      }
      let isFinite = wantedValues.allSatisfy(\.isFinite)
      let isJudged = isFinite ? allowed.isFinite : !haveSameGaps(values, wantedValues)
      return Comparison(
        oracle: oracle, method: method, entryPoint: entryPoint.rawValue, array: name,
        shape: array.shape, error: error, allowed: allowed, size: norm(wantedValues),
        outcome: !isJudged ? .undecided : error.distance <= allowed ? .passed : .failed)
    }
  }
}

/// Whether some elements are not finite, and both arrays agree in which, and how.
private func haveSameGaps(_ lhs: [Double], _ rhs: [Double]) -> Bool {
  let gaps = lhs.indices.filter { !lhs[$0].isFinite || !rhs[$0].isFinite }
  return !gaps.isEmpty && gaps.allSatisfy { lhs[$0] == rhs[$0] || lhs[$0].isNaN && rhs[$0].isNaN }
}
