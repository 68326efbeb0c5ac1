// SPDX-License-Identifier: Apache-2.0
//
// Matrix products and einsum, both as the IR's `contract`.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let products: [Builtin] = [
    Builtin("matmul", .any("a"), .any("b"), summary: "`a @ b`") {
      .tensor(try $0.matrixProduct(at: $1, $2, $3))
    },
    Builtin(
      "einsum", .any("letters"), .rest("arrays"),
      summary: "the sum of products that the letters say: `einsum(\"bsd,dk->bsk\", x, w)`"
    ) { .tensor(try $0.einsum($2, $3)) },
  ]
}

extension Elaborator {
  /// `lhs @ rhs` in the manner of NumPy: the last axis of `lhs` meets the last but one of `rhs`;
  /// axes before those are batch axes and stretch; a vector on either side has its axis summed.
  func matrixProduct(at place: Span, _ lhs: Operand, _ rhs: Operand) throws -> Tensor {
    let a = try floatTensor(lhs)
    let b = try floatTensor(rhs)
    let name = place.text == "@" ? "'@'" : place.text
    guard !a.shape.isEmpty, !b.shape.isEmpty else {
      throw fail(
        .rank(op: name, expected: "two arrays with axes", found: "a scalar"), at: place,
        operands: [lhs, rhs], help: "write '*' to multiply by a scalar")
    }
    let inner = (a.shape[a.shape.count - 1], b.shape[max(b.shape.count - 2, 0)])
    guard inner.0 == inner.1 else {
      throw fail(
        .innerSizes(op: name, lhs: inner.0, rhs: inner.1), at: place, operands: [lhs, rhs],
        help: replacement(for: rhs, innerSize: inner.0, times: lhs, place))
    }
    try requireSame(
      a.form(a.shape.count - 1), b.form(max(b.shape.count - 2, 0)), inner.0, name, at: place,
      operands: [lhs, rhs])
    for axis in 2..<max(2, min(a.shape.count, b.shape.count)) {
      let (x, y) = (a.shape.count - axis - 1, b.shape.count - axis - 1)
      guard a.shape[x] == b.shape[y] else { continue }
      try requireSame(
        a.form(x), b.form(y), a.shape[x], name, at: place, operands: [lhs, rhs])
    }
    guard let batch = commonShape(Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2))) else {
      throw fail(
        .broadcast(op: name, lhs: a.shape.spelling, rhs: b.shape.spelling), at: place,
        operands: [lhs, rhs])
    }
    // Labels: 0 rows, 1 the inner axis, 2 columns, 3... batch axes. A batch axis is on both sides,
    // or on the one side that has it, so nothing is stretched unless sizes 1 and n meet.
    let aBatch = batchLabels(a, batch)
    let bBatch = batchLabels(b, batch)
    let rows = a.shape.count > 1 ? [0] : []
    let columns = b.shape.count > 1 ? [2] : []
    let left = stretchBatch(a, batch)
    let right = stretchBatch(b, batch)
    let labels = ContractionLabels(
      lhs: aBatch + rows + [1], rhs: bBatch + [1] + columns,
      output: batch.indices.map { $0 + 3 } + rows + columns)
    return emitter.add(.contract(labels), left, right)
  }

  private func batchLabels(_ x: Tensor, _ batch: [Int]) -> [Int] {
    let own = max(x.shape.count - 2, 0)
    return batch.indices.suffix(own).map { $0 + 3 }
  }

  /// Stretches those batch axes of `x` that have size 1 where the result has more.
  private func stretchBatch(_ x: Tensor, _ batch: [Int]) -> Tensor {
    let own = max(x.shape.count - 2, 0)
    guard own > 0 else { return x }
    return emitter.broadcast(x, to: batch.suffix(own) + x.shape.suffix(2))
  }

  /// If another name beside the right operand's would fit, the product with it.
  private func replacement(
    for rhs: Operand, innerSize: Int, times lhs: Operand, _ place: Span
  ) -> String? {
    let candidates: [(text: String, value: Value)]
    switch rhs.expression.kind {
    case .field(let base, let name):
      guard case .tree(let tree)? = value(ofPath: base) else { return nil }
      candidates = tree.fields.filter { $0.name != name.text }.map {
        ("\(base.span.text).\($0.name)", $0.value)
      }
    case .name(let name):
      candidates = scope.visibleNames.subtracting([name]).sorted().compactMap { other in
        scope.lookup(other).map { (other, $0.value) }
      }
    default: return nil
    }
    let fitting = candidates.first { candidate in
      guard case .tensor(let tensor) = candidate.value, candidate.text != lhs.expression.span.text
      else { return false }
      return tensor.dtype.isFloat && tensor.shape.count == 2 && tensor.shape[0] == innerSize
    }
    guard let fitting else { return nil }
    let left = lhs.expression.span.text
    let product =
      place.text == "@" ? "\(left) @ \(fitting.text)" : "\(place.text)(\(left), \(fitting.text))"
    return "\(fitting.text) has shape \(fitting.value.spelling); did you mean \(product)?"
  }
}

// MARK: - einsum

extension Elaborator {
  /// `einsum("bsd,dk->bsk", x, w)`: letters name axes, letters that are not in the output are
  /// summed over. More than two operands are multiplied from left to right.
  fileprivate func einsum(_ specification: Operand, _ operands: [Operand]) throws -> Tensor {
    guard case .string(let text) = specification.value else {
      throw fail(
        .kind(
          what: "the first argument of einsum", expected: "a string such as \"ij,jk->ik\"",
          found: specification.value.kind), at: specification.expression.span)
    }
    let (written, output) = try einsumLabels(text, specification, count: operands.count)
    let whole = try operands.map(floatTensor)
    try checkEinsumSizes(written, whole, operands, specification)
    let lettered = zip(whole, written).map { diagonal($0, $1) }
    let (tensors, inputs) = (lettered.map(\.tensor), lettered.map(\.letters))
    var result = tensors[0]
    var letters = inputs[0]
    for index in tensors.indices.dropFirst() {
      // Letters of the output come first, so the last product has its axes in their final order.
      var needed = output
      for letter in inputs[(index + 1)...].joined() where !needed.contains(letter) {
        needed.append(letter)
      }
      (result, letters) = contract(
        (result, letters), (tensors[index], inputs[index]), needed: needed)
    }
    (result, letters) = sumOut(result, letters, keeping: Set(output))
    return emitter.transpose(result, output.compactMap { letters.firstIndex(of: $0) })
  }

  /// The letters of each operand and of the output.
  private func einsumLabels(
    _ text: String, _ specification: Operand, count: Int
  ) throws -> (inputs: [[Character]], output: [Character]) {
    let place = specification.expression.span
    let compact = text.filter { $0 != " " }
    let sides = compact.split(separator: "-", omittingEmptySubsequences: false)
    guard sides.count == 2, sides[1].first == ">" else {
      throw fail(.einsum("expected one '->', as in \"ij,jk->ik\""), at: place)
    }
    let inputs = sides[0].split(separator: ",", omittingEmptySubsequences: false).map(Array.init)
    let output = Array(sides[1].dropFirst())
    guard (inputs.flatMap { $0 } + output).allSatisfy(\.isLetter) else {
      throw fail(.einsum("axes are named by letters"), at: place)
    }
    guard inputs.count == count, count > 0 else {
      throw fail(.einsum("\(inputs.count) operands are named, \(count) are given"), at: place)
    }
    guard Set(output).count == output.count else {
      throw fail(.einsum("a letter stands twice in the output \(String(output))"), at: place)
    }
    let known = Set(inputs.flatMap { $0 })
    if let unknown = output.first(where: { !known.contains($0) }) {
      throw fail(.einsum("the letter \(unknown) of the output is in no operand"), at: place)
    }
    return (inputs, output)
  }

  /// Every operand has as many axes as letters, and a letter has one size everywhere.
  private func checkEinsumSizes(
    _ inputs: [[Character]], _ tensors: [Tensor], _ operands: [Operand], _ specification: Operand
  ) throws {
    var sizes: [Character: Int] = [:]
    var forms: [Character: SizeForm] = [:]
    for (index, letters) in inputs.enumerated() {
      let shape = tensors[index].shape
      guard letters.count == shape.count else {
        throw fail(
          .einsum("\(String(letters)) names \(letters.count) axes, got \(shape.spelling)"),
          at: specification.expression.span, operands: operands)
      }
      for (axis, (letter, size)) in zip(letters, shape).enumerated() {
        if let known = sizes[letter], known != size {
          throw fail(
            .einsum("the axis \(letter) has sizes \(known) and \(size)"),
            at: specification.expression.span, operands: operands)
        }
        sizes[letter] = size
        let form = tensors[index].form(axis)
        try requireSame(
          forms[letter], form, size, "the axis \(letter) of einsum",
          at: specification.expression.span, operands: operands)
        forms[letter] = forms[letter].joined(form)
      }
    }
  }

  /// An array with one axis for each letter: of axes that share one, the diagonal.
  private func diagonal(
    _ x: Tensor, _ letters: [Character]
  ) -> (tensor: Tensor, letters: [Character]) {
    for (axis, letter) in letters.enumerated() {
      guard let other = letters[(axis + 1)...].firstIndex(of: letter) else { continue }
      // Neighbours become one axis, in which a step along the diagonal is one of size + 1.
      let size = x.shape[axis]
      let neighbours = emitter.moveAxis(x, from: other, to: axis + 1)
      var shape = neighbours.shape
      shape.replaceSubrange(axis...axis + 1, with: [size * size])
      var rest = letters
      rest.remove(at: other)
      let flat = emitter.reshape(neighbours, to: shape)
      return diagonal(everyNth(flat, axis: axis, step: size + 1), rest)
    }
    return (x, letters)
  }

  /// The product of two lettered arrays, summed over the letters that nothing later needs.
  ///
  /// - Returns: the product and its letters, in the order of `needed`.
  private func contract(
    _ lhs: (Tensor, [Character]), _ rhs: (Tensor, [Character]), needed: [Character]
  ) -> (Tensor, [Character]) {
    let (a, aLetters) = sumOut(lhs.0, lhs.1, keeping: Set(needed + rhs.1))
    let (b, bLetters) = sumOut(rhs.0, rhs.1, keeping: Set(needed + lhs.1))
    let all = aLetters + bLetters.filter { !aLetters.contains($0) }
    let output = needed.filter { all.contains($0) }
    let number = Dictionary(uniqueKeysWithValues: zip(all, all.indices))
    let labels = ContractionLabels(
      lhs: aLetters.compactMap { number[$0] }, rhs: bLetters.compactMap { number[$0] },
      output: output.compactMap { number[$0] })
    return (emitter.add(.contract(labels), a, b), output)
  }

  private func sumOut(
    _ x: Tensor, _ letters: [Character], keeping needed: Set<Character>
  ) -> (Tensor, [Character]) {
    let axes = letters.indices.filter { !needed.contains(letters[$0]) }
    return (emitter.reduce(.sum, x, axes: axes), letters.filter { needed.contains($0) })
  }
}
