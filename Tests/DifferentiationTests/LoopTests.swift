// SPDX-License-Identifier: Apache-2.0
//
// What the derivatives of loops keep, carry and drop. Their values are checked with the catalogue.

import Differentiation
import Interpreter
import TensorIR
import Testing

@Suite("derivatives of loops")
struct LoopTests {
  private func loops(_ graph: Graph) -> [Loop] {
    graph.nodes.compactMap { if case .loop(let loop) = $0.op { loop } else { nil } }
  }

  /// The forward and the backward loop of a program's VJP with respect to all float inputs.
  private func reversed(_ program: TestProgram) throws -> (forward: Loop, backward: Loop) {
    let graph = try Differentiator().vjp(of: program.graph, wrt: program.floatInputs)
    let found = loops(graph)
    try #require(found.count == 2)
    return (found[0], found[1])
  }

  @Test("the backward loop runs the other way", arguments: [false, true])
  func direction(isReversed: Bool) throws {
    let (forward, backward) = try reversed(recurrence(.everything, isReversed: isReversed))
    #expect(forward.isReversed == isReversed)
    #expect(backward.isReversed == !isReversed)
    #expect(forward.role == .other("recurrence"))
    #expect(backward.role == forward.role.entering(.backward))
  }

  @Test("keeping the carries stacks only the carries and recomputes the rest")
  func saveCarries() throws {
    let (forward, backward) = try reversed(recurrence(.carries, isReversed: false))
    #expect(forward.body.outputNames == ["h", "y", "h_saved"])
    #expect(backward.body.nodes.contains { $0.op == .unary(.tanh) })
  }

  @Test("keeping everything recomputes elementwise ops and no product")
  func saveEverything() throws {
    func reversed(_ policy: SavePolicy) throws -> (forward: Loop, backward: Loop) {
      let operands = [(f64(2), Domain.real), (f64(3, 2, 2), .real)]
      return try self.reversed(
        TestProgram("layers", operands) { builder, inputs in
          builder.append(.loop(layerLoop(policy)), inputs)
        })
    }
    let (recomputing, saving) = (try reversed(.carries), try reversed(.everything))
    #expect(recomputing.backward.body.count(of: "contract") == 3)
    #expect(saving.backward.body.count(of: "contract") == 2)
    #expect(saving.backward.body.count(of: "tanh") == 1)
    // The carry and the product.
    #expect(saving.forward.stackedOutputCount == 2)
  }

  @Test("values that are the same in every iteration are never stacked")
  func unchangingValues() throws {
    // exp(a) of an invariant a, in `recurrence`.
    let (forward, backward) = try reversed(recurrence(.everything, isReversed: false))
    #expect(forward.body.outputNames == ["h", "y", "h_saved"])
    #expect(backward.body.count(of: "exp") == 1)
  }

  @Test("keeping gradients stacks the gradient and computes no loss gradient going backwards")
  func saveGradients() throws {
    func gradientCount(_ graph: Graph) -> Int {
      graph.nodes.filter { if case .gradient = $0.op { true } else { false } }.count
    }
    let recomputing = try reversed(trainingLoop(.carries))
    let saving = try reversed(trainingLoop(.carriesAndGradients))
    #expect(recomputing.forward.stackedOutputCount == 2)
    #expect(saving.forward.stackedOutputCount == 3)
    #expect(gradientCount(recomputing.backward.body) == 1)
    #expect(gradientCount(saving.backward.body) == 0)
  }

  @Test("only carries that vary get tangents and adjoints")
  func variedCarries() throws {
    let program = try #require(loopPrograms.first { $0.graph.name == "overwritten carry" })
    let jvp = try Differentiator().jvp(of: program.graph, tangentInputs: [0])
    #expect(loops(jvp).map(\.carryCount) == [4])

    let rotating = try #require(loopPrograms.first { $0.graph.name == "rotating carries" })
    let (forward, backward) = try reversed(rotating)
    #expect(forward.carryCount == 4)
    #expect(backward.carryCount == 3)
  }

  @Test("the adjoint of an invariant is summed in a carry, of a stacked input stacked")
  func adjointsOfOperands() throws {
    let program = recurrence(.carries, isReversed: false)
    let whole = try reversed(program).backward
    #expect(whole.body.outputNames == ["h_adj", "a_adj", "x_adj"])
    let graph = try Differentiator().vjp(of: program.graph, wrt: [1])
    let part = try #require(loops(graph).last)
    #expect(part.body.outputNames == ["h_adj", "x_adj"])
  }

  @Test("the tangent of a loop keeps its label, direction and policy")
  func tangentAttributes() throws {
    let program = recurrence(.carriesAndGradients, isReversed: true)
    let graph = try Differentiator().jvp(of: program.graph, tangentInputs: [2])
    let loop = try #require(loops(graph).first)
    #expect(loop.role == .other("recurrence") && loop.isReversed)
    #expect(loop.savePolicy == .carriesAndGradients)
    #expect(loop.carryCount == 2 && loop.stackedInputCount == 1 && loop.invariantCount == 2)
  }

  @Test("with its activations saved, a step's second-order pass computes no sine again")
  func savedActivations() throws {
    func sines(_ policy: SavePolicy) throws -> [Int] {
      let program = trainingLoop(policy)
      let graph = try Differentiator().vjp(of: program.graph, wrt: program.floatInputs)
      return try loops(Differentiator().expandGradients(in: graph)).map { loop in
        loop.body.nodes.count { $0.op == .unary(.sin) || $0.op == .unary(.cos) }
      }
    }
    // One each; the derivative of the cosine is the sine again.
    #expect(try sines(.activations) == [2, 0])
    #expect(try sines(.carriesAndGradients)[1] >= 2)
  }

  @Test("save policies change what is kept, not what is computed")
  func policiesAgree() throws {
    for make in [nestedLoops, trainingLoop] {
      let results = try SavePolicy.allCases.map { policy in
        let program = make(policy)
        var source = RandomSource(seed: 11)
        let graph = try Differentiator().vjp(of: program.graph, wrt: program.floatInputs)
        let adjoints = program.graph.outputTypes.map { source.array($0) }
        return try evaluate(graph, program.inputs + adjoints)
      }
      for other in results.dropFirst() { #expect(relativeError(other, results[0]) < 1e-14) }
    }
  }
}
