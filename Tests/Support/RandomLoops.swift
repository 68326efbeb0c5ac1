// SPDX-License-Identifier: Apache-2.0
//
// Random loops: forward, reversed and limited ones and parallel maps, nested; carries that swap
// places, pass through unchanged, leave as stacked outputs too, or hold integers; constants and
// indices as operands.

import TensorIR

extension RandomGrowth {
  /// Adds a loop; returns one of its results.
  mutating func randomLoop() -> Entry {
    let limit = pool.limits.filter { $0.tripCount > 1 }.randomElement(using: &generator)
    let isLimited = limit != nil && generator.chance(0.4)
    let trips = isLimited ? limit?.tripCount ?? 1 : generator.choose([1, 2, 3])
    let carryCount = Int.random(in: (isLimited ? 1 : 0)...3, using: &generator)
    var operands = RandomLoopOperands(
      carries: (0..<carryCount).map { _ in pick() },
      stacked: (0..<Int.random(in: 0...2, using: &generator)).map { _ in
        pick(shape: [trips] + shape(pick()).prefix(2))
      },
      invariants: (0..<Int.random(in: 0...3, using: &generator)).map { _ in pick() })
    if generator.chance(0.3) { operands.integerCarry = integerScalar() }
    operands.others = pool.integers.suffix(2) + pool.conditions.suffix(2)
    operands.rows = pool.rows
    operands.limits = pool.limits
    operands.limit = isLimited ? limit?.index : nil

    var body = RandomLoopBody(operands, trips: trips, growth: self)
    body.growth.grow(8)
    let outputs = body.addOutputs(isLimited: isLimited)
    generator = body.growth.generator
    let loop = Loop(
      role: .other("random"), tripCount: trips, carryCount: operands.carryValues.count,
      stackedInputCount: operands.stacked.count, isReversed: !isLimited && generator.chance(0.4),
      isLimited: isLimited, body: body.growth.builder.graph)
    let results = builder.append(.loop(loop), operands.values)
    for (result, carry) in zip(results, operands.carries) {
      pool.add(result, bound: max(1, carry.bound))
    }
    if operands.integerCarry != nil { pool.integers.append(results[operands.carries.count]) }
    for (result, bound) in zip(results.dropFirst(operands.carryValues.count), outputs) {
      pool.add(result, bound: bound)
    }
    return results.isEmpty ? pick() : pool.entries[pool.entries.count - 1]
  }

  private mutating func integerScalar() -> ValueID {
    let scalars = pool.integers.filter { builder.shape(of: $0).isEmpty }
    return scalars.randomElement(using: &generator) ?? builder.constant(2, .scalar(.i32))
  }
}

/// The operands of a loop, in the pool of the graph around it.
struct RandomLoopOperands {
  var carries: [ValuePool.Entry]
  var stacked: [ValuePool.Entry]
  var invariants: [ValuePool.Entry]
  /// A scalar carry.
  var integerCarry: ValueID?
  /// Integers and truth values.
  var others: [ValueID] = []
  /// Row numbers.
  var rows: [ValueID] = []
  /// Indices of the loops around.
  var limits: [(index: ValueID, tripCount: Int)] = []
  /// How many iterations to run, for a limited loop.
  var limit: ValueID?

  var carryValues: [ValueID] { carries.map(\.value) + [integerCarry].compactMap(\.self) }

  var values: [ValueID] {
    carryValues + stacked.map(\.value) + invariants.map(\.value) + others + rows
      + limits.map(\.index) + [limit].compactMap(\.self)
  }
}

/// The body of a loop under construction.
private struct RandomLoopBody {
  let operands: RandomLoopOperands
  var growth: RandomGrowth
  private var carries: [ValueID] = []
  private var integerCarry: ValueID?
  private let index: ValueID

  /// - Parameter growth: of the graph around the loop.
  init(_ operands: RandomLoopOperands, trips: Int, growth outer: RandomGrowth) {
    self.operands = operands
    let body = GraphBuilder(name: "body")
    index = body.input("index", .scalar(.i32))
    var pool = ValuePool()
    pool.add(body.convert(index, to: .f64), bound: 3, isExact: true)
    pool.integers.append(index)
    func input(_ name: String, _ value: ValueID, isSlice: Bool = false) -> ValueID {
      var type = outer.builder.type(of: value)
      if isSlice { type.shape.removeFirst() }
      return body.input(name, type)
    }
    carries = operands.carries.map { carry in
      let value = input("carry", carry.value)
      pool.add(value, bound: max(1, carry.bound))
      return value
    }
    integerCarry = operands.integerCarry.map { input("count", $0) }
    for entry in operands.stacked {
      pool.add(input("slice", entry.value, isSlice: true), bound: entry.bound)
    }
    for entry in operands.invariants {
      pool.add(input("invariant", entry.value), bound: entry.bound, isExact: entry.isExact)
    }
    for other in operands.others {
      let value = input("other", other)
      if body.type(of: value).dtype == .bool {
        pool.conditions.append(value)
      } else {
        pool.integers.append(value)
      }
    }
    pool.rows = operands.rows.map { input("rows", $0) }
    pool.limits = operands.limits.map { (input("outer_index", $0.index), $0.tripCount) }
    if operands.limit != nil { _ = body.input("limit", .scalar(.i32)) }
    pool.limits.append((index, trips))
    if let integerCarry { pool.integers.append(integerCarry) }
    growth = RandomGrowth(
      builder: body, pool: pool, generator: outer.generator, sizes: outer.sizes,
      depth: outer.depth + 1)
  }

  /// Adds the outputs; returns the bounds of the stacked ones.
  mutating func addOutputs(isLimited: Bool) -> [Double] {
    let body = growth.builder
    for position in carries.indices { body.output("carry", nextCarry(position)) }
    if let integerCarry {
      let next = body.minimum(body.add(integerCarry, index), body.constant(32, like: integerCarry))
      body.output("count", next)
    }
    guard !isLimited else { return [] }
    var outputs = (0..<2).map { _ in growth.pick() }
    if growth.generator.chance(0.3), let last = body.graph.outputs.prefix(carries.count).last {
      outputs.append(.init(value: last, bound: operands.carries.last?.bound ?? 1, isExact: false))
    }
    for output in outputs { body.output("stacked", output.value) }
    return outputs.map(\.bound)
  }

  /// A carry's next value: a new one, the same, or another carry of its type.
  private mutating func nextCarry(_ position: Int) -> ValueID {
    let body = growth.builder
    let carry = carries[position]
    let bound = max(1, operands.carries[position].bound)
    let others = carries.indices.filter {
      body.type(of: carries[$0]) == body.type(of: carry)
        && max(1, operands.carries[$0].bound) <= bound
    }
    let choice = growth.generator.chance(0.3)
    if choice, let other = others.randomElement(using: &growth.generator) { return carries[other] }
    let next = growth.pick(shape: body.shape(of: carry))
    return body.unary(.tanh, next.value)
  }
}
