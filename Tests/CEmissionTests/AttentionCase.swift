// SPDX-License-Identifier: Apache-2.0
//
// What attention kernels are run on: shapes with every kind of scores and masks, and operands that
// belong together.

import Kernels
import MixFuseShared
import TensorIR

/// Operands for tests, and the measure of error.
enum AttentionCase {
  /// Shapes with each kind of scores and masks, and with several at once. Some queries see nothing.
  static func variants(_ order: DerivativeOrder, _ element: FloatType) -> [AttentionShape] {
    func shape(
      _ queries: Int, _ keys: Int, _ scores: AttentionScores, bias: [Int] = [], mask: [Int] = []
    ) -> AttentionShape {
      // Three batch elements, two heads of queries to one of keys.
      AttentionShape(
        order: order, batch: 3, queries: queries, keys: keys, heads: 4, keyHeads: 2, width: 5,
        scores: scores, biasExtents: bias, maskExtents: mask, element: element)
    }
    func scores(_ change: (inout AttentionScores) -> Void) -> AttentionScores {
      var scores = AttentionScores(scale: 0.6)
      change(&scores)
      return scores
    }
    return [
      shape(75, 75, scores { ($0.isCausal, $0.window) = (true, 9) }),
      shape(150, 150, scores { ($0.isCausal, $0.window) = (true, 80) }),
      shape(150, 71, scores { $0.window = 1 }), shape(71, 150, scores { $0.window = 33 }),
      shape(75, 75, scores { ($0.isCausal, $0.prefix) = (true, 40) }),
      shape(300, 300, scores { ($0.isCausal, $0.window, $0.prefix) = (true, 70, 66) }),
      shape(130, 130, scores { ($0.window, $0.prefix) = (3, 2) }),
      shape(67, 67, scores { ($0.isCausal, $0.hasLengths) = (true, true) }),
      shape(9, 67, scores { $0.hasLengths = true }),
      shape(40, 64, scores { $0.softcap = 0.5 }),
      shape(67, 70, scores { $0.relative = .moving }),
      shape(70, 67, scores { ($0.relative, $0.softcap) = (.fixed, 2) }),
      shape(1, 2, scores { $0.relative = .moving }),
      shape(67, 70, scores { $0.bias = .moving }, bias: [3, 4, 67, 70]),
      shape(37, 40, scores { $0.bias = .moving }, bias: [1, 4, 37, 40]),
      shape(37, 40, scores { $0.bias = .moving }, bias: [3, 1, 37, 40]),
      shape(37, 40, scores { $0.bias = .moving }, bias: [1, 1, 37, 40]),
      shape(37, 40, scores { $0.bias = .moving }, bias: [3, 4, 1, 40]),
      shape(37, 40, scores { $0.bias = .fixed }, bias: [1, 1, 37, 40]),
      shape(67, 70, scores { $0.hasMask = true }, mask: [3, 1, 67, 70]),
      shape(
        75, 75,
        scores {
          ($0.isCausal, $0.window, $0.prefix, $0.softcap) = (true, 20, 3, 1.5)
          ($0.relative, $0.bias, $0.hasLengths, $0.hasMask) = (.moving, .moving, true, true)
        }, bias: [3, 1, 75, 75], mask: [1, 4, 1, 75]),
    ]
  }

  /// Operands of any order that belong together: results and row statistics are those of the
  /// queries, keys and values, their tangents likewise.
  static func operands(_ shape: AttentionShape, using source: inout SplitMix64) -> [[Double]] {
    func random(_ arrays: some Sequence<AttentionArray>) -> [[Double]] {
      arrays.map { array in
        (0..<AttentionReference(shape: shape).count(array)).map { _ in
          switch array {
          // One key too many is all of them; none or fewer are none.
          case .extra(.lengths): Double(source.next(below: shape.keys + 3)) - 1
          case .extra(.mask): source.next(below: 3) == 0 ? 0 : 1
          default: Double(source.next(below: 2001)) / 1000 - 1
          }
        }
      }
    }
    func evaluate(_ order: DerivativeOrder, _ operands: [[Double]]) -> [[Double]] {
      var other = shape
      other.order = order
      return AttentionReference(shape: other).results(operands)
    }
    let arrays = AttentionReference(shape: shape).operands
    let (given, moving) = (3 + shape.scores.extras.count, 3 + movingCount(shape))
    let inputs = random(arrays.prefix(given))
    if shape.order == .value { return inputs }
    let known = inputs + evaluate(.value, inputs)
    switch shape.order {
    case .value: return inputs
    case .tangent: return known + random(arrays.suffix(moving))
    case .adjoint: return known + random(arrays.suffix(1))
    case .adjointTangent:
      let adjoint = random([.queryLike])
      let tangents = random(arrays[(given + 3)..<(given + 3 + moving)])
      return known + adjoint + tangents + evaluate(.tangent, known + tangents)
        + random([.queryLike])
    }
  }

  private static func movingCount(_ shape: AttentionShape) -> Int {
    shape.scores.extras.filter(shape.scores.isMoving).count
  }

  /// Random tangents of the operands that have one; those of results and row statistics belong to
  /// the others.
  static func tangents(
    of operands: [[Double]], _ shape: AttentionShape, using source: inout SplitMix64
  ) -> [[Double]?] {
    let given = 3 + shape.scores.extras.count
    var tangents = operands.enumerated().map { position, operand -> [Double]? in
      let isMoving =
        position < 3 || position >= given
        || shape.scores.isMoving(shape.scores.extras[position - 3])
      return isMoving ? operand.map { _ in Double(source.next(below: 2001)) / 1000 - 1 } : nil
    }
    if shape.order != .value {
      var tangent = shape
      tangent.order = .tangent
      let found = AttentionReference(shape: tangent).results(
        Array(operands[..<(given + 2)] + tangents[..<given].compactMap { $0 }))
      (tangents[given], tangents[given + 1]) = (found[0], found[1])
    }
    return tangents
  }

  /// Norm of the difference over norm of `expected`; of the difference itself if that is small.
  static func relativeError(_ found: [Double], _ expected: [Double]) -> Double {
    func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let difference = norm(zip(found, expected).map { $0 - $1 })
    return difference / max(norm(expected), 1e-3 * Double(expected.count).squareRoot())
  }
}
