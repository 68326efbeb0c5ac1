// SPDX-License-Identifier: Apache-2.0
//
// What an op costs: the one answer, for every stage that has to weigh work against memory. Start with
// `Op.cost`, the one switch over all ops; everything else here is made from it.
//
// Work is counted as the op is defined, not as some kernel does it: each product, function value and
// element of a result once, nothing for moving elements about, nothing for deciding which pairs of a
// causal mask count. What structured ops cost is counted in their decompositions, and a test counts
// again. Numbers that this replaced, and which of them were right:
//
//   - products of attention's tangent: 5 (the scores, two for their tangent, two with values); the
//     4 in the sharing of loop values left the scores out;
//   - products of linear cross-entropy: 1, 3, 3, 7; sharing took attention's 2, 4, 5, 12;
//   - pairs under a causal mask: n (n + 1) / 2; sharing took n n / 2;
//   - functions that cost much an element: exp and its like, pow. Quotients and square roots are
//     counted apart: hoisting out of loops took them for costly, recomputing for cheap, and both are
//     right (see `operations`).

/// Operations and bytes. Numbers beyond what can be counted stay at the largest number.
package struct OpCost: Hashable, Sendable {
  /// Terms of matrix products: a multiplication and an addition each.
  package var products: Int
  /// Values of functions such as exp, tanh, pow.
  package var transcendentals: Int
  /// Quotients and square roots.
  package var divisions: Int
  /// Sums, products, comparisons and the like, by element.
  package var simple: Int
  /// Bytes of all operands and results, each once.
  package var bytes: Int

  package init(
    products: Int = 0, transcendentals: Int = 0, divisions: Int = 0, simple: Int = 0, bytes: Int = 0
  ) {
    self.products = products
    self.transcendentals = transcendentals
    self.divisions = divisions
    self.simple = simple
    self.bytes = bytes
  }

  /// Floating-point operations as reports count them: products are two, all others one.
  package var flops: Int {
    products.saturatingProduct(2).saturatingSum(transcendentals).saturatingSum(divisions)
      .saturatingSum(simple)
  }

  /// Time, in units of a simple operation where all data are at hand.
  ///
  /// A function of `Templates/runtime/mf_exp_f32.h` and its like is 15 to 25 instructions on vectors.
  /// Quotients and square roots keep their own unit busy for some ten times as long as a sum keeps
  /// its own, but no other: they count as one, and what reads this was calibrated with that.
  package var operations: Int {
    products.saturatingProduct(2).saturatingSum(transcendentals.saturatingProduct(20))
      .saturatingSum(divisions).saturatingSum(simple)
  }

  package static func + (lhs: OpCost, rhs: OpCost) -> OpCost {
    OpCost(
      products: lhs.products.saturatingSum(rhs.products),
      transcendentals: lhs.transcendentals.saturatingSum(rhs.transcendentals),
      divisions: lhs.divisions.saturatingSum(rhs.divisions),
      simple: lhs.simple.saturatingSum(rhs.simple), bytes: lhs.bytes.saturatingSum(rhs.bytes))
  }

  package static func * (cost: OpCost, count: Int) -> OpCost {
    OpCost(
      products: cost.products.saturatingProduct(count),
      transcendentals: cost.transcendentals.saturatingProduct(count),
      divisions: cost.divisions.saturatingProduct(count),
      simple: cost.simple.saturatingProduct(count), bytes: cost.bytes.saturatingProduct(count))
  }
}

extension Op {
  /// What the op costs.
  ///
  /// - Parameters:
  ///   - operands: types that the op can take.
  ///   - results: the types of what it makes of them.
  package func cost(_ operands: [TensorType], _ results: [TensorType]) -> OpCost {
    let elements = results.reduce(0) { $0.saturatingSum($1.elementCount) }
    var cost: OpCost
    switch self {
    case .unary(let function): cost = function.cost * elements
    case .binary(let function): cost = function.cost * elements
    case .compare, .select, .convert: cost = OpCost(simple: elements)
    // Twenty rounds of a sum, a rotation and an exclusive or, in the units for whole numbers, of which
    // there are as many as for floats: the words of four elements in the time of one of exp.
    case .threefry: cost = OpCost(simple: 60) * elements
    case .constant, .iota: cost = OpCost()
    case .stopGradient, .broadcast, .reshape, .transpose, .slice, .pad, .windows, .concatenate,
      .gather:
      cost = OpCost()
    case .reduce: cost = OpCost(simple: operands[0].elementCount)
    case .sumWindows: cost = OpCost(simple: operands[0].elementCount)
    case .cumulativeSum: cost = OpCost(simple: elements)
    case .contract(let labels):
      cost = OpCost(products: labels.productCount(operands[0], operands[1]))
    case .checkPositions: cost = OpCost(simple: elements)
    case .scatterAdd: cost = OpCost(simple: operands[1].elementCount)
    case .structured(let op): cost = op.arithmetic(operands)
    case .loop(let loop): return loop.body.cost * loop.tripCount
    // The function, and for each of its products one for the adjoint of each factor.
    case .gradient(let gradient): return gradient.function.cost * 3
    // The function, and for each of its products one for the tangent of each factor.
    case .jvp(let jvp): return jvp.function.cost * 3
    }
    cost.bytes = (operands + results).reduce(0) { $0.saturatingSum($1.byteCount) }
    return cost
  }

  /// What each element of the result costs, if the op makes it from one element of each operand (or
  /// of none): then whoever reads the result can make it instead. Bytes are not counted.
  ///
  /// `nil` for reductions, products, rows by index and ops with regions.
  package var costPerElement: OpCost? {
    let isByElement =
      switch family {
      case .elementwise, .creation, .movement: true
      case .indexing: if case .checkPositions = self { true } else { false }
      case .reduction, .contraction, .structured, .structure: false
      }
    guard isByElement else { return nil }
    var cost = cost([], [.scalar(.f32)])
    cost.bytes = 0
    return cost
  }

  /// Whether an element costs more than to read it from a cache: a value of exp and its like.
  package var isTranscendental: Bool { costPerElement.map { $0.transcendentals > 0 } ?? false }
}

extension Graph {
  /// What a node costs.
  package func cost(of node: Node) -> OpCost {
    node.op.cost(node.operands.map(type(of:)), node.results.map(type(of:)))
  }

  /// What all nodes cost, loops multiplied out.
  package var cost: OpCost { nodes.reduce(OpCost()) { $0 + cost(of: $1) } }
}

// MARK: Elementwise functions and products

extension UnaryFunction {
  /// What one value costs: what no machine rounds exactly is an approximation of many operations.
  fileprivate var cost: OpCost {
    switch self {
    case .sqrt: OpCost(divisions: 1)
    case .rsqrt: OpCost(divisions: 2)
    case _ where isExactlyRounded: OpCost(simple: 1)
    case _: OpCost(transcendentals: 1)
    }
  }
}

extension BinaryFunction {
  /// What one value costs.
  fileprivate var cost: OpCost {
    switch self {
    case .add, .subtract, .multiply, .maximum, .minimum: OpCost(simple: 1)
    case .divide, .floorDivide: OpCost(divisions: 1)
    case .power: OpCost(transcendentals: 1)
    }
  }
}

extension ContractionLabels {
  /// Terms of all sums: the product of the extents of all labels.
  package func productCount(_ lhs: TensorType, _ rhs: TensorType) -> Int {
    var extents: [Int: Int] = [:]
    for (label, extent) in zip(self.lhs + self.rhs, lhs.shape + rhs.shape) {
      extents[label] = extent
    }
    return extents.values.reduce(1) { $0.saturatingProduct($1) }
  }
}

// MARK: Structured ops

extension StructuredOp {
  /// Matrix products over all pairs (of a query and a key, of a token and a word) that the op makes,
  /// each of as many terms a pair as a row is wide.
  package var productCount: Int {
    switch (function, order) {
    case (.attention, .value): 2  // Scores; values.
    case (.attention, .tangent): 5  // Scores, 2 for their tangent; 2 for that of the values.
    case (.attention, .adjoint): 5  // Scores, their adjoint; those of queries, keys, values.
    case (.attention, .adjointTangent): 12  // Scores 1 + 2, adjoint 1 + 2; 2 for each operand.
    case (.linearCrossEntropy, .value): 1  // Logits.
    case (.linearCrossEntropy, .tangent): 3  // Logits 1 + 2.
    case (.linearCrossEntropy, .adjoint): 3  // Logits; adjoints of tokens and words.
    case (.linearCrossEntropy, .adjointTangent): 7  // Logits 1 + 2; 2 for each operand.
    }
  }

  fileprivate func arithmetic(_ operands: [TensorType]) -> OpCost {
    let (x, w) = (operands[0], operands[1])
    let (rows, pairs, width): (Int, Int, Int)
    switch function {
    case .attention(let scores):
      let heads = x.shape[0].saturatingProduct(x.shape[2])
      rows = heads.saturatingProduct(x.shape[1])
      pairs = heads.saturatingProduct(
        scores.pairCount(queries: x.shape[1], keys: w.shape[1]))
      width = x.shape[3]
    case .linearCrossEntropy:
      (rows, pairs, width) = (x.shape[0], x.shape[0].saturatingProduct(w.shape[0]), x.shape[1])
    }
    let counts = elementwiseCounts
    return OpCost(products: productCount.saturatingProduct(width)) * pairs
      + (counts.pair + scoreCount) * pairs + counts.row * rows + counts.x * x.elementCount
      + counts.w * w.elementCount
  }

  /// What making scores of products costs a pair besides the scale.
  private var scoreCount: OpCost {
    guard case .attention(let scores) = function else { return OpCost() }
    let isTangent = order == .tangent || order == .adjointTangent
    let isAdjoint = order == .adjoint || order == .adjointTangent
    var count = OpCost()
    if scores.softcap != nil {
      // The score; its derivative by the product, once for each use but one; that one's tangent.
      let simple = [DerivativeOrder.value: 2, .tangent: 5, .adjoint: 5, .adjointTangent: 11][order]
      count = count + OpCost(transcendentals: 1, simple: simple ?? 0)
    }
    for extra in scores.extras where extra == .relative || extra == .bias {
      let uses = scores.isMoving(extra) ? 1 + (isTangent ? 1 : 0) + (isAdjoint ? 1 : 0) : 1
      count = count + OpCost(simple: uses)
    }
    return count
  }

  /// Elementwise work and sums for each pair, for each row of pairs (a query of a head, a token) and
  /// for each element of the first and of the second operand.
  private var elementwiseCounts: (pair: OpCost, row: OpCost, x: OpCost, w: OpCost) {
    func counts(
      pair: Int, exp: Int = 1, row: Int = 0, log: Int = 0, x: Int = 0, w: Int = 0
    ) -> (OpCost, OpCost, OpCost, OpCost) {
      (
        OpCost(transcendentals: exp, simple: pair), OpCost(transcendentals: log, simple: row),
        OpCost(simple: x), OpCost(simple: w)
      )
    }
    return switch (function, order) {
    case (.attention, .value): counts(pair: 5, exp: 2, row: 1, log: 1)
    case (.attention, .tangent): counts(pair: 8, x: 1)
    case (.attention, .adjoint): counts(pair: 4, x: 3, w: 1)
    case (.attention, .adjointTangent): counts(pair: 13, row: 1, x: 9, w: 4)
    case (.linearCrossEntropy, .value): counts(pair: 4, row: 2, log: 1)
    case (.linearCrossEntropy, .tangent): counts(pair: 5, row: 1)
    case (.linearCrossEntropy, .adjoint): counts(pair: 3)
    case (.linearCrossEntropy, .adjointTangent): counts(pair: 10, x: 1, w: 1)
    }
  }
}
