// SPDX-License-Identifier: Apache-2.0
//
// Which operands are packed by a step of their own, where that step stands, and that programs with
// such steps compute what they should in the memory that they ask for.

import Kernels
import Scheduling
import TensorIR
import Testing

@Suite("Operands packed once")
struct PackOperandsTests {
  /// A step and the steps around it, flattened: the number of loops around each call.
  private func calls(_ steps: [Step], depth: Int = 0) -> [(call: KernelCall, depth: Int)] {
    steps.flatMap { step in
      switch step {
      case .call(let call): [(call, depth)]
      case .loop(let loop): calls(loop.body, depth: depth + 1)
      }
    }
  }

  private func packings(_ program: Program) -> [(call: KernelCall, depth: Int)] {
    calls(program.steps).filter { if case .packing = $0.call.kernel.body { true } else { false } }
  }

  /// How many operands of contractions are panels.
  private func panelsRead(_ program: Program) -> Int {
    calls(program.steps).reduce(0) { count, step in
      guard case .contraction(let plan) = step.call.kernel.body else { return count }
      let shape = plan.shape
      return count + (shape.hasPanelsA ? 1 : 0) + (shape.hasPanelsB ? 1 : 0)
    }
  }

  /// `x . w^T`, whose right operand must be packed.
  private static let transposed = ContractionLabels(lhs: [0, 2], rhs: [1, 2], output: [0, 1])

  private static func type(_ shape: Int..., dtype: DType = .f64) -> TensorType {
    TensorType(shape, dtype)
  }

  /// A product with its tangent: `y = x w`, `y_tan = x_tan w + x w_tan`.
  private static func dual(_ m: Int, _ n: Int, _ k: Int, _ dtype: DType = .f64) -> Graph {
    let (x, w) = (type(m, k, dtype: dtype), type(n, k, dtype: dtype))
    return graph([x, w, x, w]) { b, x in
      let tangent = b.add(
        b.contract(x[2], x[1], transposed), b.contract(x[0], x[3], transposed))
      return [b.contract(x[0], x[1], transposed), tangent]
    }
  }

  /// Products in a loop over strips, with an operand that the loop does not change.
  private static func strips(trips: Int, _ dtype: DType = .f64) -> Graph {
    let types = [
      type(trips, 37, 50, dtype: dtype), type(61, 50, dtype: dtype),
    ]
    return graph(types) { b, x in
      b.append(
        .loop(
          loop(trips: trips, carries: 0, stacked: 1, types) { body, y in
            [body.contract(y[1], y[2], transposed)]
          }), x)
    }
  }

  /// Products in a loop over layers, with the weights of each layer; each is used twice.
  private static var layers: Graph {
    let types = [type(20, 48), type(5, 48, 48)]
    return graph(types) { b, x in
      b.append(
        .loop(
          loop(trips: 5, carries: 1, stacked: 1, types) { body, y in
            let first = body.unary(.tanh, body.contract(y[1], y[2], transposed))
            return [body.contract(first, y[2], transposed)]
          }), x)
    }
  }

  @Test("a product and its tangent share the panels of an operand")
  func shared() {
    let program = scheduled(Self.dual(40, 72, 60), named: "dual")
    #expect(packings(program).count == 1, "w is used twice, w_tan once")
    #expect(panelsRead(program) == 2)
  }

  @Test("what is packed once only is packed by the product itself")
  func single() {
    let product = graph([f64(40, 60), f64(72, 60)]) { b, x in
      [b.contract(x[0], x[1], Self.transposed)]
    }
    #expect(packings(scheduled(product, named: "single")).isEmpty)
  }

  @Test("where every worker would pack all of an operand, it is packed before")
  func repeated() throws {
    let gradient = graph([f64(512, 256), f64(512, 512)]) { b, x in
      [b.contract(x[0], x[1], ContractionLabels(lhs: [2, 0], rhs: [2, 1], output: [0, 1]))]
    }
    let packings = packings(scheduled(gradient, named: "gradient"))
    #expect(packings.count == 1)
    #expect(try #require(packings.first).call.isParallel)
  }

  @Test("an operand that a loop does not change is packed before the loop")
  func hoisted() throws {
    let program = scheduled(Self.strips(trips: 6), named: "strips")
    let packing = try #require(packings(program).first)
    #expect(packings(program).count == 1 && packing.depth == 0 && panelsRead(program) == 1)
    // Two loops, one in the other, that change nothing.
    let inner = loop(trips: 3, carries: 0, stacked: 1, [f64(3, 8, 50), f64(61, 50)]) { body, y in
      [body.contract(y[1], y[2], Self.transposed)]
    }
    let outer = loop(trips: 4, carries: 0, stacked: 1, [f64(4, 3, 8, 50), f64(61, 50)]) {
      body, y in body.append(.loop(inner), [y[1], y[2]])
    }
    let nested = scheduled(
      graph([f64(4, 3, 8, 50), f64(61, 50)]) { b, x in b.append(.loop(outer), x) },
      named: "nested")
    #expect(packings(nested).map(\.depth) == [0])
    #expect(panelsRead(nested) == 1)
  }

  @Test("what changes with the loop is packed inside, once an iteration")
  func inside() {
    let program = scheduled(Self.layers, named: "layers")
    #expect(packings(program).map(\.depth) == [1])
    #expect(panelsRead(program) == 2)
  }

  @Test("panels are part of the arena while they are needed, and of no use after")
  func memory() throws {
    let program = scheduled(Self.strips(trips: 6), named: "strips")
    let packing = try #require(packings(program).first)
    let target = try #require(packing.call.arguments.last)
    let buffer = program.buffers[target.buffer]
    guard case .arena(let offset) = buffer.placement else {
      Issue.record("panels of a loop invariant are not in the shared arena")
      return
    }
    #expect(buffer.role == .scratch && buffer.byteCount >= 61 * 50 * 8)
    #expect(offset + buffer.byteCount <= program.arenaBytes)
    // Twice the same after another: the second panels lie where the first did.
    let twice = graph(Self.dual(40, 72, 60).inputTypes + [f64(72, 60), f64(72, 60)]) { b, x in
      var y = b.contract(x[0], x[1], Self.transposed)
      y = b.add(y, b.contract(x[2], x[1], Self.transposed))
      let z = b.contract(b.multiply(x[0], x[0]), x[4], Self.transposed)
      return [y, b.add(z, b.contract(b.multiply(x[2], x[2]), x[4], Self.transposed))]
    }
    let panels = packings(scheduled(twice, named: "twice")).compactMap(\.call.arguments.last)
    #expect(panels.count == 2)
    let places = scheduled(twice, named: "twice").buffers
    #expect(Set(panels.map { places[$0.buffer].placement }).count == 1)
  }

  @Test("the same values with 1 to 3 workers, in both float types", arguments: [DType.f32, .f64])
  func values(_ dtype: DType) throws {
    // The last two are large enough to be shared out.
    let graphs = [
      Self.dual(40, 72, 60, dtype), Self.dual(13, 37, 41, dtype), Self.strips(trips: 6, dtype),
      Self.dual(129, 203, 301, dtype), Self.dual(260, 130, 420, dtype),
    ]
    let tolerance = dtype == .f64 ? 1e-11 : 1e-4
    try check(dtype == .f64 ? graphs + [Self.layers] : graphs, tolerance)
  }

  private func check(_ graphs: [Graph], _ tolerance: Double) throws {
    let library = try checkAgainstInterpreter(
      graphs.map { ($0.text, $0) }, tolerance: tolerance)
    // Which of them pack depends on the registers of the machine.
    #expect(library.programs.contains { !packings($0).isEmpty })
  }
}
