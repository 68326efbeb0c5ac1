// SPDX-License-Identifier: Apache-2.0
//
// How an array is drawn when the user gives none: `mixfuse run` without `--inputs`, `train`, and
// whoever calls `InputSampler`. In a manifest `{"kind": "normal", "parameters": [0, 0.1]}`.

/// How the values of an array come about.
///
/// Fan-out is the last dimension and fan-in the one before it; either is 1 if there is none.
public enum Initializer: Hashable, Sendable {
  /// The same value everywhere.
  case constant(Double)
  /// Uniform in +-sqrt(6 / (fan-in + fan-out)).
  case glorot
  /// Normal, mean 0, variance 2 / fan-in.
  case he
  /// Uniform integers from `low` up to, not including, `high`.
  case integers(low: Double, high: Double)
  /// 0, 1, 2, ... along the last dimension, the same in every row.
  case iota
  /// Normal.
  case normal(mean: Double, deviation: Double)
  /// 1 everywhere.
  case ones
  /// Uniform in [low, high).
  case uniform(low: Double, high: Double)
  /// 0 everywhere.
  case zeros

  /// What specs and manifests call the ways to draw, in alphabetical order.
  public enum Kind: String, CaseIterable, Codable, Sendable {
    case constant, glorot, he, integers, iota, normal, ones, uniform, zeros

    /// How many parameters it has.
    public var parameterCount: Int {
      switch self {
      case .glorot, .he, .iota, .ones, .zeros: 0
      case .constant: 1
      case .integers, .normal, .uniform: 2
      }
    }
  }

  /// The initialiser of a kind, or nil for another number of parameters than it has.
  public init?(_ kind: Kind, _ parameters: [Double] = []) {
    guard parameters.count == kind.parameterCount else { return nil }
    switch kind {
    case .constant: self = .constant(parameters[0])
    case .glorot: self = .glorot
    case .he: self = .he
    case .integers: self = .integers(low: parameters[0], high: parameters[1])
    case .iota: self = .iota
    case .normal: self = .normal(mean: parameters[0], deviation: parameters[1])
    case .ones: self = .ones
    case .uniform: self = .uniform(low: parameters[0], high: parameters[1])
    case .zeros: self = .zeros
    }
  }

  /// What it is called.
  public var kind: Kind {
    switch self {
    case .constant: .constant
    case .glorot: .glorot
    case .he: .he
    case .integers: .integers
    case .iota: .iota
    case .normal: .normal
    case .ones: .ones
    case .uniform: .uniform
    case .zeros: .zeros
    }
  }

  /// What the kind needs to know, such as mean and standard deviation.
  public var parameters: [Double] {
    switch self {
    case .constant(let value): [value]
    case .integers(let low, let high), .uniform(let low, let high): [low, high]
    case .normal(let mean, let deviation): [mean, deviation]
    case .glorot, .he, .iota, .ones, .zeros: []
    }
  }
}

extension Initializer {
  /// The value of every element if no element depends on a draw or on its place, else nil.
  package var fixedValue: Double? {
    switch self {
    case .constant(let value): value
    case .ones: 1
    case .zeros: 0
    case .glorot, .he, .integers, .iota, .normal, .uniform: nil
    }
  }
}

extension Initializer: Codable {
  enum CodingKeys: CodingKey {
    case kind, parameters
  }

  /// Reads kind and parameters.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let kind = try container.decode(Kind.self, forKey: .kind)
    let parameters = try container.decode([Double].self, forKey: .parameters)
    guard let initializer = Initializer(kind, parameters) else {
      throw DecodingError.dataCorruptedError(
        forKey: .parameters, in: container,
        debugDescription: "\(kind.rawValue) with \(parameters.count) parameters")
    }
    self = initializer
  }

  /// Writes kind and parameters.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(kind, forKey: .kind)
    try container.encode(parameters, forKey: .parameters)
  }
}
