// SPDX-License-Identifier: Apache-2.0
//
// Gives each loop the weakest operands and results that do: what a loop carries, slices or stacks
// although it never changes becomes an invariant, a copy or nothing.
//
//     carry that the body returns unchanged            -> invariant
//     stacked input that repeats one slice             -> invariant
//     invariant that is a constant or a broadcast      -> made in the body from its source
//     the same operand twice                           -> one operand
//     stacked output of an invariant                   -> broadcast outside the loop
//     stacked output of a slice of a stacked input     -> that stacked input
//     stacked output of a broadcast                    -> stack its source, broadcast outside
//     the same stacked output twice                    -> one
//
// What depends on the iteration is left alone; operands that the body does not read are left for
// `EliminateDeadCode`, code that does not depend on the iteration for `HoistLoopInvariants`.

import TensorIR

extension Pass {
  package static let simplifyLoops = Pass(
    name: "simplify loops",
    summary: "turns carries and stacked arrays that never change into invariants",
    run: { graph in
      var graph = graph
      for _ in 0..<maximumRounds {
        let next = withSimplerLoops(graph)
        if next == graph { break }
        graph = next
      }
      return graph
    })
}

/// A broadcast moves in through one level of nested loops in each round.
private let maximumRounds = 8

private func withSimplerLoops(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    let op = node.op.mapRegions(withSimplerLoops)
    // A limited loop's last operand must stay its last, so its operands are not rearranged.
    guard case .loop(let loop) = op, !loop.isLimited else { return rewriter.append(op, operands) }
    let simplifier = LoopSimplifier(loop, operands, in: rewriter)
    return simplifier.rebuild()
  }
}

/// How to get a result of the old loop from the new one.
private indirect enum Recipe {
  /// A result of the new loop, by position.
  case result(Int)
  /// A value outside the loop.
  case outside(ValueID)
  /// A new node outside.
  case apply(Op, [Recipe])
}

/// Rebuilds one loop. The body's inputs are made in the order carries, stacked, invariants.
private final class LoopSimplifier {
  private let loop: Loop
  private let operands: [ValueID]
  private let outer: Rewriter
  private let body: Rewriter

  private var newOperands: [ValueID] = []
  /// For each new input of the body, the operand that feeds it.
  private var stackedOperand: [ValueID: ValueID] = [:]
  private var invariantOperand: [ValueID: ValueID] = [:]
  /// The new input for each invariant operand, so that each is passed once.
  private var invariantInput: [ValueID: ValueID] = [:]
  private var results: [ValueID] = []
  /// The position of each stacked output among the new loop's results.
  private var stackedResult: [ValueID: Int] = [:]

  init(_ loop: Loop, _ operands: [ValueID], in outer: Rewriter) {
    self.loop = loop
    self.operands = operands
    self.outer = outer
    body = Rewriter(replacing: loop.body)
  }

  func rebuild() -> [ValueID] {
    bindInput(0, to: body.input(loop.body.inputNames[0], .scalar(.i32)))
    let carryOf = addCarries()
    let carryCount = newOperands.count
    addStackedInputs()
    let stackedInputCount = newOperands.count - carryCount
    addInvariants()
    body.visitNodes { node, operands in body.append(node.op, operands) }
    let recipes = addOutputs(carryOf)
    var results: [ValueID] = []
    if !self.results.isEmpty {
      var newLoop = loop
      newLoop.carryCount = carryCount
      newLoop.stackedInputCount = stackedInputCount
      newLoop.body = body.finished
      results = outer.append(.loop(newLoop), newOperands)
    }
    return recipes.map { cook($0, results) }
  }

  // MARK: Operands

  private func bindInput(_ position: Int, to value: ValueID) {
    body.bind(loop.body.inputs[position], to: value)
  }

  /// Appends an operand and the body's input for it.
  private func addInput(_ operand: ValueID, like position: Int) -> ValueID {
    let input = loop.body.inputs[position + 1]
    newOperands.append(operand)
    return body.input(loop.body.inputNames[position + 1], loop.body.type(of: input))
  }

  private func isUnchanged(carry: Int) -> Bool {
    loop.body.outputs[carry] == loop.body.inputs[carry + 1]
  }

  /// Returns for each old carry the position of the new one, `nil` if it became an invariant.
  private func addCarries() -> [Int?] {
    struct Course: Hashable { var start, next: ValueID }
    var known: [Course: (position: Int, input: ValueID)] = [:]
    return loop.carryRange.map { carry in
      if isUnchanged(carry: carry) { return nil }
      let course = Course(start: operands[carry], next: loop.body.outputs[carry])
      let entry = known[course] ?? (newOperands.count, addInput(operands[carry], like: carry))
      known[course] = entry
      bindInput(carry + 1, to: entry.input)
      return entry.position
    }
  }

  private func addStackedInputs() {
    var known: [ValueID: ValueID] = [:]
    for position in loop.stackedInputRange where slice(operands[position]) == nil {
      let operand = operands[position]
      let input = known[operand] ?? addInput(operand, like: position)
      known[operand] = input
      stackedOperand[input] = operand
      bindInput(position + 1, to: input)
    }
  }

  private func addInvariants() {
    for carry in loop.carryRange where isUnchanged(carry: carry) {
      bindInput(carry + 1, to: invariant(operands[carry], like: carry))
    }
    for position in loop.stackedInputRange {
      guard let (op, source) = slice(operands[position]) else { continue }
      let sources = source.map { [invariant($0, like: position)] } ?? []
      bindInput(position + 1, to: body.append(op, sources)[0])
    }
    for position in loop.invariantRange {
      bindInput(position + 1, to: invariant(operands[position], like: position))
    }
  }

  /// How to make the slice of a stacked operand whose slices are all equal.
  private func slice(_ operand: ValueID) -> (op: Op, source: ValueID?)? {
    guard let node = outer.definition(of: operand) else { return nil }
    switch node.op {
    case .constant(let number, let type):
      return (.constant(number, TensorType(Array(type.shape.dropFirst()), type.dtype)), nil)
    case .broadcast(let shape, let axes) where !axes.contains(0):
      let op = Op.broadcast(shape: Array(shape.dropFirst()), axes: axes.map { $0 - 1 })
      return (op, node.operands[0])
    default: return nil  // The slices may differ.
    }
  }

  /// The body's value for an operand that never changes: made there from its source if that is
  /// smaller.
  private func invariant(_ operand: ValueID, like position: Int) -> ValueID {
    if let known = invariantInput[operand] { return known }
    let value: ValueID
    if let node = outer.definition(of: operand), node.op.isRepetition {
      value = body.append(copyOf: node, node.operands.map { invariant($0, like: position) })[0]
    } else {
      newOperands.append(operand)
      let name = loop.body.inputNames[position + 1]
      value = body.input(name, outer.type(of: operand))
      invariantOperand[value] = operand
    }
    invariantInput[operand] = value
    return value
  }

  // MARK: Results

  private func addOutputs(_ carryOf: [Int?]) -> [Recipe] {
    var isAdded: Set<Int> = []
    let carries = carryOf.enumerated().map { old, new -> Recipe in
      guard let new else { return .outside(operands[old]) }
      if isAdded.insert(new).inserted { addResult(body.new(loop.body.outputs[old]), like: old) }
      return .result(new)
    }
    let stacked = loop.body.outputs.indices.dropFirst(loop.carryCount).map { position in
      stack(body.new(loop.body.outputs[position]), like: position)
    }
    return carries + stacked
  }

  private func addResult(_ value: ValueID, like position: Int) {
    body.output(loop.body.outputNames[position], value)
    results.append(value)
  }

  /// How to get the array that stacks `value` over the iterations.
  private func stack(_ value: ValueID, like position: Int) -> Recipe {
    let type = body.type(of: value)
    let shape = [loop.tripCount] + type.shape
    if let operand = stackedOperand[value] { return .outside(operand) }
    if let operand = invariantOperand[value] {
      let axes = Array(type.shape.indices.map { $0 + 1 })
      return .apply(.broadcast(shape: shape, axes: axes), [.outside(operand)])
    }
    if let node = body.definition(of: value) {
      switch node.op {
      case .constant(let number, _):
        return .apply(.constant(number, TensorType(shape, type.dtype)), [])
      case .broadcast(_, let axes):
        let op = Op.broadcast(shape: shape, axes: [0] + axes.map { $0 + 1 })
        return .apply(op, [stack(node.operands[0], like: position)])
      default: break  // Stacked as it is.
      }
    }
    if let known = stackedResult[value] { return .result(known) }
    stackedResult[value] = results.count
    addResult(value, like: position)
    return .result(results.count - 1)
  }

  private func cook(_ recipe: Recipe, _ results: [ValueID]) -> ValueID {
    switch recipe {
    case .result(let position): results[position]
    case .outside(let value): value
    case .apply(let op, let sources):
      outer.append(op, sources.map { cook($0, results) })[0]
    }
  }
}

extension Op {
  /// Whether the op makes an array out of less: cheaper to repeat than to read.
  fileprivate var isRepetition: Bool {
    if case .broadcast = self { return true }
    return family == .creation
  }
}
