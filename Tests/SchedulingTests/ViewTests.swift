// SPDX-License-Identifier: Apache-2.0
//
// Views against a list: the element of the root behind every element of the view, moved about by
// the plain definition of each op.

import Kernels
import Scheduling
import TensorIR
import TestSupport
import Testing

@Suite("Views")
struct ViewTests {
  /// A view with, for each of its elements in C order, the root's element it should read.
  struct Traced {
    var view: View
    var shape: [Int]
    var elements: [Int]

    init(shape: [Int]) {
      view = View(dense: ValueID(index: 0), shape: shape)
      self.shape = shape
      elements = Array(0..<shape.reduce(1, *))
    }

    /// The elements that the view says it reads.
    var readElements: [Int] {
      indices(of: view.shape).map { index in
        zip(index, view.strides).reduce(view.offset) { $0 + $1.0 * $1.1 }
      }
    }

    /// The element at an index of the present shape.
    func element(_ index: [Int]) -> Int {
      elements[zip(index, shape.denseStrides).reduce(0) { $0 + $1.0 * $1.1 }]
    }

    /// Gives the elements another shape, each found at an index of the present one.
    mutating func move(to newShape: [Int], _ source: ([Int]) -> [Int]) {
      elements = indices(of: newShape).map { element(source($0)) }
      shape = newShape
    }
  }

  @Test("any sequence of moves reads the right elements", arguments: 0..<200)
  func compositions(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let extents = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
      generator.choose([1, 2, 3, 4, 6])
    }
    var traced = Traced(shape: extents)
    for _ in 0..<6 {
      Self.move(&traced, &generator)
      #expect(traced.view.shape == traced.shape, "seed \(seed)")
      #expect(traced.readElements == traced.elements, "seed \(seed)")
      let isDense = traced.elements.indices.allSatisfy {
        traced.elements[$0] == traced.elements[0] + $0
      }
      #expect(traced.view.isContiguous == isDense, "seed \(seed)")
    }
  }

  @Test("a reshape is refused only where no strides express it", arguments: 0..<300)
  func reshapes(seed: UInt64) {
    var generator = SeededGenerator(seed: 1000 + seed)
    var traced = Traced(shape: [2, 3, 4])
    for _ in 0..<3 { Self.move(&traced, &generator) }
    for _ in 0..<10 {
      let shape = Self.factors(of: traced.elements.count, &generator)
      let view = traced.view.reshaped(to: shape)
      #expect(
        (view != nil) == Self.hasStrides(traced.elements, shape: shape),
        "seed \(seed), \(traced.view) to \(shape)")
      guard let view else { continue }
      var reshaped = traced
      (reshaped.view, reshaped.shape) = (view, shape)
      #expect(reshaped.readElements == traced.elements, "seed \(seed)")
    }
  }

  /// Whether the list, in this shape, is affine in each index.
  private static func hasStrides(_ elements: [Int], shape: [Int]) -> Bool {
    let dense = shape.denseStrides
    let strides = shape.indices.map { axis in
      shape[axis] == 1 ? 0 : elements[dense[axis]] - elements[0]
    }
    return zip(indices(of: shape), elements).allSatisfy { index, element in
      zip(index, strides).reduce(elements[0]) { $0 + $1.0 * $1.1 } == element
    }
  }

  /// A random shape of so many elements.
  private static func factors(of count: Int, _ generator: inout SeededGenerator) -> [Int] {
    var rest = count
    var shape: [Int] = []
    while rest > 1 {
      let divisors = (2...rest).filter { rest % $0 == 0 }
      shape.append(generator.choose(divisors))
      rest /= shape[shape.count - 1]
    }
    if generator.chance(0.3) {
      shape.insert(1, at: Int.random(in: 0...shape.count, using: &generator))
    }
    return shape.shuffled(using: &generator)
  }

  private static func move(_ traced: inout Traced, _ generator: inout SeededGenerator) {
    let shape = traced.shape
    switch Int.random(in: 0..<4, using: &generator) {
    case 0 where traced.elements.count <= 64:
      let axis = Int.random(in: 0...shape.count, using: &generator)
      var larger = shape
      larger.insert(generator.choose([1, 2, 3]), at: axis)
      let axes = larger.indices.filter { $0 != axis }
      traced.view = traced.view.broadcast(to: larger, axes: axes)
      traced.move(to: larger) { index in axes.map { index[$0] } }
    case 1:
      let permutation = shape.indices.shuffled(using: &generator)
      traced.view = traced.view.transposed(permutation)
      traced.move(to: permutation.map { shape[$0] }) { index in
        shape.indices.map { axis in permutation.firstIndex(of: axis).map { index[$0] } ?? 0 }
      }
    case 2:
      let starts = shape.map { $0 > 2 ? Int.random(in: 0...1, using: &generator) : 0 }
      let smaller = zip(shape, starts).map { extent, start in
        max(1, extent - start - Int.random(in: 0...1, using: &generator))
      }
      traced.view = traced.view.sliced(starts: starts, shape: smaller)
      traced.move(to: smaller) { zip($0, starts).map(+) }
    default:
      let target = factors(of: traced.elements.count, &generator)
      guard let view = traced.view.reshaped(to: target) else { return }
      (traced.view, traced.shape) = (view, target)
    }
  }
}

/// All indices of a shape in C order.
private func indices(of shape: [Int]) -> [[Int]] {
  shape.reduce([[]]) { prefixes, extent in
    prefixes.flatMap { prefix in (0..<extent).map { prefix + [$0] } }
  }
}
