// SPDX-License-Identifier: Apache-2.0
//
// How many kernels programs become, and which carries are updated in place: guards fusion without
// a stopwatch.

import Differentiation
import Kernels
import Optimization
import Scheduling
import TensorIR
import Testing

@Suite("Kernels of programs")
struct FusionTests {
  private func program(_ graph: Graph) -> Program { scheduled(graph, named: "example") }

  private func calls(_ steps: [Step]) -> [KernelCall] {
    steps.flatMap { step in
      switch step {
      case .call(let call): [call]
      case .loop(let loop): calls(loop.body)
      }
    }
  }

  private func loops(_ program: Program) -> [StepLoop] {
    program.steps.compactMap { if case .loop(let loop) = $0 { loop } else { nil } }
  }

  private func isCopy(_ call: KernelCall) -> Bool {
    call.kernel.equations.contains { $0.contains("= copy") }
  }

  // MARK: Straight lines

  @Test("softmax is one kernel, also with what makes and reads it")
  func softmax() {
    let plain = program(graph([f64(8, 16)]) { b, x in [b.softmax(x[0])] })
    #expect(plain.kernelCalls == 1)
    let masked = program(
      graph([f64(2, 8, 16)]) { b, x in
        [b.unary(.log, b.softmax(b.scale(b.unary(.sin, x[0]), by: 0.5)))]
      })
    #expect(masked.kernelCalls == 1)
    // The scaled sines and the exponentials wait on the stack for the next pass over a row.
    #expect(masked.arenaBytes == 0)
  }

  @Test("the adjoint of cross-entropy on long rows is one kernel: nothing waits in memory")
  func crossEntropyAdjoint() {
    let program = program(
      graph([f64(8, 3000), TensorType([8], .i32)]) { b, x in
        let word = b.iota(axis: 1, shape: [8, 3000])
        let isLabel = b.compare(.equal, b.broadcast(x[1], to: [8, 3000], axes: [0]), word)
        let p = b.softmax(x[0])
        let label = b.sum(b.select(isLabel, x[0], b.constant(0, like: p)), axes: [1])
        return [b.select(isLabel, b.subtract(p, b.constant(1, like: p)), p), label]
      })
    #expect(program.kernelCalls == 1)
    // Neither the exponentials nor whether a word is the label.
    #expect(program.arenaBytes == 0)
  }

  @Test("layer normalisation with scale and shift is one kernel")
  func layerNorm() {
    let types = [f64(8, 16), f64(16), f64(16)]
    let program = program(
      graph(types) { b, x in [b.layerNorm(x[0], scale: x[1], shift: x[2])] })
    #expect(program.kernelCalls == 1)
  }

  @Test("a chain over one shape is one kernel without memory of its own")
  func elementwise() {
    let program = program(
      graph([f64(64, 32), f64(32)]) { b, x in
        let bias = b.broadcast(x[1], to: [64, 32], axes: [1])
        let h = b.unary(.tanh, b.add(x[0], bias))
        return [b.multiply(h, b.subtract(b.constant(1, like: h), b.multiply(h, h)))]
      })
    #expect(program.kernelCalls == 1)
    #expect(program.arenaBytes == 0)
  }

  @Test(
    "what a later kernel can compute again from what is in memory anyway is not stored",
    arguments: [(64, 1), (512, 0)])
  func recomputation(rows: Int, storedTangents: Int) {
    // The derivative of tanh after a product of its value, from the argument: worth it for arrays
    // that are larger than a cache.
    let program = program(
      graph([f64(rows, 512), f64(512, 512)]) { b, x in
        let t = b.unary(.tanh, x[0])
        let y = b.contract(b.multiply(t, x[0]), x[1], .matrixProduct)
        return [b.multiply(y, b.subtract(b.constant(1, like: t), b.multiply(t, t)))]
      })
    // Besides the packing of the right operand of a product that is shared out.
    let kernels = calls(program.steps).filter {
      if case .packing = $0.kernel.body { false } else { true }
    }
    #expect(kernels.count == 2)
    // The factor of the product, and for small arrays the tanh; the product is never whole.
    let arrays = program.buffers.filter { $0.role == .value && $0.elementCount == rows * 512 }
    #expect(arrays.count == 1 + storedTangents)
  }

  @Test("views cost no kernel")
  func views() {
    let program = program(
      graph([f64(4, 6)]) { b, x in
        let turned = b.reshape(
          b.transpose(b.slice(x[0], starts: [1, 0], shape: [3, 6]), [1, 0]),
          to: [6, 3, 1])
        return [b.unary(.exp, b.broadcast(turned, to: [6, 3, 1, 2], axes: [0, 1, 2]))]
      })
    #expect(program.kernelCalls == 1)
  }

  @Test("a layer is its product and one kernel for bias and activation")
  func layer() {
    let program = program(
      graph([f64(16, 8), f64(8, 12), f64(12)]) { b, x in
        let product = b.contract(x[0], x[1], .matrixProduct)
        return [b.unary(.tanh, b.add(product, b.broadcast(x[2], to: [16, 12], axes: [1])))]
      })
    #expect(program.kernelCalls == 2)
  }

  @Test("transposed and sliced operands of a product are not copied")
  func productOfViews() {
    let program = program(
      graph([f64(9, 16), f64(12, 8)]) { b, x in
        let lhs = b.slice(x[0], starts: [1, 0], shape: [8, 16])
        return [b.contract(b.transpose(lhs, [1, 0]), b.transpose(x[1], [1, 0]), .matrixProduct)]
      })
    #expect(program.kernelCalls == 1)
  }

  // MARK: Loops

  /// Adam on leaves of the given types, the gradients fixed.
  private func adam(_ leaves: [TensorType], trips: Int) -> Graph {
    let count = leaves.count
    let types = leaves + leaves + leaves + leaves
    return graph(types) { b, x in
      b.append(
        .loop(
          loop(trips: trips, carries: 3 * count, types) { body, y in
            let results = (0..<count).map { leaf in
              body.adam(
                gradient: y[1 + 3 * count + leaf], y[1 + leaf], y[1 + count + leaf],
                y[1 + 2 * count + leaf], step: y[0])
            }
            return (0..<3).flatMap { part in results.map { $0[part] } }
          }), x)
    }
  }

  @Test("a step of Adam is one kernel a leaf, in place")
  func adamStep() throws {
    let program = program(adam([f64(200, 130), f64(300, 100)], trips: 5))
    let step = try #require(loops(program).first)
    let kernels = calls(step.body)
    // Besides the leaves, one kernel for the two scalar corrections.
    #expect(kernels.count == 3)
    #expect(!kernels.contains(where: isCopy))
    #expect(program.arenaBytes <= 4 * arenaAlignment)  // The corrections of each leaf.
  }

  @Test("the VJP of a step of Adam is one kernel for a large leaf")
  func adamAdjoint() throws {
    let leaf = f64(200, 130)
    let update = graph([leaf, leaf, leaf, leaf, .scalar(.i32)]) { b, x in
      b.adam(gradient: x[0], x[1], x[2], x[3], step: x[4])
    }
    let adjoint = try Differentiator().vjp(of: update, wrt: [0, 1, 2, 3])
    let simplified = runPasses(
      adjoint, [.simplifyAlgebra, .eliminateCommonSubexpressions, .eliminateDeadCode]
    ) { _, _ in }
    let kernels = calls(program(simplified).steps).filter { $0.kernel.bytesMoved > 10_000 }
    #expect(kernels.count { !isCopy($0) } == 1)
    #expect(kernels.count(where: isCopy) == 1)  // The adjoint of theta is that of its next value.
  }

  @Test("a carry made from itself elementwise is updated in place")
  func inPlace() throws {
    let types = [f64(40), f64(40)]
    let program = program(
      graph(types) { b, x in
        b.append(
          .loop(
            loop(trips: 7, carries: 1, types) { body, y in
              [body.unary(.tanh, body.add(y[1], y[2]))]
            }), x)
      })
    let step = try #require(loops(program).first)
    #expect(step.body.count == 1 && !calls(step.body).contains(where: isCopy))
    #expect(program.arenaBytes == 0)
  }

  @Test("carries that need each other's old values are updated in place by one kernel")
  func exchange() throws {
    let types = [f64(40), f64(40)]
    let program = program(
      graph(types) { b, x in
        b.append(
          .loop(
            loop(trips: 7, carries: 2, types) { body, y in
              [body.add(y[1], y[2]), body.subtract(y[1], y[2])]
            }), x)
      })
    let step = try #require(loops(program).first)
    #expect(step.body.count == 1 && program.arenaBytes == 0)
  }

  @Test("a carry read in another order than it is written in is copied")
  func reordered() throws {
    let program = program(
      graph([f64(6, 6)]) { b, x in
        b.append(
          .loop(
            loop(trips: 3, carries: 1, [f64(6, 6)]) { body, y in
              [body.unary(.sin, body.transpose(y[1], [1, 0]))]
            }), x)
      })
    let step = try #require(loops(program).first)
    #expect(calls(step.body).count(where: isCopy) == 1)
  }

  @Test("a carry starts in the array that its first value was made in")
  func startInPlace() {
    let program = program(
      graph([f64(40)]) { b, x in
        let start = b.unary(.exp, x[0])
        let last = b.append(
          .loop(
            loop(trips: 3, carries: 1, [f64(40)]) { body, y in [body.unary(.sin, y[1])] }), [start])
        return [b.unary(.cos, last[0])]
      })
    #expect(!calls(program.steps).contains(where: isCopy))
    #expect(program.arenaBytes == 40 * 8)
  }

  @Test("neither kernels nor memory grow with the trip count")
  func tripCount() {
    let programs = [2, 200].map { program(adam([f64(3, 4), f64(5)], trips: $0)) }
    #expect(calls(programs[0].steps).map(\.kernel) == calls(programs[1].steps).map(\.kernel))
    #expect(programs[0].arenaBytes == programs[1].arenaBytes)
  }

  @Test("only an outermost map runs in parallel, with memory for each worker")
  func parallelMap() throws {
    let types = [f64(5, 4, 4), f64(4, 4)]
    let mapped = program(
      graph(types) { b, x in
        b.append(
          .loop(
            loop(trips: 5, carries: 0, stacked: 1, types) { body, y in
              let square = body.contract(y[1], y[1], .matrixProduct)
              return [body.contract(square, y[2], .matrixProduct)]
            }), x)
      })
    #expect(try #require(loops(mapped).first).isParallel)
    #expect(mapped.arenaBytes == 0 && mapped.workerArenaBytes >= 4 * 4 * 8)
  }

  @Test("values that are never needed together share their memory")
  func reuse() {
    let program = program(
      graph([f64(32, 32)]) { b, x in
        [(0..<6).reduce(x[0]) { value, _ in b.contract(value, value, .matrixProduct) }]
      })
    #expect(program.kernelCalls == 6)
    #expect(program.arenaBytes <= 3 * 32 * 32 * 8)
  }
}
