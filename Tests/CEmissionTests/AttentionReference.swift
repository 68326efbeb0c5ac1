// SPDX-License-Identifier: Apache-2.0
//
// Attention and its derivatives by the textbook: whole score matrices, plain loops, Double. The
// kernels under test hold no such matrix and share no code with this.

import Foundation
import Kernels
import TensorIR

/// Evaluates what an attention kernel of `shape` should compute.
struct AttentionReference {
  let shape: AttentionShape

  /// The kernel's operands and results.
  var operands: [AttentionArray] {
    let inputs: [AttentionArray] = [.queryLike, .keyLike, .keyLike]
    let known = inputs + scores.extras.map(AttentionArray.extra) + [.queryLike, .rowStatistic]
    let tangents = inputs + moving + [.queryLike, .rowStatistic]
    return switch shape.order {
    case .value: known.dropLast(2)
    case .tangent: known + tangents.dropLast(2)
    case .adjoint: known + [.queryLike]
    case .adjointTangent: known + [.queryLike] + tangents + [.queryLike]
    }
  }

  var results: [AttentionArray] {
    switch shape.order {
    case .value, .tangent: [.queryLike, .rowStatistic]
    case .adjoint, .adjointTangent: [.queryLike, .keyLike, .keyLike] + moving
    }
  }

  private var scores: AttentionScores { shape.scores }
  private var moving: [AttentionArray] {
    scores.extras.filter(scores.isMoving).map(AttentionArray.extra)
  }

  func count(_ array: AttentionArray) -> Int {
    switch array {
    case .queryLike: shape.batch * shape.queries * shape.heads * shape.width
    case .keyLike: shape.batch * shape.keys * shape.keyHeads * shape.width
    case .rowStatistic: shape.batch * shape.heads * shape.queries
    case .extra(.relative): shape.batch * shape.heads * (shape.queries + shape.keys - 1)
    case .extra(.bias): shape.biasExtents.reduce(1, *)
    case .extra(.mask): shape.maskExtents.reduce(1, *)
    case .extra(.lengths): shape.batch
    }
  }

  /// The results for `operands`, in the order of the kernel's parameters.
  func results(_ operands: [[Double]]) -> [[Double]] {
    var results = results.map { [Double](repeating: 0, count: count($0)) }
    for batch in 0..<shape.batch {
      for head in 0..<shape.heads {
        let matrices = zip(operands, self.operands).map { matrix($0, $1, batch, head) }
        for (number, result) in oneHead(matrices).enumerated() {
          for (offset, value) in zip(
            offsets(self.results[number], batch, head), result.elements)
          {
            // Key heads gain from several query heads, terms from all pairs that share them.
            results[number][offset] += value
          }
        }
      }
    }
    return results
  }

  // MARK: one head

  private func oneHead(_ x: [Matrix]) -> [Matrix] {
    let (q, k, v) = (x[0], x[1], x[2])
    let extras = Dictionary(uniqueKeysWithValues: zip(scores.extras, x.dropFirst(3)))
    let products = scores.scale * (q * k.transposed)
    let y = products.map { x in scores.softcap.map { tanh(x / $0) } ?? 0 }
    let gain = y.map { 1 - $0 * $0 }
    let bounded = scores.softcap.map { $0 * y } ?? products
    let s = masked(terms(extras).reduce(bounded, +), extras)
    if shape.order == .value {
      let l = s.mapRows { row in
        guard let top = row.max(), top > -.infinity else { return 0 }
        return top + log(row.reduce(0) { $0 + exp($1 - top) })
      }
      return [probabilities(s, l) * v, l]
    }
    let rest = Array(x.dropFirst(3 + extras.count))
    let (o, p) = (rest[0], probabilities(s, rest[1]))
    let isAdjoint = shape.order != .tangent
    let oAdj = isAdjoint ? rest[2] : o
    let excess = (oAdj * v.transposed).subtractingFromRows((oAdj ** o).rowSums)
    let sAdj = p ** excess
    if shape.order == .adjoint {
      let productsAdj = gain ** sAdj
      return [
        scores.scale * (productsAdj * k), scores.scale * (productsAdj.transposed * q),
        p.transposed * oAdj,
      ] + moving.map { _ in sAdj }
    }
    let tangents = Array(rest.dropFirst(isAdjoint ? 3 : 2))
    let (qTan, kTan, vTan) = (tangents[0], tangents[1], tangents[2])
    let productsTan = scores.scale * (qTan * k.transposed + q * kTan.transposed)
    let sTan = tangents[3..<(3 + moving.count)].reduce(gain ** productsTan, +)
    if shape.order == .tangent {
      let r = (p ** sTan).rowSums
      return [(p ** sTan) * v - o.scalingRows(by: r) + p * vTan, r]
    }
    let last = tangents.suffix(3).map { $0 }
    let (oTan, lTan, oAdjTan) = (last[0], last[1], last[2])
    let pTan = p ** sTan.subtractingFromRows(lTan)
    let excessTan = (oAdjTan * v.transposed + oAdj * vTan.transposed)
      .subtractingFromRows((oAdjTan ** o + oAdj ** oTan).rowSums)
    let sAdjTan = pTan ** excess + p ** excessTan
    let gainTan = (-2 / (scores.softcap ?? 1)) * (y ** gain ** productsTan)
    let (productsAdj, productsAdjTan) = (gain ** sAdj, gain ** sAdjTan + gainTan ** sAdj)
    return [
      scores.scale * (productsAdjTan * k + productsAdj * kTan),
      scores.scale * (productsAdjTan.transposed * q + productsAdj.transposed * qTan),
      pTan.transposed * oAdj + p.transposed * oAdjTan,
    ] + moving.map { _ in sAdjTan }
  }

  private func terms(_ extras: [AttentionExtra: Matrix]) -> [Matrix] {
    [AttentionExtra.relative, .bias].compactMap { extras[$0] }
  }

  private func masked(_ s: Matrix, _ extras: [AttentionExtra: Matrix]) -> Matrix {
    Matrix(s.rows, s.columns) { i, j in
      let isSeen =
        j < scores.prefix
        || ((!scores.isCausal || j <= i) && scores.window.map { abs(i - j) <= $0 } ?? true)
      let exists = extras[.lengths].map { Double(j) < $0[i, j] } ?? true
      let isWanted = extras[.mask].map { $0[i, j] != 0 } ?? true
      return isSeen && exists && isWanted ? s[i, j] : -.infinity
    }
  }

  private func probabilities(_ scores: Matrix, _ l: Matrix) -> Matrix {
    Matrix(scores.rows, scores.columns) { exp(scores[$0, $1] - l[$0, 0]) }
  }

  // MARK: places

  private func matrix(
    _ array: [Double], _ kind: AttentionArray, _ batch: Int, _ head: Int
  ) -> Matrix {
    let places = offsets(kind, batch, head)
    let rows = kind == .keyLike ? shape.keys : shape.queries
    return Matrix(rows, places.count / rows, places.map { array[$0] })
  }

  /// Where a head's rows lie, element by element; of what belongs to pairs, for each pair.
  private func offsets(_ kind: AttentionArray, _ batch: Int, _ head: Int) -> [Int] {
    if case .extra(let extra) = kind {
      return (0..<shape.queries).flatMap { i in
        (0..<shape.keys).map { j in offset(extra, batch, head, i, j) }
      }
    }
    if kind == .rowStatistic {
      return (0..<shape.queries).map { (batch * shape.heads + head) * shape.queries + $0 }
    }
    let isKey = kind == .keyLike
    let (rows, heads) = isKey ? (shape.keys, shape.keyHeads) : (shape.queries, shape.heads)
    let own = isKey ? head / (shape.heads / shape.keyHeads) : head
    return (0..<rows).flatMap { row in
      (0..<shape.width).map { ((batch * rows + row) * heads + own) * shape.width + $0 }
    }
  }

  private func offset(_ extra: AttentionExtra, _ batch: Int, _ head: Int, _ i: Int, _ j: Int) -> Int
  {
    switch extra {
    case .lengths: return batch
    case .relative:
      let distances = shape.queries + shape.keys - 1
      return (batch * shape.heads + head) * distances + j - i + shape.queries - 1
    case .bias, .mask:
      let extents = extra == .bias ? shape.biasExtents : shape.maskExtents
      return zip(extents, [batch, head, i, j]).reduce(0) { $0 * $1.0 + ($1.0 == 1 ? 0 : $1.1) }
    }
  }
}

/// The kinds of array that attention works on.
enum AttentionArray: Equatable { case queryLike, keyLike, rowStatistic, extra(AttentionExtra) }

/// A dense matrix of Doubles with the operations that the formulas above need.
struct Matrix {
  let rows: Int, columns: Int
  let elements: [Double]

  init(_ rows: Int, _ columns: Int, _ elements: [Double]) {
    (self.rows, self.columns, self.elements) = (rows, columns, elements)
  }

  init(_ rows: Int, _ columns: Int, _ element: (Int, Int) -> Double) {
    self.init(
      rows, columns, (0..<rows).flatMap { row in (0..<columns).map { element(row, $0) } })
  }

  subscript(row: Int, column: Int) -> Double { elements[row * columns + column] }

  var transposed: Matrix { Matrix(columns, rows) { self[$1, $0] } }
  /// The sum of each row, as a column.
  var rowSums: Matrix { mapRows { $0.reduce(0, +) } }

  func map(_ function: (Double) -> Double) -> Matrix {
    Matrix(rows, columns, elements.map(function))
  }

  func mapRows(_ function: (ArraySlice<Double>) -> Double) -> Matrix {
    Matrix(rows, 1, (0..<rows).map { function(elements[$0 * columns..<($0 + 1) * columns]) })
  }

  func subtractingFromRows(_ column: Matrix) -> Matrix {
    Matrix(rows, columns) { self[$0, $1] - column[$0, 0] }
  }

  func scalingRows(by column: Matrix) -> Matrix {
    Matrix(rows, columns) { self[$0, $1] * column[$0, 0] }
  }

  static func * (lhs: Matrix, rhs: Matrix) -> Matrix {
    let (columns, depth) = (rhs.columns, lhs.columns)
    let elements = [Double](unsafeUninitializedCapacity: lhs.rows * columns) { result, count in
      count = lhs.rows * columns
      result.initialize(repeating: 0)
      lhs.elements.withUnsafeBufferPointer { left in
        rhs.elements.withUnsafeBufferPointer { right in
          // Tests run unoptimised, where ranges cost more than the arithmetic.
          var (row, inner, column) = (0, 0, 0)
          while row < lhs.rows {
            let product = left[row * depth + inner] * right[inner * columns + column]
            result[row * columns + column] += product
            column += 1
            if column == columns { (column, inner) = (0, inner + 1) }
            if inner == depth { (inner, row) = (0, row + 1) }
          }
        }
      }
    }
    return Matrix(lhs.rows, columns, elements)
  }

  static func * (factor: Double, matrix: Matrix) -> Matrix {
    Matrix(matrix.rows, matrix.columns, matrix.elements.map { factor * $0 })
  }

  /// The product element by element.
  static func ** (lhs: Matrix, rhs: Matrix) -> Matrix { lhs.combined(rhs, *) }
  static func + (lhs: Matrix, rhs: Matrix) -> Matrix { lhs.combined(rhs, +) }
  static func - (lhs: Matrix, rhs: Matrix) -> Matrix { lhs.combined(rhs, -) }

  private func combined(_ other: Matrix, _ function: (Double, Double) -> Double) -> Matrix {
    Matrix(rows, columns, zip(elements, other.elements).map(function))
  }
}

infix operator ** : MultiplicationPrecedence
