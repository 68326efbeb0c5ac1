// SPDX-License-Identifier: Apache-2.0
//
// How a product reads its factors. Windows are read where they lie, so the product is made in pieces,
// one for each row of windows, each of which reads all of the other factor: a kernel, often turned
// around and transposed by a derivative. That one is laid out once as the pieces read it.
//
//   before:  windows %x: [n, p, t, c] strides [.., 1 row, 1 row, 1]   %k reversed, transposed
//   after:   %k_copy: [t, c, f], dense                                 contraction of %x and %k_copy

import Kernels
import TensorIR

extension OperandBinding {
  /// The views of a product's two factors.
  mutating func factors(of node: Node, _ labels: ContractionLabels) -> (lhs: View, rhs: View) {
    var lhs = storedView(of: node.operands[0], node.provenance)
    var rhs = storedView(of: node.operands[1], node.provenance)
    let output = labels.output
    if lhs.overlaps, !rhs.overlaps {
      rhs = arranged(rhs, labels.rhs, beside: lhs, labels.lhs, output, node)
    } else if rhs.overlaps, !lhs.overlaps {
      lhs = arranged(lhs, labels.lhs, beside: rhs, labels.rhs, output, node)
    }
    return (lhs, rhs)
  }

  /// A factor that lies as the pieces of the product read it: the summed axes in the order in which
  /// the windows have them, then its own.
  private mutating func arranged(
    _ factor: View, _ labels: [Int], beside windows: View, _ others: [Int], _ output: [Int],
    _ node: Node
  ) -> View {
    let reads = zip(others, windows.shape).filter { !labels.contains($0.0) }
      .reduce(1) { $0 * $1.1 }
    guard reads >= Machine.readsForLayout else { return factor }
    let strides = Dictionary(zip(others, windows.strides)) { first, _ in first }
    let batch = output.filter { labels.contains($0) && others.contains($0) }
    let summed = labels.filter { others.contains($0) && !output.contains($0) }
      .sorted { abs(strides[$0] ?? 0) > abs(strides[$1] ?? 0) }
    let own = output.filter { labels.contains($0) && !others.contains($0) }
    let order = (batch + summed + own).compactMap(labels.firstIndex(of:))
    let turned = factor.transposed(order)
    if turned.isContiguous { return factor }
    let type = TensorType(turned.shape, region.type(of: factor.root).dtype)
    var inverse = order
    for (new, old) in order.enumerated() { inverse[old] = new }
    return copied(.view(turned), type, node.provenance).transposed(inverse)
  }
}

extension View {
  /// Whether two places of the view may be one element: windows that overlap.
  fileprivate var overlaps: Bool {
    let axes = zip(shape, strides).filter { $0.0 > 1 && $0.1 != 0 }
      .sorted { abs($0.1) < abs($1.1) }
    return zip(axes, axes.dropFirst()).contains { inner, outer in
      abs(outer.1) < abs(inner.1) * inner.0
    }
  }
}
