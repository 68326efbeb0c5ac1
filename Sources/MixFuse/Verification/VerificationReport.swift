// SPDX-License-Identifier: Apache-2.0
//
// What `mixfuse verify` found out, as data. `VerificationTable.swift` shows it to a person; as JSON
// it is these structures as they stand.

/// The result of a verification.
package struct VerificationReport: Sendable, Encodable {
  /// The spec's name.
  package var name: String
  /// The float type of the library under test: `f32` or `f64`.
  package var dtype: String
  /// The three switches that the library was built with.
  package var derivation: [String: String]
  /// What was compared, at one choice of dimensions each.
  package var sections: [VerificationSection] = []

  /// Whether every comparison passed. One that could not decide does not count against it, but at
  /// least one has to have passed.
  package var isVerified: Bool {
    let outcomes = sections.flatMap(\.comparisons).map(\.outcome)
    return outcomes.contains(.passed) && !outcomes.contains(.failed)
  }

  private enum CodingKeys: String, CodingKey {
    case name, dtype, derivation, sections
    case isVerified = "verified"
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(dtype, forKey: .dtype)
    try container.encode(derivation, forKey: .derivation)
    try container.encode(sections, forKey: .sections)
    try container.encode(isVerified, forKey: .isVerified)
  }
}

/// The comparisons at one choice of dimensions.
package struct VerificationSection: Sendable, Encodable {
  /// `full size`, or why the dimensions are not the user's.
  package var title: String
  /// The dimensions in the spec's order.
  package var dims: [Dimension]
  /// Where the inputs come from.
  package var inputs: String
  package var comparisons: [Comparison] = []
  /// How well each output is determined by f32 inputs at all.
  package var conditioning: [Conditioning] = []
  /// Remarks for the user.
  package var notes: [String] = []

  /// A dimension of the spec and its value.
  package struct Dimension: Sendable, Encodable {
    package var name: String
    package var value: Int
  }
}

/// What a result is held against.
package enum Oracle: String, Sendable, Encodable, CaseIterable {
  /// The graph as derived, before any pass, in Float64 arithmetic.
  case interpreter
  /// The meta-gradient by the derivation that the library was not built with.
  case otherDerivation
  /// A central difference of the outer loss along a random direction.
  case finiteDifference
  /// A file from another system.
  case reference
}

/// One array of one entry point, held against one oracle.
package struct Comparison: Sendable, Encodable {
  package var oracle: Oracle
  /// How the oracle computed its value, such as `standard, interpreted`; empty for a file.
  package var method: String
  package var entryPoint: String
  /// The name of the output, or of the direction for a finite difference.
  package var array: String
  package var shape: [Int]
  /// The largest absolute difference between two elements.
  package var maximumError: Double
  /// The Euclidean norm of the difference over the norm of the oracle's array.
  package var relativeError: Double
  /// The largest `relativeError` that passes.
  package var tolerance: Double
  package var outcome: Outcome

  /// How a comparison ended.
  package enum Outcome: String, Sendable, Encodable {
    case passed, failed
    /// The oracle itself is too uncertain here to say.
    case undecided
  }
}

/// How far noise of one unit in the last place of an f32 moves one output, in exact arithmetic.
package struct Conditioning: Sendable, Encodable {
  /// The name of the output.
  package var array: String
  /// The largest relative norm of the movement over a few random draws.
  package var movement: Double

  /// Above this no f32 program can give more than about three digits.
  package static let warningLimit = 1e-3
}
