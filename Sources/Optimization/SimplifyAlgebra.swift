// SPDX-License-Identifier: Apache-2.0
//
// Rewrites expressions to cheaper equal ones: identities, constants, broadcasts moved behind the
// arithmetic, movements merged or folded into contractions, sums of products made contractions.
//
//     %3 = transpose{permutation [1, 0]} %0 : f32[4, 3]
//     %4 = contract{[0, 1] [1, 2] to [0, 2]} %3, %1 : f32[4, 5]
//   ->
//     %3 = contract{[0, 1] [0, 2] to [1, 2]} %0, %1 : f32[4, 5]
//
// Equal means: as real numbers, and where the original is finite so is the result, up to rounding
// in the last place and away from the ends of the float range. Signs of zeros are not kept. What
// could hide a NaN or an infinity is left alone: `0 * x`, `x - x`, `x / x` stay as they are
// (symbolic zeros never become arrays, so little is lost). Functions of libm are not folded, since
// the kernels' value is not ours to decide.
//
// The rules are in `SimplifyElementwise.swift`, `SimplifyMovement.swift`, `SimplifyReduction.swift`
// and `SimplifyContraction.swift`. A rule looks only at the definitions of the operands, which are
// already simplified, and builds its result through `make`, which simplifies again: so one walk
// over the graph suffices, but for the rules that ask whether a value is read only once. Those see
// a better answer in the next round; rounds go on until nothing changes.

import TensorIR

extension Pass {
  package static let simplifyAlgebra = Pass(
    name: "simplify algebra",
    summary: "rewrites expressions to cheaper equal ones",
    run: { simplified($0) })
}

/// Enough for the longest chain of rules that wait for another's dead nodes; a bound on the time.
private let maximumRounds = 8

private func simplified(_ graph: Graph) -> Graph {
  var graph = graph
  for _ in 0..<maximumRounds {
    let next = Rewriter.rewrite(graph) { rewriter, node, operands in
      guard node.op.regions.isEmpty, node.results.count == 1 else {
        return rewriter.append(node.op.mapRegions(simplified), operands)
      }
      return [Simplifier(rewriter: rewriter).make(node.op, operands)]
    }
    if next == graph { break }
    graph = next
  }
  return graph
}

/// Builds simplified nodes. Rules return the value that replaces a node, or `nil` to keep it.
struct Simplifier {
  let rewriter: Rewriter

  /// A value equal to `op` applied to `operands`, in the simplest form the rules know.
  func make(_ op: Op, _ operands: [ValueID]) -> ValueID {
    if let simpler = simpler(op, operands) { return simpler }
    return rewriter.append(op, operands)[0]
  }

  func make(_ op: Op, _ operands: ValueID...) -> ValueID { make(op, operands) }

  private func simpler(_ op: Op, _ operands: [ValueID]) -> ValueID? {
    switch op.family {
    case .elementwise: simplerElementwise(op, operands)
    case .movement: simplerMovement(op, operands)
    case .reduction: simplerReduction(op, operands[0])
    case .contraction: simplerContraction(op, operands[0], operands[1])
    case .indexing: simplerIndexing(op, operands)
    case .creation, .structured, .structure: nil
    }
  }

  // MARK: What rules ask about values

  func type(of value: ValueID) -> TensorType { rewriter.type(of: value) }
  func shape(of value: ValueID) -> [Int] { type(of: value).shape }
  func definition(of value: ValueID) -> Node? { rewriter.definition(of: value) }

  /// The number that fills `value`, if it is a constant.
  func constant(_ value: ValueID) -> Double? {
    guard case .constant(let number, _)? = definition(of: value)?.op else { return nil }
    return number
  }

  /// The operands of `value` if it is the result of exactly this op.
  func operands(of value: ValueID, ifResultOf op: Op) -> [ValueID]? {
    guard let node = definition(of: value), node.op == op else { return nil }
    return node.operands
  }

  /// `x` if `value` is `-x`.
  func negated(_ value: ValueID) -> ValueID? {
    operands(of: value, ifResultOf: .unary(.negate))?[0]
  }

  // MARK: What rules build

  func makeConstant(_ number: Double, _ type: TensorType) -> ValueID {
    make(.constant(number, type))
  }

  func makeNegation(_ x: ValueID) -> ValueID { make(.unary(.negate), x) }

  func makeProduct(_ x: ValueID, _ y: ValueID) -> ValueID { make(.binary(.multiply), x, y) }

  func makeReshape(_ x: ValueID, _ shape: [Int]) -> ValueID { make(.reshape(shape), x) }

  func makeBroadcast(_ x: ValueID, to shape: [Int], axes: [Int]) -> ValueID {
    make(.broadcast(shape: shape, axes: axes), x)
  }

  func makeSum(_ x: ValueID, axes: [Int]) -> ValueID { make(.reduce(.sum, axes: axes), x) }
}

/// A value seen as a smaller one repeated: operand axis `i` of the source is axis `axes[i]`.
struct Repetition {
  var source: ValueID
  var axes: [Int]
}

extension Simplifier {
  /// How `value` repeats a smaller array, if it is a broadcast or a constant with axes.
  func repetition(_ value: ValueID) -> Repetition? {
    guard let node = definition(of: value) else { return nil }
    switch node.op {
    case .broadcast(_, let axes):
      return Repetition(source: node.operands[0], axes: axes)
    case .constant(let number, let type) where !type.isScalar:
      return Repetition(source: makeConstant(number, .scalar(type.dtype)), axes: [])
    default: return nil  // Every other array is taken as it is.
    }
  }
}
