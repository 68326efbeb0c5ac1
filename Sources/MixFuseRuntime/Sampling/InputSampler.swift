// SPDX-License-Identifier: Apache-2.0
//
// Drawing the inputs of a call from the initialisers in the manifest, for when the user gives no
// file. The same seed gives the same arrays, whichever entry point they belong to; f32 arrays are
// the f64 arrays rounded.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Draws arrays from their initialisers.
public struct InputSampler: Sendable {
  /// The seed that every value depends on.
  public let seed: UInt64

  /// A sampler with a seed; `Manifest.seed` is the spec's own.
  public init(seed: UInt64) {
    self.seed = seed
  }

  /// Draws all inputs of an entry point.
  ///
  /// - Errors: `initializer` for an input that has none or one that cannot be used;
  ///   `memoryExhausted`.
  public func inputs(of entryPoint: Manifest.EntryPoint) throws(RuntimeError) -> NamedArrays {
    var result = NamedArrays()
    for input in entryPoint.inputs {
      result[input.name] = try draw(input)
    }
    return result
  }

  /// Draws one array, which depends on the seed and on the array's name, shape and initialiser.
  ///
  /// - Errors: `initializer`, `memoryExhausted`; `conversion` if a value does not fit the element
  ///   type.
  public func draw(_ array: Manifest.ArrayDescription) throws(RuntimeError) -> NDArray {
    guard let initializer = array.initializer else {
      throw .initializer(name: array.name, reason: "the spec gives it no initialiser")
    }
    let rule = try Rule(initializer, of: array)
    let generator = CounterGenerator(seed: seed, name: array.name)
    // Large parameters are f32: drawn where they belong, without an f64 array in between.
    if array.elementType == .float32 {
      var values = try NDArray(zeros: array.shape, elementType: .float32)
      try values.withUnsafeMutableElements(of: Float.self) { elements in
        for index in elements.indices {
          elements[index] = Float(rule.value(at: index, from: generator))
        }
      }
      return values
    }
    var values = try NDArray(zeros: array.shape, elementType: .float64)
    try values.withUnsafeMutableElements(of: Double.self) { elements in
      for index in elements.indices {
        elements[index] = rule.value(at: index, from: generator)
      }
    }
    return try values.converted(to: array.elementType, name: array.name)
  }
}

/// How the elements of one array come about.
private enum Rule {
  case constant(Double)
  case integers(low: Double, high: Double)
  case iota(length: Int)
  case normal(mean: Double, deviation: Double)
  case uniform(low: Double, high: Double)

  init(
    _ initializer: Initializer, of array: Manifest.ArrayDescription
  ) throws(RuntimeError) {
    let fanOut = Double(max(array.shape.last ?? 1, 1))
    let fanIn = Double(max(array.shape.dropLast().last ?? 1, 1))
    switch initializer {
    case .zeros: self = .constant(0)
    case .ones: self = .constant(1)
    case .constant(let value): self = .constant(value)
    case .normal(let mean, let deviation): self = .normal(mean: mean, deviation: deviation)
    case .uniform(let low, let high): self = .uniform(low: low, high: high)
    case .he: self = .normal(mean: 0, deviation: (2 / fanIn).squareRoot())
    case .glorot:
      let limit = (6 / (fanIn + fanOut)).squareRoot()
      self = .uniform(low: -limit, high: limit)
    case .integers(let low, let high): self = .integers(low: low, high: high)
    case .iota: self = .iota(length: max(array.shape.last ?? 1, 1))
    }
    try check(array.name)
  }

  /// Checks that the parameters are usable together.
  private func check(_ name: String) throws(RuntimeError) {
    switch self {
    case .constant, .iota: return
    case .normal(let mean, let deviation):
      if !(mean.isFinite && deviation.isFinite && deviation >= 0) {
        throw .initializer(name: name, reason: "normal needs a standard deviation of at least 0")
      }
    case .uniform(let low, let high):
      if !(low.isFinite && high.isFinite && low <= high) {
        throw .initializer(name: name, reason: "uniform needs low <= high, found \(low), \(high)")
      }
    case .integers(let low, let high):
      if !(low == low.rounded() && high == high.rounded() && low < high && high - low < 0x1p53) {
        throw .initializer(
          name: name, reason: "integers needs whole numbers low < high, found \(low), \(high)")
      }
    }
  }

  func value(at index: Int, from generator: CounterGenerator) -> Double {
    let position = UInt64(index)
    switch self {
    case .constant(let value):
      return value
    case .integers(let low, let high):
      return low + (generator.uniform(at: position) * (high - low)).rounded(.down)
    case .iota(let length):
      return Double(index % length)
    case .normal(let mean, let deviation):
      return mean + deviation * Self.normal(at: position, from: generator)
    case .uniform(let low, let high):
      return low + generator.uniform(at: position) * (high - low)
    }
  }

  /// A standard normal number, by the method of Box and Muller.
  private static func normal(at position: UInt64, from generator: CounterGenerator) -> Double {
    let (first, second) = generator.words(at: position)
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2 * log((Double(first >> 11) + 1) * 0x1p-53)).squareRoot()
    return radius * cos(2 * .pi * Double(second >> 11) * 0x1p-53)
  }
}
