// SPDX-License-Identifier: Apache-2.0
//
// Concatenations and padded arrays whose parts are made in place: how many kernels that takes, that
// the values are right whoever else reads a part, and that views move into windows correctly.

import Kernels
import Scheduling
import TensorIR
import TestSupport
import Testing

@Suite("Values made in windows")
struct WindowTests {
  private func kernels(_ graph: Graph) -> [KernelCall] {
    calls(scheduled(graph, named: "example").steps)
  }

  private func calls(_ steps: [Step]) -> [KernelCall] {
    steps.flatMap { step in
      switch step {
      case .call(let call): [call]
      case .loop(let loop): calls(loop.body)
      }
    }
  }

  private func copies(_ graph: Graph) -> Int {
    kernels(graph).count { $0.kernel.equations.contains { $0.contains("= copy") } }
  }

  /// Checks graphs against the interpreter, with 1 to 3 workers and the same bits for all.
  private func check(_ graphs: [Graph]) throws {
    try checkAgainstInterpreter(graphs.map { ($0.text, $0) }, tolerance: 1e-12)
  }

  /// A rotation of pairs of halves, and what `others` makes of the result and of its two parts.
  private func rotation(
    _ shape: [Int], _ others: (GraphBuilder, ValueID, [ValueID]) -> [ValueID] = { _, y, _ in [y] }
  ) -> Graph {
    let last = shape.count - 1
    let half = shape[last] / 2
    return graph([TensorType(shape, .f64), f64(half)]) { b, x in
      let part = Array(shape.dropLast()) + [half]
      let angle = b.broadcast(x[1], to: part, axes: [last])
      let zeros = [Int](repeating: 0, count: last)
      let low = b.slice(x[0], starts: zeros + [0], shape: part)
      let high = b.slice(x[0], starts: zeros + [half], shape: part)
      let first = b.subtract(b.multiply(low, b.unary(.cos, angle)), b.multiply(high, angle))
      let second = b.add(b.multiply(low, angle), b.multiply(high, b.unary(.cos, angle)))
      return others(b, b.concatenate([first, second], axis: last), [first, second])
    }
  }

  // MARK: Concatenations

  @Test("the halves of a rotation are stored where they belong")
  func rotationKernels() throws {
    let graphs = [[5, 3, 8], [2, 150, 3, 64], [33, 14], [7, 2]].map { rotation($0) }
    // The cosines of one row are a kernel of their own.
    #expect(graphs.map(copies) == [0, 0, 0, 0])
    try check(graphs)
  }

  @Test("parts that others read by strides are read in the window")
  func otherReaders() throws {
    let shape = [3, 10, 4, 6]
    let graphs = [
      // Elementwise, sums over rows and columns, transposed, broadcast, sliced.
      rotation(shape) { b, y, parts in
        let z = b.unary(.tanh, b.contract(b.reshape(y, to: [30, 24]), y1(b, y), .matrixProduct))
        let turned = b.transpose(parts[0], [1, 0, 3, 2])
        let wide = b.broadcast(parts[1], to: [2] + [3, 10, 4, 3], axes: [1, 2, 3, 4])
        let window = b.slice(parts[0], starts: [1, 2, 0, 1], shape: [2, 5, 4, 2])
        return [
          y, z, b.unary(.sin, turned), b.unary(.cos, wide), b.unary(.tanh, window),
          b.sum(parts[0], axes: [3]), b.sum(parts[1], axes: [0, 1]),
        ]
      },
      // Reshaped within what is dense in the window, and beyond.
      rotation(shape) { b, y, parts in
        [
          y, b.unary(.exp, b.reshape(parts[0], to: [3, 40, 3])),
          b.unary(.exp, b.reshape(parts[1], to: [2, 180])),
        ]
      },
      // Results of the program, operands of a product and of a loop: the copies stay.
      rotation(shape) { b, y, parts in [y, parts[0]] },
      rotation([6, 12]) { b, y, parts in
        [y, b.contract(parts[0], b.transpose(parts[1], [1, 0]), .matrixProduct)]
      },
      rotation([6, 12]) { b, y, parts in
        [y]
          + b.append(
            .loop(
              loop(trips: 3, carries: 1, [f64(6, 6)]) { body, z in [body.unary(.sin, z[1])] }),
            [parts[0]])
      },
      // One part twice, one part in two concatenations, a concatenation in another.
      rotation([6, 12]) { b, y, parts in
        let twice = b.concatenate([parts[0], parts[0], parts[1]], axis: 0)
        let other = b.concatenate([parts[1], b.unary(.exp, parts[0])], axis: 1)
        let nested = b.concatenate([other, b.unary(.sin, y), other], axis: 0)
        return [twice, other, nested, b.multiply(y, other)]
      },
    ]
    #expect(graphs.prefix(1).map(copies) == [0])
    try check(graphs)

    func y1(_ b: GraphBuilder, _ y: ValueID) -> ValueID {
      b.transpose(b.reshape(y, to: [30, 24]), [1, 0])
    }
  }

  @Test("concatenations of rows, of sums, of inputs and numbers")
  func kinds() throws {
    let rows = graph([f64(20, 30)]) { b, x in
      let sums = b.sum(x[0], axes: [1])
      let means = b.unary(.exp, b.scale(sums, by: 1.0 / 30))
      let columns = b.sum(b.unary(.sin, x[0]), axes: [0])
      return [b.concatenate([sums, columns, means, b.constant(2, f64(3))], axis: 0)]
    }
    let inputs = graph([f64(4, 6), f64(4, 5)]) { b, x in
      [b.concatenate([x[1], b.unary(.exp, x[0]), x[1]], axis: 1)]
    }
    let softmax = graph([f64(8, 40), f64(8, 40)]) { b, x in
      [b.concatenate([b.softmax(x[0]), b.softmax(x[1])], axis: 1)]
    }
    let long = graph([f64(3, 3000)]) { b, x in
      let p = b.softmax(b.unary(.sin, x[0]))
      return [b.concatenate([p, b.multiply(p, b.spread(.sum, b.multiply(p, x[0])))], axis: 1)]
    }
    #expect(copies(softmax) == 0)
    try check([rows, inputs, softmax, long])
  }

  @Test("carries and stacks of a loop are concatenated in place")
  func loops() throws {
    let type = f64(5, 8)
    let turning = graph([type, type]) { b, x in
      b.append(
        .loop(
          loop(trips: 4, carries: 1, [type, type]) { body, y in
            let low = body.slice(y[1], starts: [0, 0], shape: [5, 4])
            let high = body.slice(y[1], starts: [0, 4], shape: [5, 4])
            let add = body.slice(y[2], starts: [0, 2], shape: [5, 4])
            let first = body.unary(.sin, body.subtract(low, high))
            let second = body.unary(.cos, body.add(high, add))
            return [
              body.concatenate([first, second], axis: 1),
              body.concatenate([second, first, add], axis: 1),
            ]
          }), x)
    }
    try check([turning])
  }

  @Test("memory does not grow when a part is made long before the other")
  func early() {
    func program(isJoined: Bool) -> Program {
      scheduled(
        graph([f64(64, 64)]) { b, x in
          let small = b.unary(.exp, b.slice(x[0], starts: [0, 0], shape: [1, 64]))
          let products = (0..<4).reduce(x[0]) { value, _ in
            b.contract(value, value, .matrixProduct)
          }
          let large = b.unary(.sin, b.concatenate([products, products, products], axis: 0))
          guard isJoined else { return [small, large] }
          return [b.unary(.cos, b.concatenate([small, large], axis: 0))]
        }, named: "example")
    }
    let largeArray = 193 * 64 * 8
    #expect(program(isJoined: true).arenaBytes <= program(isJoined: false).arenaBytes + largeArray)
  }

  // MARK: Padded arrays

  @Test("padding writes zeros only around what is made in the middle")
  func padding() throws {
    let shapes: [([Int], [Int], copies: Int)] = [
      ([0, 3], [0, 0], 1), ([0, 0], [0, 2], 1), ([2, 0], [0, 0], 1), ([0, 1], [0, 4], 2),
      ([1, 2], [3, 4], 2),
    ]
    let graphs = shapes.map { low, high, _ in
      graph([f64(9, 11)]) { b, x in [b.pad(b.unary(.exp, x[0]), low: low, high: high)] }
    }
    #expect(graphs.map(copies) == shapes.map(\.copies))
    let large = graph([f64(300, 110)]) { b, x in
      let y = b.unary(.exp, x[0])
      let z = b.pad(y, low: [4, 0], high: [0, 2])
      return [z, b.pad(x[0], low: [1, 2], high: [3, 4]), b.unary(.sin, y)]
    }
    #expect(copies(large) == 4)
    try check(graphs + [large])
  }

  // MARK: Views

  @Test("a view of a value reads the same elements in the value's window")
  func views() {
    var generator = SeededGenerator(seed: 9)
    var movedCount = 0
    for _ in 0..<2000 {
      let shape = (0..<generator.choose([1, 2, 3, 4])).map { _ in generator.choose([1, 2, 3, 4]) }
      let low = shape.map { _ in generator.choose([0, 0, 1]) }
      let outer = zip(shape, low).map { $0 + $1 + generator.choose([0, 0, 2]) }
      let window = View(dense: ValueID(index: 1), shape: outer).sliced(starts: low, shape: shape)
      var view = View(dense: ValueID(index: 0), shape: shape)
      for _ in 0..<3 { view = changed(view, &generator) }
      guard let moved = view.moved(into: window) else { continue }
      movedCount += 1
      // Elements of the value, in order, and where each is in the window.
      let places = elements(of: window)
      #expect(moved.shape == view.shape && moved.root == window.root)
      #expect(elements(of: moved) == elements(of: view).map { places[$0] }, "\(view), \(window)")
    }
    #expect(movedCount > 1500)
  }

  private func changed(_ view: View, _ generator: inout SeededGenerator) -> View {
    let axes = Array(view.shape.indices)
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: return view.transposed(axes.shuffled(using: &generator))
    case 1:
      let starts = view.shape.map { Int.random(in: 0..<$0, using: &generator) }
      let shape = zip(view.shape, starts).map { Int.random(in: 1...($0 - $1), using: &generator) }
      return view.sliced(starts: starts, shape: shape)
    case 2: return view.broadcast(to: [2] + view.shape, axes: axes.map { $0 + 1 })
    default: return view.reshaped(to: [view.shape.reduce(1, *)]) ?? view
    }
  }

  private func elements(of view: View) -> [Int] {
    zip(view.shape, view.strides).reduce([view.offset]) { places, axis in
      places.flatMap { place in (0..<axis.0).map { place + $0 * axis.1 } }
    }
  }
}
