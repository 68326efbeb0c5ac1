// SPDX-License-Identifier: Apache-2.0
//
// What structured ops cost, against the operations counted in the graphs that say what they mean.

import TensorIR
import Testing

@Suite("The cost of ops")
struct OpCostTests {
  private static let attention = [
    TensorType([2, 5, 6, 3], .f32), TensorType([2, 7, 2, 3], .f32), TensorType([2, 7, 2, 3], .f32),
  ]
  private static let causal = [
    TensorType([2, 5, 6, 3], .f32), TensorType([2, 5, 2, 3], .f32), TensorType([2, 5, 2, 3], .f32),
  ]
  private static let relative = TensorType([2, 6, 11], .f32)
  private static let bias = TensorType([2, 1, 5, 7], .f32)
  private static let crossEntropy = [
    TensorType([11, 3], .f64), TensorType([7, 3], .f64), TensorType([11], .i32),
  ]
  private static let cases: [(function: StructuredFunction, types: [TensorType])] = [
    (.attention(AttentionScores(scale: 0.5)), attention),
    (.attention(AttentionScores(scale: 0.5, isCausal: true)), causal),
    (.attention(AttentionScores(scale: 0.5, softcap: 2)), attention),
    (
      .attention(AttentionScores(scale: 0.5, relative: .fixed, bias: .fixed, hasLengths: true)),
      attention + [relative, bias, TensorType([2], .i32)]
    ),
    (
      .attention(AttentionScores(scale: 0.5, softcap: 2, relative: .moving, bias: .moving)),
      attention + [relative, bias]
    ),
    (.linearCrossEntropy, crossEntropy),
  ]

  @Test(
    "structured ops cost what their decompositions count", arguments: DerivativeOrder.allCases)
  func structured(_ order: DerivativeOrder) throws {
    for (function, types) in Self.cases {
      let op = StructuredOp(function, order)
      let operands = try Self.operands(of: op, types)
      let cost = Op.structured(op).cost(operands, try Op.structured(op).resultTypes(operands))
      let counted = op.decomposition(operands).counted { Self.seen($0, function) }
      #expect(cost.products == counted.products, "products of \(op.name)")
      #expect(cost.transcendentals == counted.transcendentals, "exponentials of \(op.name)")
      #expect(cost.simple == counted.simple, "operations of \(op.name)")
      #expect(cost.divisions == 0 && counted.divisions == 0)
      #expect(cost.products > 0 && cost.bytes > 0)
    }
  }

  @Test("attention makes 2, 5, 5 and 12 products, cross-entropy 1, 3, 3 and 7")
  func products() {
    let attention = StructuredFunction.attention(AttentionScores(scale: 1, isCausal: true))
    let counts = [attention, .linearCrossEntropy].map { function in
      DerivativeOrder.allCases.map { StructuredOp(function, $0).productCount }
    }
    #expect(counts == [[2, 5, 5, 12], [1, 3, 3, 7]])
  }

  @Test("loops multiply, derivatives take three times their function, and nothing overflows")
  func regions() throws {
    let matrix = TensorType([1 << 30, 1 << 30], .f32)
    let product = Op.contract(.matrixProduct)
    let large = product.cost([matrix, matrix], [matrix])
    #expect(large.products == .max && large.flops == .max)
    let graph = graphWithEveryOp()
    for node in graph.nodes {
      let cost = graph.cost(of: node)
      switch node.op {
      case .loop(let loop): #expect(cost == loop.body.cost * loop.tripCount && cost.simple > 0)
      case .gradient(let gradient): #expect(cost == gradient.function.cost * 3)
      case .jvp(let jvp): #expect(cost == jvp.function.cost * 3)
      case let op:
        let types = (node.operands + node.results).map(graph.type(of:))
        #expect(cost.bytes == types.reduce(0) { $0 + $1.byteCount }, "\(op.name)")
        guard let element = op.costPerElement else { continue }
        let count = types.last.map(\.elementCount) ?? 0
        #expect(element.operations * count == cost.operations, "\(op.name)")
      }
    }
  }

  @Test("exp, pow and their like are transcendental, quotients and roots are divisions")
  func elements() {
    let costs = UnaryFunction.allCases.map { Op.unary($0).costPerElement }
    let simple = zip(UnaryFunction.allCases, costs).filter { $1 == OpCost(simple: 1) }.map(\.0)
    #expect(simple == [.negate, .abs, .sign, .floor])
    #expect(Op.unary(.rsqrt).costPerElement == OpCost(divisions: 2))
    #expect(Op.unary(.exp).isTranscendental && Op.binary(.power).isTranscendental)
    #expect(!Op.unary(.sqrt).isTranscendental && !Op.binary(.divide).isTranscendental)
    #expect(Op.transpose([1, 0]).costPerElement == OpCost())
    #expect(Op.reduce(.sum, axes: [0]).costPerElement == nil)
    #expect(Op.gather.costPerElement == nil)
  }

  // MARK: Counting

  /// The operand types of an op, from those of its value.
  private static func operands(of op: StructuredOp, _ types: [TensorType]) throws -> [TensorType] {
    let known = try Op.structured(StructuredOp(op.function)).resultTypes(types)
    let inputs = op.function.inputPositions.map { types[$0] }
    let (y, s) = (known[0], known[1])
    return switch op.order {
    case .value: types
    case .tangent: types + known + inputs
    case .adjoint: types + known + [y]
    case .adjointTangent: types + known + [y] + inputs + [y, s, y]
    }
  }

  /// How many of an array's elements count: of scores under a causal mask, those that are seen.
  private static func seen(_ shape: [Int], _ function: StructuredFunction) -> Int {
    let count = shape.reduce(1, *)
    guard case .attention(let scores) = function else { return count }
    // What is folded by distance has a row of zeros and pairs for each query.
    if shape == [2, 6, 5, 11] { return 2 * 6 * 5 * 7 }
    guard scores.isCausal, shape.count == 5, shape[3] == 5, shape[4] == 5 else { return count }
    return count / 25 * 15
  }
}

extension Graph {
  /// Operations of a graph of primitives, without those that pick elements by number.
  ///
  /// - Parameter elements: how many elements of an array of some shape count.
  fileprivate func counted(_ elements: ([Int]) -> Int) -> OpCost {
    nodes.reduce(OpCost()) { sum, node in
      let result = type(of: node.results[0]).shape
      switch node.op {
      case .unary(let function):
        return [.exp, .log, .tanh].contains(function)
          ? sum + OpCost(transcendentals: elements(result)) : sum + OpCost(simple: elements(result))
      case .binary: return sum + OpCost(simple: elements(result))
      case .reduce: return sum + OpCost(simple: elements(type(of: node.operands[0]).shape))
      case .contract(let labels):
        // Every product has pairs in it: the scores are an operand or the result.
        let shapes = node.operands.map { type(of: $0).shape } + [result]
        let all = shapes.map { $0.reduce(1, *) }
        let part = zip(shapes, all).map { Double(elements($0)) / Double($1) }.min() ?? 1
        let extents = Dictionary(
          zip(labels.lhs + labels.rhs, shapes[0] + shapes[1])
        ) { first, _ in first }
        let products = extents.values.reduce(1, *)
        return sum + OpCost(products: Int((Double(products) * part).rounded()))
      default: return sum
      }
    }
  }
}
