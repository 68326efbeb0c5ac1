// SPDX-License-Identifier: Apache-2.0
//
// The range of what each op computes, given those of its operands. An op without a line gives any
// i32; floats and conditions are not followed.

extension Op {
  /// The elements of an i32 result.
  ///
  /// - Parameters:
  ///   - operands: their ranges; `anything` for floats and conditions.
  ///   - types: their types.
  func positionRange(_ operands: [PositionRange], _ types: [TensorType]) -> PositionRange {
    switch self {
    case .constant(let value, _): return PositionRange.constant(Int(exactly: value) ?? .max).inI32
    case .iota(let axis, let shape):
      return PositionRange.affine(
        constant: 0, [.axis(axis): .init(coefficient: 1, extent: shape[axis])]
      ).inI32
    case .binary(.add): return operands[0] + operands[1]
    case .binary(.subtract): return operands[0] - operands[1]
    case .binary(.multiply): return operands[0] * operands[1]
    case .binary(.maximum): return operands[0].extremum(operands[1], max)
    case .binary(.minimum): return operands[0].extremum(operands[1], min)
    case .binary(.floorDivide): return operands[0].quotient(by: operands[1])
    case .select: return operands[1].joined(operands[2]).some
    case .convert where types[0].dtype == .bool: return .some(0, 1)
    case .convert where types[0].dtype == .i32: return operands[0]
    case .stopGradient: return operands[0]
    case .checkPositions(let bound): return operands[0].clamped(bound.limit)
    case .broadcast, .reshape, .transpose, .slice, .pad, .concatenate:
      return movedRange(operands, types)
    case .reduce(.maximum, _):
      // The greatest of all is the greatest of its row.
      return .between(
        operands[0].low, operands[0].high, reachesLow: false,
        reachesHigh: operands[0].reachesHigh)
    case .reduce(.sum, let axes):
      let count = axes.reduce(1) { $0 * types[0].shape[$1] }
      return operands[0].some.scaled(by: count)
    case .gather: return operands[0].some
    default: return .anything
    }
  }

  private func movedRange(_ operands: [PositionRange], _ types: [TensorType]) -> PositionRange {
    let x = operands[0]
    switch self {
    case .broadcast(_, let axes): return x.movingAxes { axes[$0] }
    case .transpose(let permutation): return x.movingAxes { permutation.firstIndex(of: $0) }
    case .reshape(let shape):
      // Axes of size 1 come and go.
      let (old, new) = (types[0].shape, shape)
      let (long, kept) = (old.indices.filter { old[$0] > 1 }, new.indices.filter { new[$0] > 1 })
      guard long.map({ old[$0] }) == kept.map({ new[$0] }) else { return x.whole }
      let places = Dictionary(zip(long, kept)) { first, _ in first }
      return x.movingAxes { places[$0] }
    case .slice(let starts, let shape): return x.sliced(starts, shape, of: types[0].shape)
    case .windows: return x.some
    case .pad: return x.joined(.constant(0))
    case .concatenate: return operands.dropFirst().reduce(x) { $0.joined($1) }
    default: return .anything
    }
  }
}

extension PositionRange {
  /// The same elements with each axis at another place.
  func movingAxes(_ place: (Int) -> Int?) -> PositionRange {
    moved { index in
      if case .axis(let axis) = index { place(axis).map { .axis($0) } } else { index }
    }
  }

  fileprivate func sliced(_ starts: [Int], _ shape: [Int], of whole: [Int]) -> PositionRange {
    guard case .affine(var constant, var terms) = self else {
      return shape == whole ? self : some
    }
    for axis in starts.indices {
      guard let term = terms[.axis(axis)] else { continue }
      constant += term.coefficient * starts[axis]
      terms[.axis(axis)]?.extent = shape[axis]
    }
    return PositionRange.affine(constant: constant, terms).inI32
  }
}
