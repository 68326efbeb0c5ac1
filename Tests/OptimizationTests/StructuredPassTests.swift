// SPDX-License-Identifier: Apache-2.0
//
// Linear cross-entropy part by part: the same values as its decomposition at every derivative order,
// for vocabularies that no tile and tokens that no strip divides, without an array of all logits.

import Interpreter
import Optimization
import TensorIR
import TestSupport
import Testing

@Suite("Lowering of linear cross-entropy")
struct LowerLinearCrossEntropyTests {
  /// A graph with one order of the function, the earlier orders as they are needed.
  private func graph(_ order: DerivativeOrder, tokens: Int, words: Int, width: Int) -> Graph {
    let builder = GraphBuilder(name: "cross-entropy")
    let (x, w) = (TensorType([tokens, width], .f64), TensorType([words, width], .f64))
    let row = TensorType([tokens], .f64)
    func append(_ order: DerivativeOrder, _ operands: [ValueID]) -> [ValueID] {
      builder.append(.structured(StructuredOp(.linearCrossEntropy, order)), operands)
    }
    let inputs = [builder.input("x", x), builder.input("w", w)]
    let labels = builder.input("labels", row.with(.i32))
    let known = inputs + [labels] + append(.value, inputs + [labels])
    func tangents() -> [ValueID] { [builder.input("x_tan", x), builder.input("w_tan", w)] }
    let results: [ValueID]
    switch order {
    case .value: results = Array(known.suffix(2))
    case .tangent: results = append(.tangent, known + tangents())
    case .adjoint: results = append(.adjoint, known + [builder.input("y_adj", row)])
    case .adjointTangent:
      let moving = tangents()
      let adjoints = [builder.input("y_adj", row), builder.input("y_adj_tan", row)]
      results = append(
        .adjointTangent,
        known + [adjoints[0]] + moving + append(.tangent, known + moving) + [adjoints[1]])
    }
    for (index, result) in results.enumerated() { builder.output("y\(index)", result) }
    return builder.graph
  }

  /// A graph with all orders at once; the adjoint of the loss is what `weights` makes of an input and
  /// the loss. A function of the loss stands between the loss and its adjoint.
  private func everyOrder(
    tokens: Int, words: Int, weights: (GraphBuilder, ValueID, ValueID) -> ValueID
  ) -> Graph {
    let builder = GraphBuilder(name: "cross-entropy")
    let (x, w) = (TensorType([tokens, 3], .f64), TensorType([words, 3], .f64))
    let row = TensorType([tokens], .f64)
    func append(_ order: DerivativeOrder, _ operands: [ValueID]) -> [ValueID] {
      builder.append(.structured(StructuredOp(.linearCrossEntropy, order)), operands)
    }
    let inputs = [builder.input("x", x), builder.input("w", w)]
    let labels = builder.input("labels", row.with(.i32))
    let known = inputs + [labels] + append(.value, inputs + [labels])
    builder.output("mean", builder.sum(known[3], axes: [0]))
    let moving = [builder.input("x_tan", x), builder.input("w_tan", w)]
    let tangents = append(.tangent, known + moving)
    builder.output("mean_tan", builder.sum(tangents[0], axes: [0]))
    builder.output("statistics_tan", tangents[1])
    let adjoint = weights(builder, builder.input("weights", row), known[3])
    let adjoints = append(.adjoint, known + [adjoint])
    let adjointTangent = builder.input("y_adj_tan", row)
    let adjointTangents = append(
      .adjointTangent, known + [adjoint] + moving + tangents + [adjointTangent])
    for (index, result) in (adjoints + adjointTangents).enumerated() {
      builder.output("x\(index)", result)
    }
    return builder.graph
  }

  private func loops(_ graph: Graph) -> [LoopRole] {
    graph.nodes.compactMap { if case .loop(let loop) = $0.op { loop.role } else { nil } }
  }

  @Test("all orders of the same logits come out of the same strips", arguments: [2, 7, 31])
  func family(tokens: Int) throws {
    let graph = everyOrder(tokens: tokens, words: 13) { builder, weights, _ in
      builder.unary(.tanh, weights)
    }
    #expect(loops(Pass.lowerLinearCrossEntropy.run(graph)) == [.tokenStrips])
    try check(graph, words: 13)
  }

  @Test("a loss that its own adjoint depends on is computed before", arguments: [2, 7])
  func dependentAdjoint(tokens: Int) throws {
    let graph = everyOrder(tokens: tokens, words: 13) { $0.multiply($1, $2) }
    #expect(
      loops(Pass.lowerLinearCrossEntropy.run(graph)) == [.vocabularyTiles, .tokenStrips])
    try check(graph, words: 13)
    let itself = everyOrder(tokens: tokens, words: 13) { $2 }
    #expect(
      loops(Pass.lowerLinearCrossEntropy.run(itself)) == [.vocabularyTiles, .tokenStrips])
    try check(itself, words: 13)
  }

  @Test("two losses that weigh each other are not both computed with their adjoints")
  func mutualAdjoints() throws {
    let builder = GraphBuilder(name: "two losses")
    let (x, w) = (TensorType([4, 3], .f64), TensorType([13, 3], .f64))
    let labels = builder.input("labels", TensorType([4], .i32))
    func append(_ order: DerivativeOrder, _ operands: [ValueID]) -> [ValueID] {
      builder.append(.structured(StructuredOp(.linearCrossEntropy, order)), operands)
    }
    let operands = ["a", "b"].map {
      [builder.input($0 + "x", x), builder.input($0 + "w", w), labels]
    }
    let losses = operands.map { append(.value, $0) }
    for index in [0, 1] {
      let adjoints = append(
        .adjoint, operands[index] + losses[index] + [losses[1 - index][0]])
      builder.output("x_adj\(index)", adjoints[0])
      builder.output("w_adj\(index)", adjoints[1])
    }
    #expect(
      loops(Pass.lowerLinearCrossEntropy.run(builder.graph)).map(\.description).sorted()
        == ["token strips", "token strips", "vocabulary tiles"])
    try check(builder.graph, words: 13)
  }

  private func inputs(_ graph: Graph, words: Int) -> [NumericArray] {
    var generator = SeededGenerator(seed: UInt64(words))
    return graph.inputTypes.map { type in
      let elements = (0..<type.elementCount).map { _ in
        type.dtype == .i32
          ? Double(Int.random(in: 0..<words, using: &generator))
          : Double.random(in: -1...1, using: &generator)
      }
      return NumericArray(type, elements)
    }
  }

  @Test(
    "the tiles add up to the decomposition", arguments: DerivativeOrder.allCases,
    [53, 7, 1, 1000, 2000, 2053])
  func agreement(order: DerivativeOrder, words: Int) throws {
    // A tile has 1024 words here: one tile, two that are even, and two with five words left over.
    try check(graph(order, tokens: 4, words: words, width: 2), words: words)
  }

  @Test(
    "the strips add up to the decomposition",
    arguments: [DerivativeOrder.adjoint, .adjointTangent],
    [1, 2, 7, 31, 600])
  func strips(order: DerivativeOrder, tokens: Int) throws {
    // One strip, two even ones, seven, two with a token left over, two of 300.
    try check(graph(order, tokens: tokens, words: 13, width: 3), words: 13)
  }

  private func check(_ graph: Graph, words: Int) throws {
    let lowered = Pass.lowerLinearCrossEntropy.run(graph)
    #expect(lowered.problems() == [])
    let inputs = inputs(graph, words: words)
    let expected = try Evaluator().evaluate(graph, inputs: inputs)
    let found = try Evaluator().evaluate(lowered, inputs: inputs)
    for (expected, found) in zip(expected, found) {
      let scale = expected.elements.map(\.magnitude).max() ?? 0
      let error = zip(expected.elements, found.elements).map { abs($0 - $1) }.max() ?? .infinity
      #expect(error <= 1e-12 * max(1, scale))
    }
  }

  @Test("no array of all logits is left", arguments: DerivativeOrder.allCases)
  func memory(order: DerivativeOrder) {
    let graph = graph(order, tokens: 64, words: 5000, width: 8)
    let lowered = Pass.lowerLinearCrossEntropy.run(graph)
    func largest(_ graph: Graph) -> Int {
      let regions = graph.nodes.flatMap(\.op.regions)
      return max(
        graph.types.map(\.elementCount).max() ?? 0, regions.map(largest).max() ?? 0)
    }
    // A tile of 1024 words, or a strip of half of the tokens.
    #expect(largest(lowered) <= max(64 * 1024, 32 * 5000))
    #expect(largest(decomposed(graph)) == 64 * 5000)
  }

  @Test("decomposing leaves primitives only", arguments: [UInt64](0..<40))
  func primitives(seed: UInt64) {
    func hasStructuredOp(_ graph: Graph) -> Bool {
      graph.nodes.contains { node in
        node.op.family == .structured || node.op.regions.contains(where: hasStructuredOp)
      }
    }
    let program = RandomProgram(seed: seed)
    #expect(!hasStructuredOp(decomposed(program.graph)))
  }
}
