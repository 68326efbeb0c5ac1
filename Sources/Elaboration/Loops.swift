// SPDX-License-Identifier: Apache-2.0
//
// `for` becomes the IR's `loop`: its size does not depend on the number of iterations. The variables
// from outside that the body assigns are the carries; what is iterated gives the stacked inputs;
// everything else the body reads becomes an invariant (see `Emitter`).

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Runs a loop statement. After an error the assigned variables are poison.
  func runLoop(_ loop: ForStatement) {
    let names = assignedVariables(in: loop)
    guard attempt({ try elaborateLoop(loop, assigning: names) }) == nil else { return }
    for name in names { scope.assign(name, .poison) }
  }

  /// The variables declared outside that the body assigns, in order of their first assignment.
  private func assignedVariables(in loop: ForStatement) -> [String] {
    var local = Set(loop.names.map(\.text))
    var assigned: [String] = []
    collectAssignments(loop.body, &local, &assigned)
    return assigned.filter { scope.lookup($0)?.isVariable == true }
  }

  private func collectAssignments(
    _ statements: [Statement], _ local: inout Set<String>, _ assigned: inout [String]
  ) {
    for statement in statements {
      switch statement {
      case .binding(let binding): local.formUnion(binding.names.map(\.text))
      case .assignment(let name, _):
        if !local.contains(name.text), !assigned.contains(name.text) { assigned.append(name.text) }
      case .loop(let inner):
        var innerLocal = local.union(inner.names.map(\.text))
        collectAssignments(inner.body, &innerLocal, &assigned)
      case .returning: break
      }
    }
  }

  /// What one name of the loop's head goes through.
  private enum Sequence {
    /// The iteration's number.
    case counter
    /// One slice of each tensor of a value.
    case stacked(Value)
  }

  private func elaborateLoop(_ loop: ForStatement, assigning names: [String]) throws {
    if !loop.span.file.isBuiltIn { emitter.location = loop.span }
    let (sequences, tripCount) = try sequences(of: loop)
    for case .returning(_, let span) in loop.body { throw fail(.returnMisplaced, at: span) }
    guard !names.isEmpty else {
      _ = fail(.loopWithoutEffect, at: loop.span)
      return
    }
    let carries = try names.map { name in try carried(name, loop) }
    let stacked = sequences.flatMap { sequence -> [Tensor] in
      if case .stacked(let value) = sequence { value.tensors } else { [] }
    }
    let carriedTensors = carries.flatMap(\.tensors)

    emitter.beginRegion("loop")
    let index = emitter.input(counterName(loop, sequences), .scalar(.i32))
    let carryNames = zip(names, carries).flatMap { name, carry in
      carry.namedTensors(name).map(\.name)
    }
    var carryInputs = zip(carryNames, carriedTensors).map { emitter.input($0, $1.type) }[...]
    var slices = slices(of: loop, sequences).map { emitter.input($0.name, $0.type) }[...]
    let body = Scope(parent: scope)
    for (name, carry) in zip(names, carries) {
      let value = carry.replacingTensors(&carryInputs)
      let declaration = scope.lookup(name)?.declaration
      body.declare(name, Binding(value: value, declaration: declaration, isVariable: true))
    }
    let results: [Value]
    do {
      results = try within(body) {
        for (name, sequence) in zip(loop.names, sequences) {
          declare(name, element(of: sequence, index: index, &slices))
        }
        return try runBody(loop, names, carries)
      }
    } catch {
      _ = emitter.endRegion()
      throw error
    }
    for (name, tensor) in zip(carryNames, results.flatMap(\.tensors)) {
      emitter.output(name, tensor)
    }
    let (graph, captured) = emitter.endRegion()

    let isLayers = sequences.contains { if case .stacked(.tree) = $0 { true } else { false } }
    let sequenceNames = loop.names.map(\.text).joined(separator: " and ")
    let op = Loop(
      role: isLayers ? .layers : .other("loop over \(sequenceNames)"), tripCount: tripCount,
      carryCount: carriedTensors.count, stackedInputCount: stacked.count,
      body: graph)
    var outputs = emitter.append(.loop(op), carriedTensors + stacked + captured)[...]
    for (name, carry) in zip(names, carries) {
      scope.assign(name, carry.replacingTensors(&outputs))
    }
  }

  /// What the number of an iteration is called: as in the loop's head, if it stands there.
  private func counterName(_ loop: ForStatement, _ sequences: [Sequence]) -> String {
    let position = sequences.firstIndex { if case .counter = $0 { true } else { false } }
    return position.map { loop.names[$0].text } ?? "iteration"
  }

  /// The slices that a loop's names go through, called after them.
  private func slices(
    of loop: ForStatement, _ sequences: [Sequence]
  ) -> [(name: String, type: TensorType)] {
    zip(loop.names, sequences).flatMap { name, sequence -> [(name: String, type: TensorType)] in
      guard case .stacked(let value) = sequence else { return [] }
      return value.namedTensors(name.text).map { tensor, name in
        (name, TensorType(Array(tensor.shape.dropFirst()), tensor.dtype))
      }
    }
  }

  /// Runs the body once, symbolically, and checks that the carries keep their types.
  private func runBody(
    _ loop: ForStatement, _ names: [String], _ carries: [Value]
  ) throws -> [Value] {
    _ = try run(loop.body)
    return try zip(names, carries).map { name, before in
      guard let after = scope.lookup(name)?.value else { throw Reported() }
      return try continued(name, before, after, loop)
    }
  }

  /// The value of a carry at the end of an iteration, in the form it had at the start.
  private func continued(
    _ name: String, _ before: Value, _ after: Value, _ loop: ForStatement
  ) throws -> Value {
    var after = after
    if let number = after.number, case .tensor(let start) = before {
      after = .tensor(emitter.constant(number, start.type))
    } else {
      after = try materialized(Operand(expression: loop.sequence, value: after))
    }
    guard before.tensors.map(\.type) == after.tensors.map(\.type),
      before.spelling == after.spelling
    else {
      let isScalarStart = if case .tensor(let start) = before { start.shape.isEmpty } else { false }
      throw fail(
        .loopCarry(name, before: before.spelling, after: after.spelling), at: loop.span,
        help: isScalarStart ? "start \(name) with zeros([...]) of its final shape" : nil)
    }
    return after
  }

  /// The start value of a carry; numbers become float scalars.
  private func carried(_ name: String, _ loop: ForStatement) throws -> Value {
    guard let value = scope.lookup(name)?.value else { throw Reported() }
    switch value {
    case .boolean, .string:
      throw fail(
        .kind(what: "a variable assigned in a loop", expected: "an array", found: value.kind),
        at: loop.span)
    default: return try materialized(Operand(expression: loop.sequence, value: value))
    }
  }

  /// What the names of the loop's head go through, and the number of iterations.
  private func sequences(of loop: ForStatement) throws -> ([Sequence], Int) {
    let operand = try evaluated(loop.sequence)
    let values =
      loop.isTuple ? try parts(of: operand, count: loop.names.count) : [operand.value]
    var lengths: [Int] = []
    let sequences = try values.map { value -> Sequence in
      lengths.append(try length(of: value, operand))
      if case .integer = value { return .counter }
      return .stacked(value)
    }
    guard let first = lengths.first, lengths.allSatisfy({ $0 == first }) else {
      throw fail(.loopLengths(lengths), at: loop.sequence.span, operands: [operand])
    }
    return (sequences, first)
  }

  private func length(of value: Value, _ operand: Operand) throws -> Int {
    switch value {
    case .integer(let count) where count >= 1:
      return try integer(operand.part(value), "the number of iterations")
    case .tree(let tree):
      if let stack = tree.stack { return stack }
    case .tensor(let tensor):
      if let first = tensor.shape.first { return first }
    default: break
    }
    throw fail(
      .kind(
        what: "what a loop goes through",
        expected: "a stacked group, an array with axes, or a whole number of at least 1",
        found: value.kind), at: operand.expression.span)
  }

  private func element(
    of sequence: Sequence, index: Tensor, _ slices: inout ArraySlice<Tensor>
  ) -> Value {
    switch sequence {
    case .counter: return .tensor(index)
    case .stacked(let value):
      let slice = value.replacingTensors(&slices)
      guard case .tree(var tree) = slice else { return slice }
      // One layer of a stacked group is no longer stacked.
      tree.stack = nil
      return .tree(tree)
    }
  }
}
