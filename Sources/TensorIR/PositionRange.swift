// SPDX-License-Identifier: Apache-2.0
//
// What is known of whole numbers before a program runs: within which bounds they lie, and whether
// the bounds are certainly reached. `PositionTransfer.swift` has one line for each op.
//
//     iota(4)             0 + 1 axis0                0 ... 3, both reached
//     2 * i + j           2 iteration1 + iteration2  the loops' counters run through all pairs
//     minimum(i + 1, 3)   1 ... 3, both reached
//     select(c, i, 0)     0 ... 3                    perhaps
//
// Numbers that an i32 cannot hold wrap around when they are computed, so a range that leaves i32 is
// that of all i32 values.

/// The elements of an i32 array.
package enum PositionRange: Hashable, Sendable {
  /// A number that runs through `0..<extent`, independently of all others of its kind.
  package enum Index: Hashable, Sendable {
    /// The place along an axis of the array.
    case axis(Int)
    /// The iteration of a loop around the array; loops are numbered.
    case iteration(Int)
  }

  package struct Term: Hashable, Sendable {
    package var coefficient: Int
    package var extent: Int
  }

  /// Every element is `constant` plus the sum of its terms.
  case affine(constant: Int, [Index: Term])
  /// Every element is in `low...high`; some element is `low` or `high` if that is reached.
  case between(Int, Int, reachesLow: Bool, reachesHigh: Bool)

  /// All values of an i32.
  package static let anything = PositionRange.between(
    Int(Int32.min), Int(Int32.max), reachesLow: false, reachesHigh: false)

  package static func constant(_ value: Int) -> PositionRange { .affine(constant: value, [:]) }

  /// Some of the numbers `low...high`.
  package static func some(_ low: Int, _ high: Int) -> PositionRange {
    PositionRange.between(low, high, reachesLow: false, reachesHigh: false).inI32
  }

  // MARK: What is asked

  package var low: Int {
    switch self {
    case .affine(let constant, let terms):
      terms.values.reduce(constant) { $0 + min(0, $1.coefficient * ($1.extent - 1)) }
    case .between(let low, _, _, _): low
    }
  }

  package var high: Int {
    switch self {
    case .affine(let constant, let terms):
      terms.values.reduce(constant) { $0 + max(0, $1.coefficient * ($1.extent - 1)) }
    case .between(_, let high, _, _): high
    }
  }

  package var reachesLow: Bool {
    if case .between(_, _, let reachesLow, _) = self { reachesLow } else { true }
  }

  package var reachesHigh: Bool {
    if case .between(_, _, _, let reachesHigh) = self { reachesHigh } else { true }
  }

  /// Whether no element is outside of `0..<limit`.
  package func isWithin(_ limit: Int) -> Bool { low >= 0 && high < limit }

  /// A value outside of `0..<limit` that some element certainly has, or one that all are beyond.
  package func certainFault(_ limit: Int) -> Int? {
    if high >= limit, reachesHigh || low >= limit { return reachesHigh ? high : low }
    if low < 0, reachesLow || high < 0 { return reachesLow ? low : high }
    return nil
  }

  /// The number that all elements are, if they are known to be one.
  var single: Int? { low == high ? low : nil }

  // MARK: What is made of it

  /// What elements are once those outside of `0..<limit` are replaced by the nearest inside.
  func clamped(_ limit: Int) -> PositionRange {
    if isWithin(limit) { return self }
    return .some(min(max(low, 0), limit - 1), max(min(high, limit - 1), 0))
  }

  /// The elements of both.
  func joined(_ other: PositionRange) -> PositionRange {
    if self == other, case .between = self { return self }
    let (low, high) = (min(low, other.low), max(high, other.high))
    return .between(
      low, high,
      reachesLow: reachesLow && self.low == low || other.reachesLow && other.low == low,
      reachesHigh: reachesHigh && self.high == high || other.reachesHigh && other.high == high)
  }

  /// Some of the elements.
  var some: PositionRange { .some(low, high) }

  /// The same bounds, without saying how elements depend on their places.
  var whole: PositionRange {
    .between(low, high, reachesLow: reachesLow, reachesHigh: reachesHigh)
  }

  /// The same elements at other places: each index becomes another one. Without one for some index,
  /// only the bounds stay known.
  func moved(_ index: (Index) -> Index?) -> PositionRange {
    guard case .affine(let constant, let terms) = self else { return self }
    var result: [Index: Term] = [:]
    for (old, term) in terms {
      guard let new = index(old) else { return whole }
      result[new] = term
    }
    return .affine(constant: constant, result)
  }

  /// Itself if an i32 can hold it; terms that change nothing are left out.
  var inI32: PositionRange {
    guard low >= Int(Int32.min), high <= Int(Int32.max) else { return .anything }
    guard case .affine(let constant, let terms) = self else { return self }
    return .affine(
      constant: constant, terms.filter { $0.value.extent > 1 && $0.value.coefficient != 0 })
  }
}

// MARK: - Arithmetic

extension PositionRange {
  static func + (a: PositionRange, b: PositionRange) -> PositionRange {
    if case .affine(let first, var terms) = a, case .affine(let second, let more) = b {
      for (index, term) in more { terms[index, default: Term(term.extent)].add(term) }
      return PositionRange.affine(constant: first + second, terms).inI32
    }
    // With a constant, bounds that are reached stay so.
    let isShift = a.single != nil || b.single != nil
    return PositionRange.between(
      a.low + b.low, a.high + b.high, reachesLow: isShift && a.reachesLow && b.reachesLow,
      reachesHigh: isShift && a.reachesHigh && b.reachesHigh
    ).inI32
  }

  static func - (a: PositionRange, b: PositionRange) -> PositionRange { a + b.scaled(by: -1) }

  static func * (a: PositionRange, b: PositionRange) -> PositionRange {
    if let factor = b.single { return a.scaled(by: factor) }
    if let factor = a.single { return b.scaled(by: factor) }
    if a.low >= 0, b.low >= 0 {
      let together = a.growsWith(b)
      return PositionRange.between(
        a.low * b.low, a.high * b.high, reachesLow: together, reachesHigh: together
      ).inI32
    }
    let corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]
    return .some(corners.min() ?? 0, corners.max() ?? 0)
  }

  func scaled(by factor: Int) -> PositionRange {
    switch self {
    case .affine(let constant, let terms):
      return PositionRange.affine(
        constant: factor * constant,
        terms.mapValues { Term(coefficient: factor * $0.coefficient, extent: $0.extent) }
      ).inI32
    case .between(let low, let high, let reachesLow, let reachesHigh):
      let scaled =
        factor >= 0
        ? PositionRange.between(
          factor * low, factor * high, reachesLow: reachesLow, reachesHigh: reachesHigh)
        : .between(factor * high, factor * low, reachesLow: reachesHigh, reachesHigh: reachesLow)
      return scaled.inI32
    }
  }

  /// The quotient, rounded down; followed only for one divisor of at least 1.
  func quotient(by divisor: PositionRange) -> PositionRange {
    guard let divisor = divisor.single, divisor >= 1 else { return .anything }
    if case .affine(let constant, let terms) = self,
      terms.values.allSatisfy({ $0.coefficient.isMultiple(of: divisor) })
    {
      // What is left of the constant is less than the divisor, and so falls away.
      return .affine(
        constant: constant.floorQuotient(divisor),
        terms.mapValues { Term(coefficient: $0.coefficient / divisor, extent: $0.extent) })
    }
    return .between(
      low.floorQuotient(divisor), high.floorQuotient(divisor), reachesLow: reachesLow,
      reachesHigh: reachesHigh)
  }

  /// The larger or the smaller of two numbers.
  func extremum(_ other: PositionRange, _ choose: (Int, Int) -> Int) -> PositionRange {
    let together = growsWith(other)
    return .between(
      choose(low, other.low), choose(high, other.high),
      reachesLow: together && reachesLow && other.reachesLow,
      reachesHigh: together && reachesHigh && other.reachesHigh)
  }

  /// Whether both are least at one place, and greatest at another.
  private func growsWith(_ other: PositionRange) -> Bool {
    if single != nil || other.single != nil { return true }
    guard case .affine(_, let terms) = self, case .affine(_, let more) = other else {
      return false
    }
    return terms.allSatisfy { index, term in
      more[index].map { ($0.coefficient > 0) == (term.coefficient > 0) } ?? true
    }
  }
}

extension PositionRange.Term {
  /// No part of the sum yet.
  fileprivate init(_ extent: Int) { self.init(coefficient: 0, extent: extent) }

  fileprivate mutating func add(_ other: Self) { coefficient += other.coefficient }
}

extension Int {
  /// The whole number next to the quotient towards minus infinity; 0 of a divisor 0,
  /// and the greatest number where the quotient is greater.
  package func floorQuotient(_ divisor: Int) -> Int {
    guard divisor != 0 else { return 0 }
    if divisor == -1 { return self == .min ? .max : -self }
    let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
    return rest != 0 && (rest < 0) != (divisor < 0) ? quotient - 1 : quotient
  }
}
