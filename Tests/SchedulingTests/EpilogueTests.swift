// SPDX-License-Identifier: Apache-2.0
//
// Elementwise work that contractions do before C leaves the cache, and sums that they add to: which
// clusters are taken, and that the programs compute what they should.

import Kernels
import Scheduling
import TensorIR
import Testing

@Suite("Epilogues of contractions")
struct EpilogueTests {
  private func calls(_ steps: [Step]) -> [KernelCall] {
    steps.flatMap { step in
      switch step {
      case .call(let call): [call]
      case .loop(let loop): calls(loop.body)
      }
    }
  }

  /// What the kernels of a program are: `e` a contraction with an epilogue, `+` one that adds to C,
  /// `c` another contraction, `n` a loop nest.
  private func kinds(_ graph: Graph) -> String {
    calls(scheduled(graph, named: "program").steps).map { call in
      switch call.kernel.body {
      case .contraction(let plan):
        plan.shape.epilogue != nil ? "e" : plan.shape.accumulates ? "+" : "c"
      case .fused: "n"
      case .attention: "a"
      case .packing: ""
      }
    }.joined()
  }

  private static let transposed = ContractionLabels(lhs: [0, 2], rhs: [1, 2], output: [0, 1])

  private static func type(_ shape: Int..., dtype: DType) -> TensorType {
    TensorType(shape, dtype)
  }

  /// Named so that a failure says which.
  private struct Example {
    let name: String
    let kinds: String
    let graph: Graph
  }

  private static func activation(_ b: GraphBuilder, _ x: ValueID) -> ValueID {
    b.multiply(x, b.unary(.tanh, x))
  }

  /// Sizes: odd ones; whole tiles; a sum of several blocks.
  private static func examples(_ m: Int, _ n: Int, _ k: Int, _ dtype: DType) -> [Example] {
    let (x, w) = (type(m, k, dtype: dtype), type(n, k, dtype: dtype))
    let c = type(m, n, dtype: dtype)
    func product(_ b: GraphBuilder, _ x: [ValueID]) -> ValueID {
      b.contract(x[0], x[1], transposed)
    }
    let bias = [type(n, dtype: dtype), type(m, dtype: dtype)]
    return [
      Example(
        name: "an activation", kinds: "e",
        graph: graph([x, w]) { b, x in [activation(b, product(b, x))] }),
      Example(
        name: "bias and row scale, C kept", kinds: "e",
        graph: graph([x, w] + bias) { b, x in
          let y = product(b, x)
          let z = b.add(y, b.broadcast(x[2], to: [m, n], axes: [1]))
          return [y, b.multiply(z, b.broadcast(x[3], to: [m, n], axes: [0]))]
        }),
      Example(
        name: "several results", kinds: "e",
        graph: graph([x, w, c]) { b, x in
          let y = product(b, x)
          return [b.unary(.exp, y), b.multiply(y, x[2]), b.subtract(x[2], y)]
        }),
      Example(
        name: "C reshaped", kinds: "e",
        graph: graph([x, w, type(1, m, n, dtype: dtype)]) { b, x in
          [b.add(b.reshape(product(b, x), to: [1, m, n]), x[2])]
        }),
      Example(
        name: "a tangent: the second product adds to the first", kinds: "c+c",
        graph: graph([x, w, x, w]) { b, x in
          let tangent = b.add(product(b, [x[2], x[1]]), product(b, [x[0], x[3]]))
          return [b.contract(tangent, x[1], .matrixProduct)]
        }),
      Example(
        name: "a carry that grows in place", kinds: "n+",
        graph: graph([type(3, m, k, dtype: dtype), w, c]) { b, x in
          let body = loop(
            trips: 3, carries: 1, stacked: 1,
            [c, type(3, m, k, dtype: dtype), w]
          ) { body, y in [body.add(y[1], body.contract(y[2], y[3], transposed))] }
          return b.append(.loop(body), [x[2], x[0], x[1]])
        }),
      Example(
        name: "a carry that is scaled before", kinds: "ne",
        graph: graph([type(3, m, k, dtype: dtype), w, c]) { b, x in
          let body = loop(
            trips: 3, carries: 1, stacked: 1,
            [c, type(3, m, k, dtype: dtype), w]
          ) { body, y in
            let product = body.contract(y[2], y[3], transposed)
            return [body.add(body.scale(y[1], by: 0.5), product)]
          }
          return b.append(.loop(body), [x[2], x[0], x[1]])
        }),
    ]
  }

  @Test("clusters after products are their epilogues; sums are added to")
  func kinds() {
    for example in Self.examples(128, 96, 200, .f64) {
      #expect(kinds(example.graph) == example.kinds, "\(example.name)")
    }
  }

  @Test("what an epilogue cannot do stays a kernel of its own")
  func refusals() {
    let (x, w) = (f64(128, 200), f64(96, 200))
    // A reduction; C turned; C read in between; a product too small to be cut into blocks.
    #expect(
      kinds(
        graph([x, w]) { b, x in [b.sum(b.contract(x[0], x[1], Self.transposed), axes: [1])] })
        == "cn")
    #expect(
      kinds(
        graph([x, w]) { b, x in
          let y = b.contract(x[0], x[1], Self.transposed)
          return [b.unary(.exp, b.transpose(y, [1, 0]))]
        }) == "cn")
    #expect(
      kinds(
        graph([x, w, f64(96, 128)]) { b, x in
          let y = b.contract(x[0], x[1], Self.transposed)
          let z = b.contract(x[2], y, .matrixProduct)
          return [b.add(y, b.broadcast(scalar: b.sum(z, axes: [0, 1]), to: [128, 96]))]
        }
      ).hasPrefix("c"))
    #expect(
      kinds(
        graph([f64(4, 8), f64(6, 8)]) { b, x in
          [b.unary(.exp, b.contract(x[0], x[1], Self.transposed))]
        }) == "cn")
  }

  @Test("an operand of the product is not overwritten by the sum")
  func operandAsAddend() throws {
    // x is made in the region and dies in x + x w.
    let graph = graph([f64(160, 160), f64(160, 160)]) { b, x in
      let made = b.unary(.tanh, x[0])
      let y = b.add(made, b.contract(made, x[1], Self.transposed))
      return [b.contract(y, x[1], Self.transposed)]
    }
    #expect(kinds(graph) == "nec")
    try check([Example(name: "operand as addend", kinds: "", graph: graph)], 1e-11)
  }

  @Test(
    "the same values with 1 to 3 workers, in both float types",
    arguments: [DType.f32, .f64], [(129, 67, 203), (256, 128, 96), (131, 260, 1000)])
  func values(_ dtype: DType, _ size: (Int, Int, Int)) throws {
    let examples = Self.examples(size.0, size.1, size.2, dtype)
    try check(examples, dtype == .f64 ? 1e-11 : 2e-3)
  }

  private func check(_ examples: [Example], _ tolerance: Double) throws {
    try checkAgainstInterpreter(
      examples.map { ($0.name, $0.graph) }, tolerance: tolerance, isRelative: true, magnitude: 0.2)
  }
}
