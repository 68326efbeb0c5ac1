// SPDX-License-Identifier: Apache-2.0
//
// `for` becomes the IR's `loop`: its size does not depend on the number of iterations. The variables
// from outside that the body assigns are the carries; what is iterated gives the stacked inputs, what is
// yielded the stacked outputs; everything else the body reads becomes an invariant (see `Emitter`).

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Runs a loop statement. After an error the assigned variables are poison.
  func runLoop(_ loop: ForStatement) {
    if let yielded = loop.yielded { _ = fail(.loopValueUnused, at: yielded.span) }
    _ = attempt { try runLoop(loop, isStatement: true) }
  }

  /// What a loop collects: the values that its iterations yield, along a new first axis, the value of
  /// iteration `i` at place `i` in either direction.
  func collected(_ loop: ForStatement) throws -> Value {
    guard let value = try runLoop(loop, isStatement: false) else {
      preconditionFailure("compiler bug: a loop in an expression has a value")
    }
    return value
  }

  private func runLoop(_ loop: ForStatement, isStatement: Bool) throws -> Value? {
    let names = assignedVariables(in: loop)
    do {
      return try elaborateLoop(loop, assigning: names, isStatement: isStatement)
    } catch {
      for name in names { scope.assign(name, .poison) }
      throw error
    }
  }

  /// The variables declared outside that the body assigns, in order of their first assignment.
  private func assignedVariables(in loop: ForStatement) -> [String] {
    var names = AssignedNames()
    names.collect(in: loop)
    return names.assigned.filter { scope.lookup($0)?.isVariable == true }
  }

  /// What one name of the loop's head goes through.
  private enum Sequence {
    /// The iteration's number.
    case counter
    /// `start + step * i` for the iteration's number `i`.
    case range(start: Int, step: Int)
    /// One slice of each tensor of a value.
    case stacked(Value)
  }

  private func elaborateLoop(
    _ loop: ForStatement, assigning names: [String], isStatement: Bool
  ) throws -> Value? {
    if !loop.span.file.isBuiltIn { emitter.location = loop.span }
    let (sequences, tripCount, tripForm) = try sequences(of: loop)
    for case .returning(_, let span) in loop.body { throw fail(.returnMisplaced, at: span) }
    if isStatement, names.isEmpty, loop.yielded == nil {
      _ = fail(.loopWithoutEffect, at: loop.span)
      return nil
    }
    guard tripCount > 0 else {
      if isStatement { return nil }
      throw fail(.loopCollectsNothing, at: loop.sequence.span)
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
    var carryInputs = zip(carryNames, carriedTensors).map {
      emitter.input($0, $1.type).with($1.forms)
    }[...]
    var slices = zip(slices(of: loop, sequences), stacked).map { slice, whole in
      emitter.input(slice.name, slice.type).with(Array(whole.forms.dropFirst()))
    }[...]
    let body = Scope(parent: scope)
    for (name, carry) in zip(names, carries) {
      let value = carry.replacingTensors(&carryInputs)
      let declaration = scope.lookup(name)?.declaration
      body.declare(name, Binding(value: value, declaration: declaration, isVariable: true))
    }
    let results: [Value]
    let collected: Value?
    do {
      (results, collected) = try within(body) {
        for (name, sequence) in zip(loop.names, sequences) {
          declare(name, element(of: sequence, named: name, index: index, &slices))
        }
        return try iterating(index) { try runBody(loop, names, carries) }
      }
    } catch {
      _ = emitter.endRegion()
      throw error
    }
    for (name, tensor) in zip(carryNames, results.flatMap(\.tensors)) {
      emitter.output(name, tensor)
    }
    for (tensor, name) in collected?.namedTensors("yield") ?? [] { emitter.output(name, tensor) }
    let (graph, captured) = emitter.endRegion()

    let isLayers = sequences.contains { if case .stacked(.tree) = $0 { true } else { false } }
    let sequenceNames = loop.names.map(\.text).joined(separator: " and ")
    let op = Loop(
      role: isLayers ? .layers : .other("loop over \(sequenceNames)"), tripCount: tripCount,
      carryCount: carriedTensors.count, stackedInputCount: stacked.count,
      isReversed: loop.isReversed, body: graph)
    let collectedForms = collected?.tensors.map { [tripForm] + $0.shape.indices.map($0.form) } ?? []
    let outputForms = carriedTensors.map(\.forms) + collectedForms
    let loopResults = emitter.append(.loop(op), carriedTensors + stacked + captured)
    var outputs = zip(loopResults, outputForms).map { $0.with($1) }[...]
    for (name, carry) in zip(names, carries) {
      scope.assign(name, carry.replacingTensors(&outputs))
    }
    guard let value = collected?.replacingTensors(&outputs) else { return nil }
    guard case .tree(let tree) = value else { return value }
    return .tree(tree.mapStacks { [tripCount] + $0 })
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
  ///
  /// - Returns: the carries, and what the iteration yields.
  private func runBody(
    _ loop: ForStatement, _ names: [String], _ carries: [Value]
  ) throws -> ([Value], collected: Value?) {
    _ = try run(loop.body)
    let collected = try loop.yielded.map { try yielded($0) }
    let results = try zip(names, carries).map { name, before in
      guard let after = scope.lookup(name)?.value else { throw Reported() }
      return try continued(name, before, after, loop)
    }
    return (results, collected)
  }

  /// What an iteration adds to the value of its loop: arrays, and trees and tuples of them.
  private func yielded(_ expression: Expression) throws -> Value {
    let operand = try evaluated(expression)
    let value = try materialized(operand)
    if value.tensors.contains(where: { $0.dtype == .bool }) {
      throw fail(
        .kind(what: "what a loop collects", expected: "numbers", found: operand.value.kind),
        at: expression.span, help: "float(...) converts")
    }
    return value
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
  private func sequences(
    of loop: ForStatement
  ) throws -> ([Sequence], length: Int, form: SizeForm?) {
    let items = try items(of: loop)
    guard let first = items.first?.length, items.allSatisfy({ $0.length == first }) else {
      throw fail(
        .loopLengths(items.map(\.length)), at: loop.sequence.span, operands: items.map(\.operand))
    }
    var form = items[0].form
    for item in items.dropFirst() {
      try requireSame(
        form, item.form, first, "the loop", at: loop.sequence.span, operands: items.map(\.operand))
      form = form.joined(item.form)
    }
    return (items.map(\.sequence), first, form)
  }

  private struct Item {
    let sequence: Sequence
    let length: Int
    /// What is known of the length beside its value.
    let form: SizeForm?
    let operand: Operand
  }

  /// What stands between the parentheses of the head, or is a tuple, for several names; else the one
  /// thing that there is.
  private func items(of loop: ForStatement) throws -> [Item] {
    guard loop.isTuple else { return [try item(loop.sequence)] }
    guard case .tuple(let elements) = loop.sequence.kind else {
      let operand = try evaluated(loop.sequence)
      return try parts(of: operand, count: loop.names.count).map { try item(operand.part($0)) }
    }
    guard elements.count == loop.names.count else {
      throw fail(
        .tuple(expected: loop.names.count, found: "a tuple of \(elements.count)"),
        at: loop.sequence.span)
    }
    let results = elements.map { element in Result { try item(element) } }
    return try results.map { try $0.get() }
  }

  private func item(_ expression: Expression) throws -> Item {
    guard case .range(let from, let to, let by) = expression.kind else {
      return try item(try evaluated(expression))
    }
    let start = try integer(from, "the start of a range")
    let end = try integer(to, "the end of a range")
    let step = try by.map { try integer($0, "the step of a range") } ?? 1
    guard step >= 1 else {
      throw fail(
        .kind(what: "the step of a range", expected: "at least 1", found: String(step)),
        at: by?.span ?? expression.span, help: "reversed(...) goes backwards")
    }
    guard start <= end else { throw fail(.rangeEmpty(from: start, to: end), at: expression.span) }
    let count = (end - start + step - 1) / step
    return Item(
      sequence: .range(start: start, step: step), length: count,
      form: step == 1 ? rangeForm(from, to) : nil,
      operand: Operand(expression: expression, value: .integer(count)))
  }

  private func item(_ operand: Operand) throws -> Item {
    let length = try length(of: operand.value, operand)
    if case .integer = operand.value {
      return Item(sequence: .counter, length: length, form: operand.form, operand: operand)
    }
    let value = if case .list = operand.value { try materialized(operand) } else { operand.value }
    return Item(
      sequence: .stacked(value), length: length, form: value.tensors.first?.form(0),
      operand: operand)
  }

  private func length(of value: Value, _ operand: Operand) throws -> Int {
    switch value {
    case .integer(let count) where count >= 1:
      return try integer(operand.part(value), "the number of iterations")
    case .tree(let tree):
      if let stack = tree.stack { return stack }
    case .tensor(let tensor):
      if let first = tensor.shape.first { return first }
    case .list(let parts) where !parts.isEmpty: return parts.count
    default: break
    }
    throw fail(
      .kind(
        what: "what a loop goes through",
        expected: "a stacked group, an array with axes, a range, or a whole number of at least 1",
        found: value.kind), at: operand.expression.span)
  }

  private func element(
    of sequence: Sequence, named name: Name, index: Tensor, _ slices: inout ArraySlice<Tensor>
  ) -> Value {
    switch sequence {
    case .counter: return .tensor(index)
    case .range(let start, let step):
      return emitter.named(name.text) { .tensor(number(index, start: start, step: step)) }
    case .stacked(let value):
      let slice = value.replacingTensors(&slices)
      guard case .tree(let tree) = slice else { return slice }
      return .tree(tree.layer)
    }
  }

  /// `start + step * index`.
  private func number(_ index: Tensor, start: Int, step: Int) -> Tensor {
    let steps =
      step == 1
      ? index : emitter.binary(.multiply, index, emitter.constant(Double(step), index.type))
    return start == 0
      ? steps : emitter.binary(.add, steps, emitter.constant(Double(start), index.type))
  }
}
