// SPDX-License-Identifier: Apache-2.0
//
// Built-in functions about the arrays of a tree one by one, for optimisers that scale each by its size.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let leaves: [Builtin] = [
    Builtin(
      "leaf_sums", .any("x"), summary: "for each array of a tree the sum of its elements"
    ) { e, _, x in
      try e.mapLeaves(x) { leaf in
        let tensor = try e.floatTensor(leaf)
        return .tensor(e.emitter.reduce(.sum, tensor, axes: Array(tensor.shape.indices)))
      }
    },
    Builtin(
      "leaf_sizes", .any("x"), summary: "for each array of a tree the number of its elements"
    ) { e, _, x in
      try e.mapLeaves(x) { .integer(try e.tensor($0).type.elementCount) }
    },
    Builtin(
      "rank", .any("x"), summary: "the number of axes; of a tree for each of its arrays"
    ) { e, _, x in
      try e.mapLeaves(x) { .integer(try e.tensor($0).shape.count) }
    },
    Builtin(
      "orthogonalize", .any("x"), .flag("scale"),
      summary: "matrices near to `x` with singular values near to 1, as `muon` takes them; what is "
        + "no matrix as it is. `scale` multiplies by `sqrt(columns / rows)` if that is above 1"
    ) { e, _, x, scales in
      try e.mapLeaves(x) { .tensor(e.orthogonalized(try e.floatTensor($0), scales: scales)) }
    },
  ]
}

extension Elaborator {
  /// Five steps of the Newton-Schulz iteration `x (a + b x'x + c (x'x)^2)` from the matrix over its
  /// Frobenius norm.
  ///
  /// - Shapes: `[m, n] -> [m, n]`; an array with another number of axes is given back.
  /// - Cost: 15 products of matrices with the smaller of the two sizes for inner or outer one.
  /// - Source: Jordan et al. 2024 (Muon); the coefficients make singular values between 0.7 and 1.2.
  fileprivate func orthogonalized(_ x: Tensor, scales: Bool) -> Tensor {
    guard x.shape.count == 2 else { return x }
    let (rows, columns) = (x.shape[0], x.shape[1])
    let isTall = rows > columns
    var y = isTall ? emitter.transpose(x, [1, 0]) : x
    let squares = emitter.reduce(.sum, emitter.binary(.multiply, y, y), axes: [0, 1])
    let norm = emitter.unary(.sqrt, squares)
    let divisor = emitter.binary(.add, norm, emitter.constant(1e-8, norm.type))
    y = emitter.binary(.divide, y, emitter.broadcast(divisor, to: y.shape))
    for _ in 0..<5 {
      let gram = ContractionLabels(lhs: [0, 1], rhs: [2, 1], output: [0, 2])
      let a = emitter.add(.contract(gram), y, y)
      let square = emitter.add(.contract(.matrixProduct), a, a)
      let b = emitter.binary(.add, times(-4.7750, a), times(2.0315, square))
      y = emitter.binary(
        .add, times(3.4445, y), emitter.add(.contract(.matrixProduct), b, y))
    }
    if isTall { y = emitter.transpose(y, [1, 0]) }
    return scales && columns > rows ? times((Double(columns) / Double(rows)).squareRoot(), y) : y
  }

  private func times(_ number: Double, _ x: Tensor) -> Tensor {
    emitter.binary(.multiply, emitter.constant(number, x.type), x)
  }
}
