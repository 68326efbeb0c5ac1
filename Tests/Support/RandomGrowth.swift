// SPDX-License-Identifier: Apache-2.0
//
// Grows a random graph node by node: float values, with a bound for each. Integers, truth values
// and the larger patterns (softmax, attention) are in `RandomPatterns.swift`.

import TensorIR

/// Grows one graph (a program or a loop body) by random nodes.
struct RandomGrowth {
  let builder: GraphBuilder
  var pool: ValuePool
  var generator: SeededGenerator
  let sizes: RandomSizes
  /// How many loops are around.
  let depth: Int

  typealias Entry = ValuePool.Entry

  mutating func grow(_ nodes: Int) {
    for _ in 0..<nodes {
      let result = randomNode()
      let limited =
        result.bound <= 64
        ? result
        : Entry(value: builder.unary(.tanh, result.value), bound: 1, isExact: false)
      pool.add(limited.value, bound: limited.bound, isExact: limited.isExact)
    }
  }

  // MARK: Choices

  /// A random value, more often a recent one.
  mutating func pick() -> Entry {
    generator.choose(generator.chance(0.5) ? Array(pool.entries.suffix(6)) : pool.entries)
  }

  func shape(_ entry: Entry) -> [Int] { builder.shape(of: entry.value) }

  func entry(_ value: ValueID, _ bound: Double) -> Entry {
    Entry(value: value, bound: bound, isExact: false)
  }

  /// A value of the given shape: from the pool, a constant, or another one's sum repeated.
  mutating func pick(shape: [Int]) -> Entry {
    let fitting = pool.entries.filter { self.shape($0) == shape }
    if !fitting.isEmpty && generator.chance(0.6) { return generator.choose(fitting) }
    if generator.chance(0.4) {
      let number = generator.choose([0.0, 1, -1, 2, 0.5, 0.3, -0.7])
      let value = builder.constant(number, TensorType(shape, .f64))
      return Entry(value: value, bound: max(1, number.magnitude), isExact: true)
    }
    return repeated(pick(), to: shape)
  }

  /// Sums away the axes of `entry` that do not fit `shape`, and repeats the rest over it.
  mutating func repeated(_ entry: Entry, to shape: [Int]) -> Entry {
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

  /// Whether the result of an op is small enough.
  private func fits(_ op: Op, _ operands: ValueID...) -> Bool {
    guard let types = try? op.resultTypes(operands.map(builder.type(of:))) else { return false }
    return types.allSatisfy { $0.elementCount <= sizes.elementLimit }
  }

  // MARK: Nodes

  private mutating func randomNode() -> Entry {
    switch Int.random(in: 0..<16, using: &generator) {
    case 0, 1: randomUnary(pick())
    case 2, 3, 4: randomBinary()
    case 5: randomSelection()
    case 6, 7: randomMovement(pick())
    case 8: randomReduction()
    case 9: randomContraction()
    case 10: randomIndexing()
    case 11: randomInteger()
    case 12, 13: randomPattern()
    default: depth < 2 ? randomLoop() : randomMovement(pick())
    }
  }

  mutating func randomUnary(_ x: Entry) -> Entry {
    // Inverse and hyperbolic functions are many; the others stay the likelier ones.
    let inverse: [UnaryFunction] = [
      .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh,
    ]
    let isInverse = generator.chance(0.1)
    let function = generator.choose(
      UnaryFunction.allCases.filter {
        inverse.contains($0) == isInverse
      })
    func apply(_ x: ValueID) -> ValueID { builder.unary(function, x) }
    switch function {
    case .negate, .abs: return Entry(value: apply(x.value), bound: x.bound, isExact: x.isExact)
    case .tanh, .logistic, .sin, .cos, .erf, .atan, .asinh:
      return entry(apply(x.value), max(1, x.bound))
    case .softplus, .erfc: return entry(apply(x.value), x.bound + 2)
    case .exp, .expm1, .sinh, .cosh: return entry(apply(builder.unary(.sin, x.value)), 3)
    case .asin, .acos, .atanh:
      let sine = builder.unary(.sin, x.value)
      let half = builder.multiply(sine, builder.constant(0.5, like: sine))
      return entry(apply(half), 3)
    case .acosh:
      let above = positive(x)
      return entry(apply(builder.add(above, builder.constant(1, like: above))), x.bound + 2)
    case .log, .log1p, .sqrt, .rsqrt:
      return entry(apply(positive(x)), x.bound * x.bound + 2)
    case .sign, .floor:
      return entry(x.isExact ? apply(x.value) : x.value, x.bound + 1)
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
    if generator.chance(0.5) { swap(&x, &y) }
    switch generator.choose(BinaryFunction.allCases.filter(\.isForFloats)) {
    case .add: return entry(builder.add(x.value, y.value), x.bound + y.bound)
    case .subtract: return entry(builder.subtract(x.value, y.value), x.bound + y.bound)
    case .multiply: return entry(builder.multiply(x.value, y.value), x.bound * y.bound)
    case .maximum: return entry(builder.maximum(x.value, y.value), max(x.bound, y.bound))
    case .minimum: return entry(builder.minimum(x.value, y.value), max(x.bound, y.bound))
    case .divide:
      let number = generator.choose([4.0, -1, 3])
      let divisor =
        generator.chance(0.3) ? builder.constant(number, like: x.value) : positive(y)
      return entry(builder.divide(x.value, divisor), x.bound * 2)
    case .power:
      let exponent = builder.constant(generator.choose([0.0, 1, 2, 3, -1]), like: x.value)
      return entry(builder.power(positive(x), exponent), 8 * x.bound * x.bound * x.bound + 8)
    case .floorDivide: preconditionFailure("not of floats")
    }
  }

  private mutating func randomSelection() -> Entry {
    let x = pick()
    let y = pick(shape: shape(x))
    let bound = max(x.bound, y.bound)
    let condition = randomCondition(shape: shape(x))
    return entry(builder.select(condition, x.value, y.value), bound)
  }

  mutating func randomMovement(_ x: Entry) -> Entry {
    if generator.chance(0.2), !shape(x).isEmpty {
      let axis = Int.random(in: 0..<shape(x).count, using: &generator)
      let other = pick(shape: shape(x))
      guard fits(.concatenate(axis: axis), x.value, other.value) else { return x }
      return entry(
        builder.concatenate([x.value, other.value], axis: axis), max(x.bound, other.bound))
    }
    return Entry(value: moved(x.value), bound: x.bound, isExact: x.isExact)
  }

  /// Windows of a random axis, steps in any direction.
  private mutating func windows(of x: ValueID) -> ValueID {
    let extents = builder.shape(of: x)
    guard let axis = extents.indices.randomElement(using: &generator) else { return x }
    func step() -> Int { [1, 2, -1].randomElement(using: &generator) ?? 1 }
    var windows = AxisWindows(
      axis: axis, count: Int.random(in: 1...3, using: &generator),
      size: Int.random(in: 1...2, using: &generator), stride: step(), dilation: step())
    windows.start = -windows.range.lowerBound
    guard windows.range.upperBound < extents[axis], fits(.windows(windows), x) else { return x }
    return builder.add(.windows(windows), x)
  }

  /// A value of any type, moved by a random op.
  mutating func moved(_ x: ValueID) -> ValueID {
    let extents = builder.shape(of: x)
    let value: ValueID
    switch Int.random(in: 0..<7, using: &generator) {
    case 0: value = builder.transpose(x, extents.indices.shuffled(using: &generator))
    case 1:
      let starts = extents.map { Int.random(in: 0..<$0, using: &generator) }
      let shape = zip(extents, starts).map { Int.random(in: 1...($0 - $1), using: &generator) }
      value = builder.slice(x, starts: starts, shape: shape)
    case 2:
      let low = extents.map { _ in Int.random(in: 0...1, using: &generator) }
      let high = extents.map { _ in Int.random(in: 0...1, using: &generator) }
      guard fits(.pad(low: low, high: high), x) else { return x }
      value = builder.pad(x, low: low, high: high)
    case 3: value = builder.reshape(x, to: [extents.reduce(1, *)])
    case 5: value = windows(of: x)
    case 4:
      // One axis in two, or two in one: what views of transposed arrays find hard.
      guard let axis = extents.indices.randomElement(using: &generator) else { return x }
      var shape = extents
      if axis + 1 < shape.count, generator.chance(0.5) {
        shape[axis] *= shape.remove(at: axis + 1)
      } else if let factor = [2, 3].first(where: { extents[axis] % $0 == 0 }) {
        shape.replaceSubrange(axis...axis, with: [extents[axis] / factor, factor])
      }
      value = builder.reshape(x, to: shape)
    default:
      let axis = Int.random(in: 0...extents.count, using: &generator)
      var larger = extents
      larger.insert(generator.choose(sizes.extents), at: axis)
      let axes = larger.indices.filter { $0 != axis }
      guard fits(.broadcast(shape: larger, axes: axes), x) else { return x }
      value = builder.broadcast(x, to: larger, axes: axes)
    }
    return value
  }

  private mutating func randomReduction() -> Entry {
    let x = pick()
    if let extent = shape(x).randomElement(using: &generator), generator.chance(0.2) {
      let axis = shape(x).lastIndex(of: extent) ?? 0
      let op = Op.cumulativeSum(axis: axis, isReversed: generator.chance(0.5))
      return entry(builder.add(op, x.value), x.bound * Double(extent))
    }
    let axes = generator.someAxes(of: shape(x).count)
    let reduction = generator.choose(Reduction.allCases)
    let count = reduction == .sum ? Double(axes.map { shape(x)[$0] }.reduce(1, *)) : 1
    return entry(builder.reduce(reduction, x.value, axes: axes), x.bound * count)
  }

  /// Labels are axes of equal extent, paired at random; unpaired ones are kept.
  private mutating func randomContraction() -> Entry {
    let x = pick()
    let y = generator.chance(0.5) ? pick() : pick(shape: shape(x))
    let lhs = Array(shape(x).indices)
    var rhs: [Int] = []
    var output = lhs
    var count = 1
    for (axis, extent) in shape(y).enumerated() {
      let partners = lhs.filter { shape(x)[$0] == extent && !rhs.contains($0) }
      if !partners.isEmpty && generator.chance(0.7) {
        rhs.append(generator.choose(partners))
        if generator.chance(0.7) {
          output.removeAll { $0 == rhs[axis] }
          count *= extent
        }
      } else {
        rhs.append(10 + axis)
        output.append(10 + axis)
      }
    }
    let labels = ContractionLabels(lhs: lhs, rhs: rhs, output: output.shuffled(using: &generator))
    guard fits(.contract(labels), x.value, y.value) else { return x }
    let value = builder.contract(x.value, y.value, labels)
    return entry(value, x.bound * y.bound * Double(count))
  }

  private mutating func randomIndexing() -> Entry {
    let x = pick()
    guard let rows = shape(x).first else { return randomUnary(x) }
    let counted = builder.iota(
      axis: 0, shape: [Int.random(in: 1...rows, using: &generator)])
    let isByInput = rows >= ValuePool.leastRows && !pool.rows.isEmpty && generator.chance(0.6)
    let indices = isByInput ? generator.choose(pool.rows) : counted
    guard fits(.gather, x.value, indices) else { return x }
    let taken = builder.gather(x.value, indices)
    if generator.chance(0.5) { return Entry(value: taken, bound: x.bound, isExact: x.isExact) }
    let count = Double(builder.type(of: indices).elementCount)
    guard fits(.scatterAdd(rows: rows + 1), indices, taken) else { return x }
    return entry(builder.scatterAdd(indices, taken, rows: rows + 1), x.bound * count)
  }
}
