// SPDX-License-Identifier: Apache-2.0
//
// Contractions to test kernels with: the shapes that models have, and random ones with random
// memory layouts. Operands hold small whole numbers, so every correct kernel gives exactly the
// sums of the reference, whatever its order of additions.

import CEmission
import Kernels
import MixFuseShared

/// A contraction and the sizes of its arrays.
struct ContractionCase: CustomStringConvertible {
  var shape: ContractionShape
  var description: String

  /// Loops in the order of the reference's nest.
  private var loops: [[ContractionDimension]] {
    [shape.batch, shape.rows, shape.columns, shape.inner]
  }

  /// Elements from the first to the last that an array holds.
  func count(_ stride: (ContractionDimension) -> Int) -> Int {
    loops.joined().reduce(1) { $0 + ($1.extent - 1) * stride($1) }
  }

  /// C text of a function `name(a, b, c)` that computes the contraction by plain loops.
  func reference(named name: String) -> String {
    let real = shape.element == .f32 ? "float" : "double"
    let outer = shape.batch + shape.rows + shape.columns
    let clear = shape.accumulates ? "" : nest(outer, "c[\(index(outer, \.strideC))] = 0;")
    let all = outer + shape.inner
    let term = "a[\(index(all, \.strideA))] * b[\(index(all, \.strideB))]"
    let add = nest(all, "c[\(index(outer, \.strideC))] += \(term);")
    return "void \(name)(const \(real) *a, const \(real) *b, \(real) *c) {\n\(clear)\(add)}\n"
  }

  private func nest(_ loops: [ContractionDimension], _ body: String) -> String {
    let headers = loops.indices.map { number in
      "for (int64_t i\(number) = 0; i\(number) < \(loops[number].extent); ++i\(number))\n"
    }
    return headers.joined() + body + "\n"
  }

  private func index(
    _ loops: [ContractionDimension], _ stride: KeyPath<ContractionDimension, Int>
  ) -> String {
    let terms = loops.indices.map { "i\($0) * \(loops[$0][keyPath: stride])" }
    return (["0"] + terms).joined(separator: " + ")
  }
}

extension ContractionCase {
  /// Row-major products; `n` or `t` says which operand is transposed, `lane` puts the batch
  /// innermost in all arrays.
  static func product(
    _ layout: String, _ m: Int, _ n: Int, _ k: Int, batch: Int = 1, accumulates: Bool,
    element: ContractionElement
  ) -> ContractionCase {
    let lanes = layout == "lane" ? batch : 1
    let left = layout == "tn" ? (row: 1, inner: m) : (row: k, inner: 1)
    let right = layout == "nt" ? (column: k, inner: 1) : (column: 1, inner: n)
    let tasks =
      lanes > 1
      ? ContractionDimension(extent: batch, strideA: 1, strideB: 1, strideC: 1)
      : ContractionDimension(extent: batch, strideA: m * k, strideB: k * n, strideC: m * n)
    let shape = ContractionShape(
      batch: [tasks],
      rows: [.init(extent: m, strideA: left.row * lanes, strideB: 0, strideC: n * lanes)],
      columns: [.init(extent: n, strideA: 0, strideB: right.column * lanes, strideC: lanes)],
      inner: [
        .init(extent: k, strideA: left.inner * lanes, strideB: right.inner * lanes, strideC: 0)
      ],
      accumulates: accumulates, element: element)
    return ContractionCase(
      shape: shape, description: "\(layout) \(m) \(n) \(k) x\(batch)\(accumulates ? " +=" : "")")
  }

  /// The products that small and large models ask for, and awkward sizes between.
  static func products(_ element: ContractionElement) -> [ContractionCase] {
    let sizes: [(String, Int, Int, Int, Int)] = [
      ("nn", 10, 40, 40, 1), ("nn", 50, 50, 40, 1), ("nn", 10, 40, 1, 1), ("nn", 10, 1, 40, 1),
      ("nn", 1, 40, 10, 1), ("nn", 1, 1, 40, 1), ("nn", 1, 1, 1, 1), ("nn", 7, 13, 11, 1),
      ("nn", 31, 37, 41, 3), ("nn", 1, 97, 3, 1), ("nn", 97, 101, 103, 1), ("nn", 5, 3, 200, 2),
      ("nn", 70, 300, 290, 1), ("nn", 3, 700, 300, 1), ("nn", 33, 512, 512, 1),
      ("nt", 10, 40, 40, 1), ("nt", 3, 50, 40, 1), ("nt", 5, 6, 300, 1), ("nt", 31, 37, 41, 2),
      ("nt", 9, 7, 5, 1), ("nt", 1, 19, 23, 1), ("nt", 90, 70, 500, 1), ("nt", 4, 3, 1, 1),
      ("tn", 40, 40, 10, 1), ("tn", 13, 11, 7, 3), ("tn", 150, 130, 420, 1),
      ("tn", 64, 128, 512, 1), ("nt", 40, 2200, 130, 1), ("nn", 700, 256, 900, 1),
      // Columns that are part of one vector, rows packed along their lines, colliding lines.
      ("nn", 50, 10, 50, 1), ("tn", 50, 10, 50, 2), ("nt", 50, 50, 10, 1), ("nt", 17, 13, 6, 1),
      ("nn", 29, 7, 19, 1), ("nn", 11, 3, 5, 2), ("tn", 5, 6, 31, 1), ("nn", 23, 42, 37, 1),
      ("tn", 307, 211, 702, 1), ("tn", 512, 72, 520, 1), ("tn", 1024, 33, 70, 1),
      ("lane", 10, 40, 40, 16), ("lane", 3, 5, 7, 25), ("lane", 1, 40, 10, 32),
      ("lane", 10, 1, 40, 7), ("lane", 4, 4, 1, 40),
    ]
    return sizes.enumerated().map { number, size in
      product(
        size.0, size.1, size.2, size.3, batch: size.4, accumulates: number % 3 == 1,
        element: element)
    }
  }
}

extension ContractionCase {
  /// A contraction with up to two loops of each kind and random memory orders.
  static func random(
    _ element: ContractionElement, using source: inout SplitMix64
  ) -> ContractionCase {
    let choices = [2, 3, 4, 5, 7, 8, 11, 13, 16, 17, 24, 31, 33, 40]
    func extents(_ limit: Int) -> [Int] {
      (0..<source.next(below: limit + 1)).map { _ in choices[source.next(below: choices.count)] }
    }
    var groups = [extents(2), extents(2), extents(2), extents(2)]
    // Sums of whole numbers stay exact in f32, and the tests fast, if there are not too many terms.
    while groups.joined().reduce(1, *) > 200_000 {
      let group = source.next(below: 4)
      if !groups[group].isEmpty { groups[group].removeLast() }
    }
    var dimensions = groups.map { extents in
      extents.map { ContractionDimension(extent: $0, strideA: 0, strideB: 0, strideC: 0) }
    }
    assign(\.strideA, in: [0, 1, 3], of: &dimensions, using: &source)
    assign(\.strideB, in: [0, 2, 3], of: &dimensions, using: &source)
    assign(\.strideC, in: [0, 1, 2], of: &dimensions, using: &source)
    let shape = ContractionShape(
      batch: dimensions[0], rows: dimensions[1], columns: dimensions[2], inner: dimensions[3],
      accumulates: source.next(below: 2) == 0, element: element)
    return ContractionCase(shape: shape, description: "\(shape)")
  }

  /// Gives one array strides: its loops in random order, now and then with a gap.
  private static func assign(
    _ stride: WritableKeyPath<ContractionDimension, Int>, in groups: [Int],
    of dimensions: inout [[ContractionDimension]], using source: inout SplitMix64
  ) {
    var places = groups.flatMap { group in dimensions[group].indices.map { (group, $0) } }
    var next = source.next(below: 8) == 0 ? 2 : 1
    while !places.isEmpty {
      // Mostly the given order, innermost last, as in real arrays.
      let pick = source.next(below: 3) == 0 ? source.next(below: places.count) : places.count - 1
      let (group, index) = places.remove(at: pick)
      dimensions[group][index][keyPath: stride] = next
      next *= dimensions[group][index].extent
      if source.next(below: 6) == 0 { next += 3 }
    }
  }
}
