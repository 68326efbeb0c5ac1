// SPDX-License-Identifier: Apache-2.0
//
// Random integers and truth values, and patterns of several nodes that the scheduler fuses or that
// have ops of their own: softmax, normalisation, attention, linear cross-entropy.

import TensorIR

extension RandomGrowth {
  // MARK: Integers and truth values

  /// An integer op, its result kept for later, and a float value made from it.
  mutating func randomInteger() -> Entry {
    let x = pickInteger()
    let result: ValueID
    switch Int.random(in: 0..<4, using: &generator) {
    case 0:
      let functions = BinaryFunction.allCases.filter(\.isForWholeNumbers)
      result = builder.add(
        .binary(generator.choose(functions)), x, pickInteger(shape: builder.shape(of: x)))
    case 1: result = moved(x)
    case 2:
      let axes = generator.someAxes(of: builder.shape(of: x).count)
      result = builder.reduce(generator.choose(Reduction.allCases), x, axes: axes)
    default:
      let condition = randomCondition(shape: builder.shape(of: x))
      result = builder.select(condition, x, pickInteger(shape: builder.shape(of: x)))
    }
    let limit = builder.constant(ValuePool.integerBound, like: result)
    let low = builder.constant(-ValuePool.integerBound, like: result)
    let clamped = builder.maximum(builder.minimum(result, limit), low)
    pool.integers.append(clamped)
    return Entry(
      value: builder.convert(clamped, to: .f64), bound: ValuePool.integerBound, isExact: true)
  }

  private mutating func pickInteger() -> ValueID {
    if !pool.integers.isEmpty && generator.chance(0.7) { return generator.choose(pool.integers) }
    let shape = sizes.shape(&generator)
    guard let axis = shape.indices.randomElement(using: &generator) else {
      return builder.constant(generator.choose([0.0, 1, -3]), .scalar(.i32))
    }
    return builder.iota(axis: axis, shape: shape)
  }

  private mutating func pickInteger(shape: [Int]) -> ValueID {
    let fitting = pool.integers.filter { builder.shape(of: $0) == shape }
    if !fitting.isEmpty && generator.chance(0.6) { return generator.choose(fitting) }
    if let axis = shape.indices.randomElement(using: &generator), generator.chance(0.5) {
      return builder.iota(axis: axis, shape: shape)
    }
    let number = generator.choose([0.0, 1, 2, -5])
    return builder.constant(number, TensorType(shape, .i32))
  }

  /// A truth value for each element of `shape`: a comparison of exact values, moved into place.
  mutating func randomCondition(shape: [Int]) -> ValueID {
    let known = pool.conditions.filter { builder.shape(of: $0) == shape }
    if !known.isEmpty && generator.chance(0.5) { return generator.choose(known) }
    let tested: ValueID
    let limit: ValueID
    if generator.chance(0.5) {
      tested = generator.choose(pool.entries.filter(\.isExact)).value
      limit = builder.constant(generator.choose([0.0, 0.25]), like: tested)
    } else {
      tested = pickInteger()
      limit = pickInteger(shape: builder.shape(of: tested))
    }
    var condition = builder.compare(generator.choose(Comparison.allCases), tested, limit)
    if generator.chance(0.3) { condition = moved(condition) }
    pool.conditions.append(condition)
    if builder.shape(of: condition) == shape { return condition }
    // Its first element, repeated.
    let rank = builder.shape(of: condition).count
    let first = builder.slice(
      condition, starts: .init(repeating: 0, count: rank), shape: .init(repeating: 1, count: rank))
    let scalar = builder.reshape(first, to: [])
    let whole = builder.broadcast(scalar: scalar, to: shape)
    pool.conditions.append(whole)
    return whole
  }

  // MARK: Patterns

  mutating func randomPattern() -> Entry {
    let x = pick()
    let rank = shape(x).count
    var axes = generator.someAxes(of: rank)
    if generator.chance(0.5) { axes = rank == 0 ? [] : [rank - 1] }
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: return softmax(x, axes: axes)
    case 1: return normalized(x, axes: axes)
    case 2: return runningProduct(x)
    case 3: return randomAttention()
    default: return randomCrossEntropy()
    }
  }

  /// `x` reduced over `axes`, repeated to the shape of `x` again.
  private func spread(_ reduction: Reduction, _ x: ValueID, _ axes: [Int]) -> ValueID {
    let shape = builder.shape(of: x)
    let kept = shape.indices.filter { !axes.contains($0) }
    return builder.broadcast(builder.reduce(reduction, x, axes: axes), to: shape, axes: kept)
  }

  private func softmax(_ x: Entry, axes: [Int]) -> Entry {
    let shifted = builder.subtract(x.value, spread(.maximum, x.value, axes))
    let exponentials = builder.unary(.exp, shifted)
    return entry(builder.divide(exponentials, spread(.sum, exponentials, axes)), max(1, x.bound))
  }

  private func normalized(_ x: Entry, axes: [Int]) -> Entry {
    let count = Double(axes.map { shape(x)[$0] }.reduce(1, *))
    let mean = builder.scale(spread(.sum, x.value, axes), by: 1 / count)
    let centred = builder.subtract(x.value, mean)
    let variance = builder.scale(
      spread(.sum, builder.multiply(centred, centred), axes), by: 1 / count)
    let safe = builder.add(variance, builder.constant(0.1, like: variance))
    return entry(builder.multiply(centred, builder.unary(.rsqrt, safe)), 8 * x.bound)
  }

  /// A chain of reductions over one axis after the other, and a product with the start.
  private mutating func runningProduct(_ x: Entry) -> Entry {
    var value = builder.unary(.tanh, x.value)
    var places = Array(shape(x).indices)
    while let axis = places.indices.randomElement(using: &generator), generator.chance(0.7) {
      value = builder.unary(.tanh, builder.reduce(.sum, value, axes: [axis]))
      places.remove(at: axis)
    }
    let whole = builder.broadcast(value, to: shape(x), axes: places)
    return entry(builder.multiply(whole, x.value), x.bound)
  }

  // MARK: Structured ops

  /// A value of the given shape in -1...1.
  private mutating func tamed(shape: [Int]) -> ValueID {
    builder.unary(.tanh, pick(shape: shape).value)
  }

  private mutating func randomAttention() -> Entry {
    let isCausal = generator.chance(0.5)
    let (batch, queries) = (generator.choose([1, 2]), generator.choose(sizes.extents))
    let keys = isCausal ? queries : generator.choose(sizes.extents)
    let (keyHeads, group) = (generator.choose([1, 2]), generator.choose([1, 2]))
    let width = generator.choose([1, 2, 3, 4])
    let shape = [batch, keys, keyHeads, width]
    let inputs = [
      tamed(shape: [batch, queries, keyHeads * group, width]), tamed(shape: shape),
      tamed(shape: shape),
    ]
    let (scores, extras) = randomScores(isCausal, [batch, keyHeads * group, queries, keys])
    return randomOrder(of: .attention(scores), inputs + extras)
  }

  private mutating func randomCrossEntropy() -> Entry {
    let (tokens, words) = (generator.choose(sizes.extents), generator.choose(sizes.extents))
    let width = generator.choose([1, 2, 3, 4])
    let inputs = [tamed(shape: [tokens, width]), tamed(shape: [words, width])]
    let labels = pickInteger(shape: [tokens])
    return randomOrder(of: .linearCrossEntropy, inputs + [labels])
  }

  /// How scores are made, half of the time plainly, and the operands that this takes.
  ///
  /// - Parameter pairs: batch elements, heads, queries, keys.
  private mutating func randomScores(
    _ isCausal: Bool, _ pairs: [Int]
  ) -> (AttentionScores, [ValueID]) {
    var scores = AttentionScores(scale: 0.5, isCausal: isCausal)
    guard generator.chance(0.5) else { return (scores, []) }
    if generator.chance(0.4) { scores.window = generator.choose([0, 1, 3]) }
    if generator.chance(0.3) { scores.prefix = generator.choose([1, 2]) }
    if generator.chance(0.3) { scores.softcap = 1.5 }
    if generator.chance(0.4) { scores.relative = generator.choose([.fixed, .moving]) }
    if generator.chance(0.3) { scores.bias = generator.choose([.fixed, .moving]) }
    scores.hasLengths = generator.chance(0.3)
    scores.hasMask = generator.chance(0.3)
    let ofPairs = pairs.map { generator.chance(0.3) ? 1 : $0 }
    let extras = scores.extras.map { extra in
      switch extra {
      case .relative: tamed(shape: [pairs[0], pairs[1], pairs[2] + pairs[3] - 1])
      case .bias: tamed(shape: ofPairs)
      case .lengths: pickInteger(shape: [pairs[0]])
      case .mask:
        builder.compare(
          .less, tamed(shape: ofPairs), builder.constant(0.3, TensorType(ofPairs, .f64)))
      }
    }
    return (scores, extras)
  }

  /// A structured function at a random derivative order, the orders before it included.
  private mutating func randomOrder(
    of function: StructuredFunction, _ given: [ValueID]
  ) -> Entry {
    func apply(_ order: DerivativeOrder, _ operands: [ValueID]) -> [ValueID] {
      builder.append(.structured(StructuredOp(function, order)), operands)
    }
    let inputs = function.inputPositions.map { given[$0] }
    let values = apply(.value, given)
    let known = given + values
    let order = generator.choose(DerivativeOrder.allCases)
    let tangents = inputs.map { tamed(shape: builder.shape(of: $0)) }
    let adjoints = (0..<2).map { _ in tamed(shape: builder.shape(of: values[0])) }
    let results: [ValueID]
    switch order {
    case .value: results = values
    case .tangent: results = apply(.tangent, known + tangents)
    case .adjoint: results = apply(.adjoint, known + [adjoints[0]])
    case .adjointTangent:
      let valueTangents = apply(.tangent, known + tangents)
      results = apply(
        .adjointTangent, known + [adjoints[0]] + tangents + valueTangents + [adjoints[1]])
    }
    return entry(generator.choose(results), 32)
  }
}
