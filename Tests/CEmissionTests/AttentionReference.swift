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

  /// Element counts of the kernel's operands, and of its results.
  var operandCounts: [Int] { shape.order.operands.map(count) }
  var resultCounts: [Int] { shape.order.results.map(count) }

  private func count(_ array: AttentionArray) -> Int {
    switch array {
    case .queryLike: shape.batch * shape.queries * shape.heads * shape.width
    case .keyLike: shape.batch * shape.keys * shape.keyHeads * shape.width
    case .rowStatistic: shape.batch * shape.heads * shape.queries
    }
  }

  /// The results for `operands`, in the order of the kernel's parameters.
  func results(_ operands: [[Double]]) -> [[Double]] {
    var results = resultCounts.map { [Double](repeating: 0, count: $0) }
    for batch in 0..<shape.batch {
      for head in 0..<shape.heads {
        let matrices = zip(operands, shape.order.operands).map {
          matrix($0, $1, batch, head)
        }
        for (number, result) in oneHead(matrices).enumerated() {
          for (offset, value) in zip(
            offsets(shape.order.results[number], batch, head), result.elements)
          {
            results[number][offset] += value  // Key heads gain from several query heads.
          }
        }
      }
    }
    return results
  }

  // MARK: one head

  private func oneHead(_ x: [Matrix]) -> [Matrix] {
    let (q, k, v) = (x[0], x[1], x[2])
    let scores = masked(shape.scale * (q * k.transposed))
    if shape.order == .value {
      let l = scores.mapRows { row in
        let top = row.max() ?? 0
        return top + log(row.reduce(0) { $0 + exp($1 - top) })
      }
      return [probabilities(scores, l) * v, l]
    }
    let (o, p) = (x[3], probabilities(scores, x[4]))
    switch shape.order {
    case .value: return []
    case .tangent:
      let (qTan, kTan, vTan) = (x[5], x[6], x[7])
      let sTan = shape.scale * (qTan * k.transposed + q * kTan.transposed)
      let r = (p ** sTan).rowSums
      return [(p ** sTan) * v - o.scalingRows(by: r) + p * vTan, r]
    case .adjoint:
      let oAdj = x[5]
      let sAdj = p ** (oAdj * v.transposed).subtractingFromRows((oAdj ** o).rowSums)
      return [shape.scale * (sAdj * k), shape.scale * (sAdj.transposed * q), p.transposed * oAdj]
    case .adjointTangent:
      let (oAdj, qTan, kTan, vTan) = (x[5], x[6], x[7], x[8])
      let (oTan, lTan, oAdjTan) = (x[9], x[10], x[11])
      let sTan = shape.scale * (qTan * k.transposed + q * kTan.transposed)
      let pTan = p ** sTan.subtractingFromRows(lTan)
      let excess = (oAdj * v.transposed).subtractingFromRows((oAdj ** o).rowSums)
      let excessTan = (oAdjTan * v.transposed + oAdj * vTan.transposed)
        .subtractingFromRows((oAdjTan ** o + oAdj ** oTan).rowSums)
      let (sAdj, sAdjTan) = (p ** excess, pTan ** excess + p ** excessTan)
      return [
        shape.scale * (sAdjTan * k + sAdj * kTan),
        shape.scale * (sAdjTan.transposed * q + sAdj.transposed * qTan),
        pTan.transposed * oAdj + p.transposed * oAdjTan,
      ]
    }
  }

  private func masked(_ scores: Matrix) -> Matrix {
    guard shape.isCausal else { return scores }
    return Matrix(scores.rows, scores.columns) { $1 <= $0 ? scores[$0, $1] : -.infinity }
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

  /// Where a head's rows lie, element by element.
  private func offsets(_ kind: AttentionArray, _ batch: Int, _ head: Int) -> [Int] {
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
}

/// The three kinds of array that attention works on.
enum AttentionArray { case queryLike, keyLike, rowStatistic }

extension DerivativeOrder {
  /// The operands of an attention kernel.
  var operands: [AttentionArray] {
    let inputs: [AttentionArray] = [.queryLike, .keyLike, .keyLike]
    let value: [AttentionArray] = [.queryLike, .rowStatistic]
    switch self {
    case .value: return inputs
    case .tangent: return inputs + value + inputs
    case .adjoint: return inputs + value + [.queryLike]
    case .adjointTangent: return inputs + value + [.queryLike] + inputs + value + [.queryLike]
    }
  }

  /// Its results.
  var results: [AttentionArray] {
    switch self {
    case .value, .tangent: [.queryLike, .rowStatistic]
    case .adjoint, .adjointTangent: [.queryLike, .keyLike, .keyLike]
    }
  }
}

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
