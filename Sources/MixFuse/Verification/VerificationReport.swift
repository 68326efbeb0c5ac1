// SPDX-License-Identifier: Apache-2.0
//
// What `mixfuse verify` found out, as data. `VerificationTable.swift` shows it to a person; as JSON
// it is these structures as they stand.

import Differentiation

/// The result of a verification.
package struct VerificationReport: Sendable, Encodable {
  /// The spec's name.
  package var name: String
  /// The float type of the library under test: `f32` or `f64`.
  package var dtype: String
  /// The three switches that the library was built with.
  package var derivation: [String: String]
  /// The derivatives that need an oracle of their own here.
  package var levels: [DerivativeLevel]
  /// What was compared, at one choice of dimensions and inputs each.
  package var sections: [VerificationSection] = []
  /// What could not be done at all, and why.
  package var skipped: [String] = []

  /// What all comparisons say together.
  package enum Verdict: String, Sendable, Encodable {
    /// Nothing failed, and every level was decided.
    case verified
    /// Nothing failed, but some level was not decided.
    case undecided
    /// Something failed.
    case mismatch
  }

  package var verdict: Verdict {
    let hasFailed = sections.contains { $0.comparisons.contains { $0.outcome == .failed } }
    return hasFailed ? .mismatch : undecidedLevels.isEmpty ? .verified : .undecided
  }

  /// Whether the library is right as far as all oracles can tell, and they can tell of each level.
  package var isVerified: Bool { verdict == .verified }

  /// The levels that no oracle decided which shares no derivative code with them.
  package var undecidedLevels: [DerivativeLevel] {
    let decided = sections.filter { !$0.isSpecial }.flatMap(\.comparisons).filter(\.isDecisive)
    return levels.filter { level in !decided.contains { $0.entryPoint == level.rawValue } }
  }

  private enum CodingKeys: String, CodingKey {
    case name, dtype, derivation, levels, sections, skipped, verdict, undecidedLevels
    case isVerified = "verified"
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(dtype, forKey: .dtype)
    try container.encode(derivation, forKey: .derivation)
    try container.encode(levels, forKey: .levels)
    try container.encode(sections, forKey: .sections)
    try container.encode(skipped, forKey: .skipped)
    try container.encode(verdict, forKey: .verdict)
    try container.encode(undecidedLevels, forKey: .undecidedLevels)
    try container.encode(isVerified, forKey: .isVerified)
  }
}

/// A derivative that is held against differences of what it is the derivative of.
package enum DerivativeLevel: String, Sendable, Encodable, CaseIterable {
  /// Of the inner loss, along theta.
  case innerGradient = "inner_gradient"
  /// Of the inner gradient, along theta.
  case hessianVectorProduct = "hvp"
  /// Of the inner gradient, along the meta parameters.
  case mixedProduct = "mixed_product"
  /// Of the outer loss, along theta and the meta parameters.
  case outerLossGradient = "outer_loss_gradient"
  /// Of the whole trajectory, along the meta parameters.
  case metaGradient = "meta_gradient"
}

/// The comparisons at one choice of dimensions and inputs.
package struct VerificationSection: Sendable, Encodable {
  /// `full size`, or why the dimensions or inputs are not the user's.
  package var title: String
  /// The dimensions in the spec's order.
  package var dims: [Dimension]
  /// Where the inputs come from.
  package var inputs: String
  /// Whether the inputs are at kinks and extremes on purpose, where differences often cannot decide.
  package var isSpecial = false
  package var comparisons: [Comparison] = []
  /// How well each output is determined by f32 inputs, and by f32 arithmetic.
  package var conditioning: [Conditioning] = []
  /// Remarks for the user.
  package var notes: [String] = []

  /// A dimension of the spec and its value.
  package struct Dimension: Sendable, Encodable {
    package var name: String
    package var value: Int
  }
}

extension VerificationSection {
  /// The section with one row for each entry point and oracle, the one that is worst off, and all
  /// that failed; what differences could not decide is a remark.
  var keepingWorst: VerificationSection {
    var result = self
    result.comparisons = []
    for comparison in comparisons {
      let group = comparisons.filter {
        $0.entryPoint == comparison.entryPoint && $0.oracle == comparison.oracle
      }
      let isKept = result.comparisons.contains {
        $0.entryPoint == comparison.entryPoint && $0.oracle == comparison.oracle
      }
      guard !isKept else { continue }
      let failed = group.filter { $0.outcome == .failed }
      let passed = group.filter { $0.outcome == .passed }
      result.comparisons += failed.isEmpty ? [passed.worst].compactMap(\.self) : failed
    }
    let undecided = comparisons.filter { $0.outcome == .undecided }.map(\.fullName)
    if !undecided.isEmpty {
      result.notes.append("not decided at these inputs: \(undecided.joined(separator: ", "))")
    }
    return result
  }
}

/// What a result is held against.
package enum Oracle: String, Sendable, Encodable, CaseIterable {
  /// The graph as derived, before any pass, in Float64 arithmetic.
  case interpreter
  /// The meta-gradient by the derivation that the library was not built with.
  case otherDerivation
  /// Central differences of what the array is the derivative of.
  case finiteDifference
  /// A file from another system.
  case reference
}

/// One array of one entry point, held against one oracle.
package struct Comparison: Sendable, Encodable {
  package var oracle: Oracle
  /// How the oracle computed its value, such as `standard, interpreted`; empty for a file.
  package var method: String
  /// What a finite difference along all parameters at once is called.
  package static let allGradients = "all gradients"

  /// An entry point, or `mixed_product`.
  package var entryPoint: String
  /// The name of the output, or of the direction for a finite difference.
  package var array: String
  package var shape: [Int]
  /// The largest absolute difference between two elements.
  package var maximumError: Double
  /// The Euclidean norm of the difference over the norm of the oracle's array.
  package var relativeError: Double
  /// The largest `relativeError` that passes; infinite if the right array is zero.
  package var tolerance: Double
  /// The norm of the difference over the norm allowed: more than 1 fails.
  package var shareOfLimit: Double
  package var outcome: Outcome

  /// How a comparison ended.
  package enum Outcome: String, Sendable, Encodable {
    case passed, failed
    /// The oracle itself is too uncertain here to say.
    case undecided
  }

  /// - Parameters:
  ///   - allowed: the norm of the largest error that passes.
  ///   - size: what the error is shown relative to, such as the norm of the oracle's array.
  init(
    oracle: Oracle, method: String, entryPoint: String, array: String, shape: [Int],
    error: ArrayError, allowed: Double, size: Double, outcome: Outcome
  ) {
    (self.oracle, self.method, self.entryPoint) = (oracle, method, entryPoint)
    (self.array, self.shape, self.outcome) = (array, shape, outcome)
    maximumError = error.maximum
    relativeError = error.distance == 0 ? 0 : error.distance / size
    tolerance = allowed == 0 ? 0 : allowed / size
    shareOfLimit = error.distance == 0 ? 0 : error.distance / allowed
  }

  /// Whether it passed before an oracle that knows no derivatives of ours.
  var isDecisive: Bool {
    switch oracle {
    case .finiteDifference: outcome == .passed
    case .reference: outcome == .passed && array != "loss"
    case .interpreter, .otherDerivation: false
    }
  }

  /// `grad.w1`, and for other entry points `hvp: hvp.theta.w1`.
  var fullName: String {
    entryPoint == EntryPoint.metaGradient.rawValue ? array : "\(entryPoint): \(array)"
  }

  /// Whether the right array is zero but for rounding: only its size could be judged.
  var isOfRounding: Bool { outcome == .passed && !(tolerance < 0.5) }
}

extension Sequence<Comparison> {
  /// The comparison that is worst off: failed before undecided before nearest to its limit.
  var worst: Comparison? {
    func rank(_ comparison: Comparison) -> (Int, Double) {
      switch comparison.outcome {
      case .failed: (2, comparison.shareOfLimit)
      case .undecided: (1, comparison.shareOfLimit)
      case .passed: (0, comparison.shareOfLimit)
      }
    }
    return self.max { rank($0) < rank($1) }
  }
}

/// What f32 does to one output.
package struct Conditioning: Sendable, Encodable {
  /// The name of the output.
  package var array: String
  /// How far noise of one unit in the last place of f32 inputs moves it in exact arithmetic: the
  /// largest relative norm of the movement over a few random draws.
  package var movement: Double
  /// How far rounding every operation to f32 moves it, likewise; nil for an f64 library.
  package var rounding: Double?

  /// Above this no f32 program can give more than about three digits.
  package static let warningLimit = 1e-3
}
