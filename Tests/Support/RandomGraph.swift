// SPDX-License-Identifier: Apache-2.0
//
// Random programs over the whole catalogue, with nested loops, for property tests of passes. A
// program is a function of its seed. Values stay finite and well conditioned by construction: the
// generator keeps a bound of each value's magnitude, and applies functions only where they are
// smooth; discontinuous ones get values that no pass computes in another way ("exact" ones).

import Interpreter
import TensorIR

/// A deterministic generator (SplitMix64): the same seed gives the same test on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A random program with inputs to run it on.
struct RandomProgram {
  let graph: Graph
  let inputs: [NumericArray]
  /// For each output, a bound on the magnitude of what it is computed from.
  let bounds: [Double]

  init(seed: UInt64, nodes: Int = 30) {
    var generator = SeededGenerator(seed: seed)
    let builder = GraphBuilder(name: "random \(seed)")
    var pool = ValuePool()
    var inputs: [NumericArray] = []
    for index in 0..<4 {
      let shape = index == 0 ? [] : randomShape(&generator)
      let type = TensorType(shape, .f64)
      pool.add(builder.input("input\(index)", type), bound: 1, isExact: true)
      let elements = (0..<type.elementCount).map { _ in
        Double.random(in: -1...1, using: &generator)
      }
      inputs.append(NumericArray(type, elements))
    }
    var growth = Growth(builder: builder, pool: pool, generator: generator, depth: 0)
    growth.grow(nodes)
    var bounds: [Double] = []
    for (index, entry) in growth.pool.entries.suffix(4).enumerated() {
      guard builder.type(of: entry.value).dtype.isFloat else { continue }
      builder.output("output\(index)", entry.value)
      bounds.append(entry.bound)
    }
    graph = builder.graph
    self.inputs = inputs
    self.bounds = bounds
  }
}

private func randomShape(_ generator: inout SeededGenerator) -> [Int] {
  (0..<Int.random(in: 0...3, using: &generator)).map { _ in
    Int.random(in: 1...4, using: &generator)
  }
}

/// The float values that new nodes may read.
struct ValuePool {
  struct Entry {
    var value: ValueID
    var bound: Double
    var isExact: Bool
  }

  private(set) var entries: [Entry] = []

  mutating func add(_ value: ValueID, bound: Double, isExact: Bool = false) {
    entries.append(Entry(value: value, bound: bound, isExact: isExact))
  }
}

/// Grows one graph (a program or a loop body) by random nodes.
struct Growth {
  let builder: GraphBuilder
  var pool: ValuePool
  var generator: SeededGenerator
  /// How many loops are around.
  let depth: Int

  typealias Entry = ValuePool.Entry

  mutating func grow(_ nodes: Int) {
    for _ in 0..<nodes {
      let result = randomNode()
      let limited =
        result.bound <= 64
        ? result
        : Entry(
          value: builder.unary(.tanh, result.value), bound: 1, isExact: false)
      pool.add(limited.value, bound: limited.bound, isExact: limited.isExact)
    }
  }

  // MARK: Choices

  private mutating func choose<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &generator)]
  }

  private mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &generator) < probability
  }

  /// A random value, more often a recent one.
  private mutating func pick() -> Entry {
    choose(chance(0.5) ? Array(pool.entries.suffix(6)) : pool.entries)
  }

  private func shape(_ entry: Entry) -> [Int] { builder.shape(of: entry.value) }

  /// A value of the given shape: from the pool, a constant, or another one's sum repeated.
  private mutating func pick(shape: [Int]) -> Entry {
    let fitting = pool.entries.filter { self.shape($0) == shape }
    if !fitting.isEmpty && chance(0.6) { return choose(fitting) }
    if chance(0.4) {
      let number = choose([0.0, 1, -1, 2, 0.5, 0.3, -0.7])
      let value = builder.constant(number, TensorType(shape, .f64))
      return Entry(value: value, bound: max(1, number.magnitude), isExact: true)
    }
    return repeated(pick(), to: shape)
  }

  /// Sums away the axes of `entry` that do not fit `shape`, and repeats the rest over it.
  private mutating func repeated(_ entry: Entry, to shape: [Int]) -> Entry {
    let source = self.shape(entry)
    var kept: [Int] = []
    var places: [Int] = []
    for (axis, extent) in source.enumerated() {
      let next = (places.last ?? -1) + 1
      if let place = shape.indices.first(where: { $0 >= next && shape[$0] == extent }) {
        kept.append(axis)
        places.append(place)
      }
    }
    let summed = source.indices.filter { !kept.contains($0) }
    let count = Double(summed.map { source[$0] }.reduce(1, *))
    let value = builder.broadcast(
      builder.sum(entry.value, axes: summed), to: shape, axes: places)
    return Entry(value: value, bound: entry.bound * count, isExact: entry.isExact && summed.isEmpty)
  }

  // MARK: Nodes

  private mutating func randomNode() -> Entry {
    switch Int.random(in: 0..<12, using: &generator) {
    case 0, 1: randomUnary(pick())
    case 2, 3, 4: randomBinary()
    case 5: randomSelection()
    case 6, 7: randomMovement(pick())
    case 8: randomReduction()
    case 9: randomContraction()
    case 10: randomIndexing()
    default: depth < 2 ? randomLoop() : randomMovement(pick())
    }
  }

  private mutating func randomUnary(_ x: Entry) -> Entry {
    let function = choose(UnaryFunction.allCases)
    func apply(_ x: ValueID) -> ValueID { builder.unary(function, x) }
    switch function {
    case .negate, .abs: return Entry(value: apply(x.value), bound: x.bound, isExact: false)
    case .tanh, .logistic, .sin, .cos, .erf:
      return Entry(value: apply(x.value), bound: max(1, x.bound), isExact: false)
    case .exp: return Entry(value: apply(builder.unary(.sin, x.value)), bound: 3, isExact: false)
    case .log, .sqrt, .rsqrt:
      return Entry(value: apply(positive(x)), bound: x.bound * x.bound + 2, isExact: false)
    case .sign, .floor:
      let value = x.isExact ? apply(x.value) : x.value
      return Entry(value: value, bound: x.bound + 1, isExact: false)
    }
  }

  /// `x * x + 1/2`.
  private func positive(_ x: Entry) -> ValueID {
    let square = builder.multiply(x.value, x.value)
    return builder.add(square, builder.constant(0.5, like: square))
  }

  private mutating func randomBinary() -> Entry {
    var x = pick()
    var y = pick(shape: shape(x))
    if chance(0.5) { swap(&x, &y) }
    switch choose(BinaryFunction.allCases) {
    case .add: return entry(builder.add(x.value, y.value), x.bound + y.bound)
    case .subtract: return entry(builder.subtract(x.value, y.value), x.bound + y.bound)
    case .multiply: return entry(builder.multiply(x.value, y.value), x.bound * y.bound)
    case .maximum: return entry(builder.maximum(x.value, y.value), max(x.bound, y.bound))
    case .minimum: return entry(builder.minimum(x.value, y.value), max(x.bound, y.bound))
    case .divide:
      let number = choose([4.0, -1, 3])
      let divisor = chance(0.3) ? builder.constant(number, like: x.value) : positive(y)
      return entry(builder.divide(x.value, divisor), x.bound * 2)
    case .power:
      let exponent = builder.constant(choose([0.0, 1, 2, 3, -1]), like: x.value)
      return entry(builder.power(positive(x), exponent), 8 * x.bound * x.bound * x.bound + 8)
    }
  }

  private func entry(_ value: ValueID, _ bound: Double) -> Entry {
    Entry(value: value, bound: bound, isExact: false)
  }

  private mutating func randomSelection() -> Entry {
    let x = pick()
    let y = pick(shape: shape(x))
    let tested = choose(pool.entries.filter(\.isExact))
    let limit = builder.constant(choose([0.0, 0.25]), like: tested.value)
    let condition = builder.compare(choose(Comparison.allCases), tested.value, limit)
    let extents = shape(x)
    if shape(tested) == extents {
      return entry(builder.select(condition, x.value, y.value), max(x.bound, y.bound))
    }
    let number = builder.convert(condition, to: .f64)
    return repeated(entry(number, 1), to: extents)
  }

  private mutating func randomMovement(_ x: Entry) -> Entry {
    let extents = shape(x)
    let value: ValueID
    switch Int.random(in: 0..<6, using: &generator) {
    case 0:
      value = builder.transpose(x.value, extents.indices.shuffled(using: &generator))
    case 1:
      let starts = extents.map { Int.random(in: 0..<$0, using: &generator) }
      let sizes = zip(extents, starts).map { Int.random(in: 1...($0 - $1), using: &generator) }
      value = builder.slice(x.value, starts: starts, shape: sizes)
    case 2:
      let low = extents.map { _ in Int.random(in: 0...1, using: &generator) }
      let high = extents.map { _ in Int.random(in: 0...1, using: &generator) }
      value = builder.pad(x.value, low: low, high: high)
    case 3 where !extents.isEmpty:
      let axis = Int.random(in: 0..<extents.count, using: &generator)
      value = builder.concatenate([x.value, pick(shape: extents).value], axis: axis)
      return entry(value, 64)
    case 4: value = builder.reshape(x.value, to: [extents.reduce(1, *)])
    default:
      let axis = Int.random(in: 0...extents.count, using: &generator)
      var larger = extents
      larger.insert(Int.random(in: 1...3, using: &generator), at: axis)
      let axes = larger.indices.filter { $0 != axis }
      value = builder.broadcast(x.value, to: larger, axes: axes)
    }
    if builder.type(of: value).elementCount > 200 { return x }
    return Entry(value: value, bound: x.bound, isExact: x.isExact)
  }

  private mutating func randomReduction() -> Entry {
    let x = pick()
    let axes = shape(x).indices.filter { _ in chance(0.5) }
    let count = Double(axes.map { shape(x)[$0] }.reduce(1, *))
    let reduction = choose(Reduction.allCases)
    return entry(builder.reduce(reduction, x.value, axes: axes), x.bound * count)
  }

  /// Labels are axes of equal extent, paired at random; unpaired ones are kept.
  private mutating func randomContraction() -> Entry {
    let x = pick()
    let y = chance(0.5) ? pick() : pick(shape: shape(x))
    let lhs = Array(shape(x).indices)
    var rhs: [Int] = []
    var output = lhs
    var count = 1
    for (axis, extent) in shape(y).enumerated() {
      let partners = lhs.filter { shape(x)[$0] == extent && !rhs.contains($0) }
      if !partners.isEmpty && chance(0.7) {
        rhs.append(choose(partners))
        if chance(0.7) {
          output.removeAll { $0 == rhs[axis] }
          count *= extent
        }
      } else {
        rhs.append(10 + axis)
        output.append(10 + axis)
      }
    }
    let labels = ContractionLabels(lhs: lhs, rhs: rhs, output: output.shuffled(using: &generator))
    let operandTypes = [builder.type(of: x.value), builder.type(of: y.value)]
    guard let types = try? Op.contract(labels).resultTypes(operandTypes),
      types[0].elementCount <= 200
    else { return x }
    let value = builder.contract(x.value, y.value, labels)
    return entry(value, x.bound * y.bound * Double(count))
  }

  private mutating func randomIndexing() -> Entry {
    let x = pick()
    guard let rows = shape(x).first else { return randomUnary(x) }
    let indices = builder.iota(axis: 0, shape: [Int.random(in: 1...rows, using: &generator)])
    let taken = builder.gather(x.value, indices)
    if chance(0.5) { return Entry(value: taken, bound: x.bound, isExact: x.isExact) }
    return entry(builder.scatterAdd(indices, taken, rows: rows + 1), x.bound)
  }

  // MARK: Loops

  private mutating func randomLoop() -> Entry {
    let trips = choose([1, 2, 3])
    let carries = (0..<Int.random(in: 0...2, using: &generator)).map { _ in pick() }
    let stacked = (0..<Int.random(in: 0...2, using: &generator)).map { _ in
      pick(shape: [trips] + shape(pick()).prefix(2))
    }
    let invariants = (0..<Int.random(in: 0...3, using: &generator)).map { _ in pick() }
    let body = GraphBuilder(name: "body")
    let index = body.input("index", .scalar(.i32))
    var bodyPool = ValuePool()
    bodyPool.add(body.convert(index, to: .f64), bound: 3, isExact: true)
    func addInput(_ name: String, _ entry: Entry, isSlice: Bool = false, bound: Double) -> ValueID {
      let shape = isSlice ? Array(shape(entry).dropFirst()) : shape(entry)
      let value = body.input(name, TensorType(shape, .f64))
      bodyPool.add(value, bound: bound, isExact: false)
      return value
    }
    let carryInputs = carries.map { addInput("carry", $0, bound: $0.bound) }
    for entry in stacked { _ = addInput("slice", entry, isSlice: true, bound: entry.bound) }
    for entry in invariants { _ = addInput("invariant", entry, bound: entry.bound) }
    var growth = Growth(builder: body, pool: bodyPool, generator: generator, depth: depth + 1)
    growth.grow(8)
    for (carry, input) in zip(carries, carryInputs) {
      let next = growth.pick(shape: shape(carry))
      let isUnchanged = growth.chance(0.3)
      body.output("carry", isUnchanged ? input : body.unary(.tanh, next.value))
    }
    let outputs = (0..<2).map { _ in growth.pick() }
    for output in outputs { body.output("stacked", output.value) }
    generator = growth.generator
    let isReversed = chance(0.5)
    let loop = Loop(
      label: "random", tripCount: trips, carryCount: carries.count,
      stackedInputCount: stacked.count, isReversed: isReversed, body: body.graph)
    let results = builder.append(.loop(loop), (carries + stacked + invariants).map(\.value))
    for (result, carry) in zip(results, carries) { pool.add(result, bound: max(1, carry.bound)) }
    for (result, output) in zip(results.dropFirst(carries.count), outputs) {
      pool.add(result, bound: output.bound)
    }
    return pool.entries[pool.entries.count - 1]
  }
}
