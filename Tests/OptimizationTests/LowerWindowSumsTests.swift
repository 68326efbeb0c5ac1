// SPDX-License-Identifier: Apache-2.0
//
// Sums of windows become other ops with the same values: for every stride, dilation, place and extent,
// from products and from anything else, on either side of a product.

import Interpreter
import TensorIR
import Testing

@testable import Optimization

@Suite("Lowering of window sums")
struct LowerWindowSumsTests {
  /// All small windows, with sums that keep everything, drop some at either end, and are longer.
  static let cases: [(AxisWindows, extent: Int)] = [1, 2, 3].flatMap { stride in
    [1, 2, 3].flatMap { dilation in
      [1, 2, 3].flatMap { size in
        [-2, 0, 1].flatMap { start in
          [5, 12].map { extent in
            (
              AxisWindows(
                axis: 1, start: start, count: 4, size: size, stride: stride, dilation: dilation),
              extent
            )
          }
        }
      }
    }
  }

  private func agree(_ graph: Graph, _ inputs: [NumericArray]) throws -> Graph {
    let lowered = Pass.lowerWindowSums.run(graph)
    #expect(lowered.problems() == [])
    #expect(
      !lowered.nodes.contains { if case .sumWindows = $0.op { true } else { false } })
    let expected = try Evaluator().evaluate(graph, inputs: inputs)[0]
    let found = try Evaluator().evaluate(lowered, inputs: inputs)[0]
    #expect(found.shape == expected.shape)
    for (x, y) in zip(expected.elements, found.elements) {
      #expect(abs(x - y) <= 1e-12, "expected \(x), found \(y)")
    }
    return lowered
  }

  private func array(_ shape: [Int], _ scale: Double) -> NumericArray {
    let count = shape.reduce(1, *)
    return NumericArray(
      TensorType(shape, .f64), (0..<count).map { (Double($0 * 7 % 11) - 4) * scale })
  }

  @Test("of a product, windows on the left or on the right", arguments: [false, true])
  func products(windowsOnTheRight: Bool) throws {
    for (windows, extent) in Self.cases {
      let builder = GraphBuilder(name: "sums")
      let x = builder.input("x", TensorType([2, 4, 3], .f64))
      let kernel = builder.input("kernel", TensorType([windows.size, 5, 3], .f64))
      let (window, element) = ([0, 1, 2], [3, 4, 2])
      let labels = ContractionLabels(
        lhs: windowsOnTheRight ? element : window, rhs: windowsOnTheRight ? window : element,
        output: [0, 1, 3, 4])
      let product =
        windowsOnTheRight
        ? builder.contract(kernel, x, labels) : builder.contract(x, kernel, labels)
      builder.output("y", builder.add(.sumWindows(windows, extent: extent), product))
      let lowered = try agree(
        builder.graph, [array([2, 4, 3], 0.5), array([windows.size, 5, 3], 0.25)])
      let products = lowered.nodes.compactMap {
        if case .contract = $0.op { lowered.type(of: $0.results[0]).elementCount } else { nil }
      }
      // Never all products of windows and taps, where strides or dilations allow another form.
      if windows.size > 1, windows.stride == 1 || windows.dilation == 1 {
        #expect(!products.contains(2 * 4 * windows.size * 5) || windows.size * 4 == extent)
      }
    }
  }

  @Test("of anything, forwards and backwards")
  func arrays() throws {
    for (windows, extent) in Self.cases {
      for isReversed in [false, true] {
        var windows = windows
        if isReversed {
          windows.start += 3 * windows.stride
          windows.stride = -windows.stride
        }
        let builder = GraphBuilder(name: "sums")
        let x = builder.input("x", TensorType([2, 4, windows.size, 3], .f64))
        builder.output("y", builder.add(.sumWindows(windows, extent: extent), x))
        _ = try agree(builder.graph, [array([2, 4, windows.size, 3], 0.5)])
      }
    }
  }
}
