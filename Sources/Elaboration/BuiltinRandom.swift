// SPDX-License-Identifier: Apache-2.0
//
// Random numbers in losses. They are functions of a key, which is an input of the library, and of
// where they are drawn: nothing is stored, every derivation sees the same numbers, and Python has
// them, too. With `k` the key of a task, `s` the number of the inner step from 0 (none in the outer
// loss), `d` the number of the draw in the loss from 0, and a fold for each loop around it:
//
//   key = fold_in(fold_in(fold_in(k, s), d), iteration)       fold_in, uniform, normal of jax.random,
//   uniform(key, shape), normal(key, shape)                   in the library's float type
//
// Sources: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Threefry); Giles,
// "Approximating the erfinv function", GPU Computing Gems, 2011.

import Diagnostics
import MixFuseShared
import SpecLanguage
import TensorIR

/// What the random numbers of a loss are drawn from.
struct Randomness {
  /// `i32[2]`: the key of the task.
  let key: Tensor
  /// The number of the inner step from 0; nil in the outer loss.
  var step: Tensor?
  /// The loops around the place at hand, the outermost first: the numbers of their iterations.
  var iterations: [Tensor] = []
  /// Draws so far.
  var drawCount = 0
}

/// The two words of a key, scalars.
private typealias Key = (Tensor, Tensor)

extension Builtin {
  static let random: [Builtin] = [
    Builtin("uniform", .shape("shape"), summary: "random numbers in `[0, 1)`") {
      e, place, shape in
      .tensor(try e.uniform(shape.sizes, at: place).with(shape.forms))
    },
    Builtin(
      "normal", .shape("shape"), summary: "random numbers of mean 0 and standard deviation 1"
    ) { e, place, shape in .tensor(try e.normal(shape.sizes, at: place).with(shape.forms)) },
    Builtin(
      "dropout", .floats("x"), .floats("rate"),
      summary: "`x / (1 - rate)`, each element 0 instead with probability `rate`"
    ) { .tensor(try $0.dropout(at: $1, $2, $3)) },
  ]
}

extension Elaborator {
  /// Lets random numbers be drawn in the graph that was begun; adds their key as an input.
  func beginRandomness(_ name: String) {
    randomness = Randomness(key: emitter.input(name, TensorType([2], .i32)))
  }

  /// The keys among the data of a loss: one for each task, drawn from all there are.
  func keys(_ name: String, isRead: Bool, _ tasks: Int?) -> [DataLeaf] {
    let words = Initializer.integers(low: -0x1p31, high: 0x1p31)
    let leaf = Leaf(name: name, type: TensorType([2], .i32), initializer: words)
    return isRead ? [DataLeaf(leaf: leaf, isStreamed: false, isBatched: tasks != nil)] : []
  }

  /// Runs `body` as what the iterations of a loop do.
  func iterating<Result>(_ index: Tensor, _ body: () throws -> Result) rethrows -> Result {
    randomness?.iterations.append(index)
    defer { randomness?.iterations.removeLast() }
    return try body()
  }

  // MARK: Functions

  fileprivate func uniform(_ shape: [Int], at place: Span) throws -> Tensor {
    let key = try newKey(at: place)
    guard floatType == .f64 else { return shortUniform(key, shape) }
    // 52 bits, of both words of a block.
    let (high, low) = (bits(.first, key, shape), bits(.second, key, shape))
    let upper = scaled(shifted(high, by: 0), by: 0x1p-32)
    return emitter.binary(.add, upper, scaled(shifted(low, by: 12), by: 0x1p-52))
  }

  /// Random numbers of 23 bits, the same in both float types.
  private func shortUniform(_ key: Key, _ shape: [Int]) -> Tensor {
    scaled(shifted(bits(.both, key, shape), by: 9), by: 0x1p-23)
  }

  fileprivate func normal(_ shape: [Int], at place: Span) throws -> Tensor {
    let unit = try uniform(shape, at: place)
    // In (-1, 1): twice the number, less what is next to 1.
    let least = floatType == .f64 ? -1 + 0x1p-53 : -1 + 0x1p-24
    let spread = emitter.binary(
      .add, emitter.binary(.multiply, unit, constant(1 - least, like: unit)),
      constant(least, like: unit))
    let x = emitter.binary(.maximum, spread, constant(least, like: unit))
    return emitter.binary(
      .multiply, inverseErf(x), constant(2.0.squareRoot(), like: unit))
  }

  fileprivate func dropout(
    at place: Span, _ x: ArrayArgument, _ rate: ArrayArgument
  ) throws -> Tensor {
    // At 1 the factor is infinite, and what is dropped would be undefined instead of 0.
    if let number = rate.operand.value.number, !(0..<1).contains(number) {
      throw fail(
        .kind(what: "the rate", expected: "at least 0 and below 1", found: "\(number)"),
        at: rate.operand.expression.span)
    }
    let drawn = shortUniform(try newKey(at: place), x.shape)
    let one = emitter.constant(1, rate.tensor.type)
    let kept = try broadcast(emitter.binary(.subtract, one, rate.tensor), to: x.shape, at: place)
    let isKept = emitter.add(.compare(.less), drawn, kept)
    let scaled = emitter.binary(.divide, x.tensor, kept)
    return emitter.add(.select, isKept, scaled, constant(0, like: x.tensor))
  }

  private func broadcast(_ x: Tensor, to shape: [Int], at place: Span) throws -> Tensor {
    guard x.shape.isEmpty || x.shape == shape else {
      throw fail(
        .kind(
          what: "the rate", expected: "a number or of the shape \(shape.spelling)",
          found: x.type.spelling), at: place)
    }
    return emitter.broadcast(x, to: shape)
  }

  // MARK: Keys

  /// The key of a draw of its own.
  ///
  /// - Errors: `random.place`, if there is no loss around.
  private func newKey(at place: Span) throws -> Key {
    guard let randomness else {
      throw fail(
        .randomPlace(place.text), at: place,
        help: "draw in inner or outer, and pass what is drawn as an argument")
    }
    self.randomness?.drawCount += 1
    let words = (0..<2).map { word in
      emitter.reshape(emitter.add(.slice(starts: [word], shape: [1]), randomness.key), to: [])
    }
    var key: Key = (words[0], words[1])
    let draw = emitter.constant(Double(randomness.drawCount), .scalar(.i32))
    for number in [randomness.step, draw].compactMap({ $0 }) + randomness.iterations {
      key = folded(key, number)
    }
    return key
  }

  /// `jax.random.fold_in`.
  private func folded(_ key: Key, _ number: Tensor) -> Key {
    let zero = emitter.constant(0, number.type)
    func word(_ word: ThreefryWord) -> Tensor {
      emitter.add(.threefry(word), key.0, key.1, zero, number)
    }
    return (word(.first), word(.second))
  }

  /// A word of the block of each element, which its position counts.
  private func bits(_ word: ThreefryWord, _ key: Key, _ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    let position = emitter.reshape(emitter.add(.iota(axis: 0, shape: [count])), to: shape)
    let keys = [key.0, key.1].map { emitter.broadcast($0, to: shape) }
    return emitter.add(
      .threefry(word), keys[0], keys[1], emitter.constant(0, position.type), position)
  }

  // MARK: Numbers from bits

  /// The 32 bits as a number without sign, less its last ones, as a float.
  private func shifted(_ bits: Tensor, by count: Int) -> Tensor {
    let zero = emitter.constant(0, bits.type)
    let divisor = emitter.constant(Double(1 << count), bits.type)
    let quotient = count == 0 ? bits : emitter.binary(.floorDivide, bits, divisor)
    let number = emitter.convert(quotient, to: floatType)
    let wrapped = emitter.binary(
      .add, number, constant(Double(1 << (32 - count)), like: number))
    return emitter.add(
      .select, emitter.add(.compare(.less), bits, zero), wrapped, number)
  }

  private func scaled(_ x: Tensor, by factor: Double) -> Tensor {
    emitter.binary(.multiply, x, constant(factor, like: x))
  }

  private func constant(_ value: Double, like x: Tensor) -> Tensor {
    emitter.constant(value, x.type)
  }

  // MARK: The normal distribution

  /// The inverse of the error function on (-1, 1): Giles' polynomials, to six digits, and in f64 two of
  /// Newton's steps on erfc, which lose nothing where erf is next to 1.
  private func inverseErf(_ x: Tensor) -> Tensor {
    let one = constant(1, like: x)
    let square = emitter.binary(.multiply, x, x)
    let w = emitter.unary(.negate, emitter.unary(.log1p, emitter.unary(.negate, square)))
    let near = polynomial(
      Self.nearCoefficients, emitter.binary(.subtract, w, constant(2.5, like: x)))
    let far = polynomial(
      Self.farCoefficients,
      emitter.binary(.subtract, emitter.unary(.sqrt, w), constant(3, like: x)))
    let isNear = emitter.add(.compare(.less), w, constant(5, like: x))
    var y = emitter.binary(.multiply, emitter.add(.select, isNear, near, far), x)
    guard floatType == .f64 else { return y }
    let tail = emitter.binary(.subtract, one, emitter.unary(.abs, x))
    for _ in 0..<2 {
      let size = emitter.unary(.abs, y)
      let density = scaled(
        emitter.unary(.exp, emitter.unary(.negate, emitter.binary(.multiply, y, y))),
        by: 2 / Double.pi.squareRoot())
      let excess = emitter.binary(.subtract, emitter.unary(.erfc, size), tail)
      let better = emitter.binary(.add, size, emitter.binary(.divide, excess, density))
      y = emitter.binary(.multiply, emitter.unary(.sign, x), better)
    }
    return y
  }

  /// By Horner's rule, the highest power first.
  private func polynomial(_ coefficients: [Double], _ x: Tensor) -> Tensor {
    coefficients.dropFirst().reduce(constant(coefficients[0], like: x)) { sum, coefficient in
      emitter.binary(
        .add, emitter.binary(.multiply, sum, x), constant(coefficient, like: x))
    }
  }

  /// Of `w - 2.5` where w = -log(1 - x^2) is below 5, of `sqrt(w) - 3` beyond.
  private static let nearCoefficients = [
    2.810_226_36e-08, 3.432_739_39e-07, -3.523_387_7e-06, -4.391_506_54e-06, 0.000_218_580_87,
    -0.001_253_725_03, -0.004_177_681_640, 0.246_640_727, 1.501_409_41,
  ]
  private static let farCoefficients = [
    -0.000_200_214_257, 0.000_100_950_558, 0.001_349_343_22, -0.003_673_428_44, 0.005_739_507_73,
    -0.007_622_461_3, 0.009_438_870_47, 1.001_674_06, 2.832_976_82,
  ]
}
