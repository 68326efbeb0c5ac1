// SPDX-License-Identifier: Apache-2.0
//
// Which forms the sizes of an op's result have, given those of its operands. An op without a line gives
// none, which is no error but lets slips pass.

import TensorIR

extension Op {
  /// The forms of the axes of the only result.
  func sizeForms(_ operands: [Tensor], shape: [Int]) -> [SizeForm?] {
    guard let x = operands.first else { return [] }
    func axes(_ form: (Int) -> SizeForm?) -> [SizeForm?] { shape.indices.map(form) }
    switch self {
    case .unary, .binary, .compare, .select, .convert, .stopGradient, .threefry, .checkPositions,
      .cumulativeSum:
      guard operands.contains(where: { !$0.forms.isEmpty }) else { return [] }
      return axes { axis in operands.reduce(nil) { $0.joined($1.form(axis)) } }
    case .broadcast(_, let kept):
      var forms = [SizeForm?](repeating: nil, count: shape.count)
      for (axis, place) in kept.enumerated() { forms[place] = x.form(axis) }
      return forms
    case .reshape: return x.reshapedForms(to: shape)
    case .transpose(let permutation): return permutation.map(x.form)
    case .slice(let starts, _):
      return axes { starts[$0] == 0 && shape[$0] == x.shape[$0] ? x.form($0) : nil }
    case .pad(let low, let high): return axes { low[$0] + high[$0] == 0 ? x.form($0) : nil }
    case .concatenate(let joined):
      return axes { axis in
        guard axis == joined else { return operands.reduce(nil) { $0.joined($1.form(axis)) } }
        let parts = operands.map { $0.form(axis) }
        return parts.dropFirst().reduce(parts[0]) { sum, part in
          if let sum, let part { (sum + part).limited } else { nil }
        }
      }
    case .reduce(_, let gone): return x.shape.indices.filter { !gone.contains($0) }.map(x.form)
    case .contract(let labels):
      return labels.output.map { label in
        let left = labels.lhs.firstIndex(of: label).flatMap(x.form)
        return left.joined(labels.rhs.firstIndex(of: label).flatMap(operands[1].form))
      }
    case .gather:
      let indices = operands[1]
      return indices.shape.indices.map(indices.form) + x.shape.indices.dropFirst().map(x.form)
    default: return []
    }
  }
}

extension Tensor {
  /// Axes of size 1 come and go; others keep their forms as far as they are the same from either end.
  fileprivate func reshapedForms(to shape: [Int]) -> [SizeForm?] {
    guard !forms.isEmpty else { return [] }
    var result = [SizeForm?](repeating: nil, count: shape.count)
    let old = self.shape.indices.filter { self.shape[$0] != 1 }
    let new = shape.indices.filter { shape[$0] != 1 }
    for (a, b) in zip(old, new) {
      guard self.shape[a] == shape[b] else { break }
      result[b] = form(a)
    }
    for (a, b) in zip(old.reversed(), new.reversed()) {
      guard self.shape[a] == shape[b] else { break }
      result[b] = form(a)
    }
    return result
  }
}
