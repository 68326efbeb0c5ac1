// SPDX-License-Identifier: Apache-2.0
//
// Random expressions: elementwise functions, arithmetic, choices, reductions, products, and the
// layers and losses of the prelude. `RandomSpecArrays.swift` has what moves and indexes arrays.

extension RandomSpecWriter {
  typealias Value = RandomSpecScope.Value

  /// Writes so many statements, most of which name a new value.
  mutating func grow(_ scope: inout RandomSpecScope, _ count: Int) {
    for _ in 0..<count {
      if generator.chance(0.12), scope.depth < 2 {
        loop(&scope)
      } else {
        let value = limited(node(&scope))
        guard RandomSpecScope.fits(value.shape) else { continue }
        keep(value, &scope)
      }
    }
  }

  /// Adds a value to the scope: under a name of its own, or as the expression it is.
  mutating func keep(_ value: Value, _ scope: inout RandomSpecScope) {
    if value.text.count < 50, generator.chance(0.2) {
      scope.floats.append(value)
    } else {
      let name = fresh("v")
      scope.write("let \(name) = \(value.text)")
      scope.add(name, value.shape, bound: value.bound, isExact: value.isExact)
    }
  }

  func limited(_ value: Value) -> Value {
    guard value.bound > 16 else { return value }
    return Value(text: "tanh(\(value.text))", shape: value.shape, bound: 1)
  }

  // MARK: Choices

  /// A value of the scope, more often a recent one; a number if there is none.
  mutating func pick(_ scope: RandomSpecScope) -> Value {
    guard !scope.floats.isEmpty else { return Value(text: "ones([])", shape: [], bound: 1) }
    return generator.choose(generator.chance(0.5) ? scope.floats.suffix(5) : scope.floats)
  }

  /// A value with at least so many axes.
  mutating func pick(_ scope: RandomSpecScope, rank: ClosedRange<Int>) -> Value {
    let fitting = scope.floats.filter { rank.contains($0.shape.count) }
    if let value = fitting.randomElement(using: &generator), generator.chance(0.8) { return value }
    return pick(scope, shape: shape(rank: rank.lowerBound...min(rank.upperBound, 3)))
  }

  /// A value of the given shape: one of the scope, or another brought to that shape.
  mutating func pick(_ scope: RandomSpecScope, shape: [Int]) -> Value {
    let fitting = scope.floats.filter { $0.shape == shape }
    if let value = fitting.randomElement(using: &generator), generator.chance(0.75) { return value }
    if generator.chance(0.15) {
      let number = generator.choose(["0.3", "-0.7", "1.1"])
      let made = generator.choose(["full", "full", "zeros", "ones"])
      let arguments = spelled(shape) + (made == "full" ? ", \(number)" : "")
      return Value(text: "\(made)(\(arguments))", shape: shape, bound: 1)
    }
    return repeated(pick(scope), to: shape)
  }

  /// A value averaged over the axes that do not fit a shape and repeated along the others.
  mutating func repeated(_ value: Value, to shape: [Int]) -> Value {
    guard value.shape != shape else { return value }
    var kept: [Int] = []
    var places: [Int] = []
    for (axis, extent) in value.shape.enumerated() {
      let next = (places.last ?? -1) + 1
      if let place = shape.indices.first(where: { $0 >= next && shape[$0] == extent }) {
        kept.append(axis)
        places.append(place)
      }
    }
    let averaged = value.shape.indices.filter { !kept.contains($0) }
    var text = averaged.isEmpty ? value.text : "mean(\(value.text), axis: \(averaged))"
    let stretched = shape.indices.map { places.contains($0) ? shape[$0] : 1 }
    let current = kept.map { value.shape[$0] }
    if stretched != current { text = "reshape(\(text), \(stretched))" }
    if stretched != shape { text = "broadcast(\(text), \(spelled(shape)))" }
    return Value(text: text, shape: shape, bound: value.bound)
  }

  /// A value in -1...1 of the given shape.
  mutating func tame(_ scope: RandomSpecScope, _ shape: [Int]) -> Value {
    let value = pick(scope, shape: shape)
    guard value.bound > 3 else { return value }
    return Value(text: "tanh(\(value.text))", shape: shape, bound: 1)
  }

  /// A number above 0.5, for logarithms, roots and divisions.
  func positive(_ value: Value) -> Value {
    Value(
      text: "(square(\(value.text)) + 0.5)", shape: value.shape,
      bound: value.bound * value.bound + 1)
  }

  // MARK: Nodes

  mutating func node(_ scope: inout RandomSpecScope) -> Value {
    switch Int.random(in: 0..<24, using: &generator) {
    case 0, 1: return elementwise(pick(scope))
    case 2, 3, 4: return arithmetic(scope)
    case 5: return power(scope)
    case 6: return choice(&scope)
    case 7, 8: return reduction(scope)
    case 9, 10: return product(scope)
    case 11: return einsum(scope)
    case 12: return layer(scope)
    case 13: return loss(scope)
    case 14: return structured(scope)
    case 15: return call(scope) ?? elementwise(pick(scope))
    case 16: return indexed(&scope)
    case 17: return derivative(scope)
    case 18, 19, 20: return further(scope)
    default: return moved(&scope)
    }
  }

  private mutating func elementwise(_ x: Value) -> Value {
    func value(_ text: String, _ bound: Double) -> Value {
      Value(text: text, shape: x.shape, bound: bound)
    }
    let argument = x.text
    switch Int.random(in: 0..<13, using: &generator) {
    case 0:
      let function = generator.choose(["tanh", "sigmoid", "sin", "cos", "erf"])
      return value("\(function)(\(argument))", 1)
    case 1:
      let function = generator.choose(["exp", "expm1"])
      return value("\(function)(\(generator.choose(["sin", "tanh"]))(\(argument)))", 2.8)
    case 2: return value("\(generator.choose(["log", "log1p"]))(\(positive(x).text))", x.bound)
    case 3: return value("sqrt(\(positive(x).text))", x.bound + 1)
    case 4: return value("rsqrt(\(positive(x).text))", 1.5)
    case 5: return value("\(generator.choose(["abs", "relu"]))(\(argument))", x.bound)
    case 6: return value("square(\(argument))", x.bound * x.bound)
    case 7: return value("(-\(argument))", x.bound)
    case 8:
      let exact = generator.choose(["", ", exact: true", ", exact: false"])
      return value("gelu(\(argument)\(exact))", x.bound)
    case 9:
      let function = generator.choose(["silu", "softplus", "erfc", "elu"])
      return value("\(function)(\(argument))", x.bound + 2)
    case 10:
      guard x.isExact else { return value("tanh(\(argument))", 1) }
      return value("\(generator.choose(["sign", "floor"]))(\(argument))", x.bound + 1)
    case 11: return value("stop_gradient(\(argument))", x.bound)
    default: return value("(\(generator.choose(["0.5 *", "1 -", "2 *"])) \(argument))", 2 * x.bound)
    }
  }

  /// Two values whose shapes stretch to one: equal ones, a scalar, a last axis, an axis of size 1.
  mutating func pair(_ scope: RandomSpecScope) -> (Value, Value, [Int]) {
    let x = pick(scope)
    let y: Value
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: y = pick(scope, shape: [])
    case 1 where !x.shape.isEmpty: y = pick(scope, shape: [x.shape[x.shape.count - 1]])
    case 2 where !x.shape.isEmpty:
      let axis = Int.random(in: 0..<x.shape.count, using: &generator)
      y = Value(
        text: "mean(\(x.text), axis: \(axis), keep: true)",
        shape: x.shape.enumerated().map { $0 == axis ? 1 : $1 }, bound: x.bound)
    default: y = pick(scope, shape: x.shape)
    }
    return generator.chance(0.5) ? (x, y, x.shape) : (y, x, x.shape)
  }

  private mutating func arithmetic(_ scope: RandomSpecScope) -> Value {
    let (x, y, shape) = pair(scope)
    switch Int.random(in: 0..<7, using: &generator) {
    case 0:
      return Value(text: "(\(x.text) + \(y.text))", shape: shape, bound: x.bound + y.bound)
    case 1:
      return Value(text: "(\(x.text) - \(y.text))", shape: shape, bound: x.bound + y.bound)
    case 2, 3:
      return Value(text: "(\(x.text) * \(y.text))", shape: shape, bound: x.bound * y.bound)
    case 4:
      let quotient = "(\(x.text) / \(positive(y).text))"
      return Value(text: quotient, shape: shape, bound: 2 * x.bound)
    case 5:
      return Value(
        text: "(\(x.text) * \(y.text) + \(x.text) / 3)", shape: shape,
        bound: x.bound * (y.bound + 1))
    default:
      let function = generator.choose(["maximum", "minimum"])
      return Value(
        text: "\(function)(\(x.text), \(y.text))", shape: shape, bound: max(x.bound, y.bound))
    }
  }

  private mutating func power(_ scope: RandomSpecScope) -> Value {
    let x = pick(scope)
    switch Int.random(in: 0..<4, using: &generator) {
    case 0:
      let whole = generator.choose([2, 3, 1])
      let bound = whole == 3 ? x.bound * x.bound * x.bound : x.bound * max(x.bound, 1)
      return Value(text: "(\(x.text) ** \(whole))", shape: x.shape, bound: bound)
    case 1:
      let exponent = generator.choose(["0.5", "-0.5", "1.5", "-1", "0.3", "-2"])
      return Value(
        text: "(\(positive(x).text) ** \(exponent))", shape: x.shape,
        bound: max(4, positive(x).bound * 2))
    case 2:
      let exponent = tame(scope, generator.chance(0.5) ? [] : x.shape)
      let base = "(sigmoid(\(x.text)) + 0.5)"
      return Value(
        text: "power(\(base), \(exponent.text))", shape: x.shape,
        bound: 8)
    default:
      let axis = generator.choose(dims).name
      let count = dims.first { $0.name == axis }?.size ?? 1
      let base = pick(scope, shape: [])
      return Value(
        text: "((sigmoid(\(base.text)) + 0.3) ** (iota(\(axis)) + 1))", shape: [count], bound: 4)
    }
  }

  private mutating func choice(_ scope: inout RandomSpecScope) -> Value {
    let x = pick(scope)
    let y = pick(scope, shape: x.shape)
    let condition = condition(&scope, shape: x.shape)
    let bound = max(x.bound, y.bound)
    if generator.chance(0.5) {
      return Value(
        text: "select(\(condition), \(x.text), \(y.text))", shape: x.shape, bound: bound)
    }
    return Value(
      text: "(if \(condition) then \(x.text) else \(y.text))", shape: x.shape, bound: bound)
  }

  /// A truth value that stretches to a shape.
  private mutating func condition(_ scope: inout RandomSpecScope, shape: [Int]) -> String {
    let known = scope.conditions.filter { $0.shape == shape }
    if let condition = known.randomElement(using: &generator), generator.chance(0.3) {
      return condition.text
    }
    let comparison = generator.choose(["<", "<=", ">", ">=", "!="])
    let x = pick(scope, shape: generator.chance(0.7) ? shape : [])
    var text = "\(x.text) \(comparison) \(generator.choose(["0.1", "-0.2", "0.45"]))"
    if let integers = scope.integers.first(where: { $0.shape == shape }), generator.chance(0.5) {
      text = "\(integers.text) \(comparison) \(generator.choose([0, 1, 2]))"
    }
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: text = "not (\(text))"
    case 1: text = "\(text) and \(pick(scope, shape: []).text) > -0.3"
    case 2: text = "\(text) or \(pick(scope, shape: []).text) > 0.6"
    default: break
    }
    guard x.shape == shape, generator.chance(0.4) else { return "(\(text))" }
    let name = fresh("c")
    scope.write("let \(name) = \(text)")
    if x.shape == shape { scope.conditions.append((name, shape)) }
    return name
  }

  // MARK: Reductions and products

  private mutating func reduction(_ scope: RandomSpecScope) -> Value {
    let x = pick(scope, rank: 1...4)
    let rank = x.shape.count
    if generator.chance(0.15) {
      let y = pick(scope, shape: x.shape)
      let count = Double(x.shape.reduce(1, *))
      return Value(
        text: "dot(\(x.text), \(y.text))", shape: [], bound: x.bound * y.bound * count)
    }
    if generator.chance(0.2) {
      let axis = Int.random(in: 0..<rank, using: &generator)
      let function = generator.choose(["softmax", "log_softmax", "cumsum"])
      let place = generator.choose(["", ", axis: \(axis)", ", axis: \(axis - rank)"])
      if function == "cumsum" {
        // Sizes are 6 at most.
        let order = generator.choose(["", ", reverse: true", ", reverse: false"])
        return Value(
          text: "cumsum(\(x.text)\(place)\(order))", shape: x.shape, bound: 6 * x.bound)
      }
      return Value(
        text: "\(function)(\(x.text)\(place))", shape: x.shape, bound: 2 * x.bound + 2)
    }
    let function = generator.choose(["sum", "mean", "max", "min", "logsumexp"])
    var axes = generator.someAxes(of: rank)
    if axes.isEmpty { axes = [rank - 1] }
    let keeps = generator.chance(0.3)
    let places =
      axes.count == 1 && generator.chance(0.5)
      ? "\(axes[0] - (generator.chance(0.5) ? rank : 0))" : "\(axes)"
    let shape = x.shape.indices.compactMap { axes.contains($0) ? (keeps ? 1 : nil) : x.shape[$0] }
    let count = Double(axes.map { x.shape[$0] }.reduce(1, *))
    if generator.chance(0.1) {
      let axis = axes[0]
      return Value(
        text: "(sum(\(x.text), axis: \(axis)) / size(\(x.text), \(axis)))",
        shape: x.shape.enumerated().filter { $0.offset != axis }.map(\.element), bound: x.bound)
    }
    let bound = function == "sum" ? x.bound * count : x.bound + 2
    return Value(
      text: "\(function)(\(x.text), axis: \(places)\(keeps ? ", keep: true" : ""))", shape: shape,
      bound: bound)
  }

  private mutating func product(_ scope: RandomSpecScope) -> Value {
    let x = pick(scope, rank: 1...3)
    let inner = x.shape[x.shape.count - 1]
    let columns = size()
    let isVector = generator.chance(0.2)
    var rightShape = isVector ? [inner] : [inner, columns]
    if !isVector, x.shape.count == 3, generator.chance(0.3) { rightShape.insert(x.shape[0], at: 0) }
    let y = pick(scope, shape: rightShape)
    let shape = Array(x.shape.dropLast()) + (isVector ? [] : [columns])
    let text =
      generator.chance(0.8) ? "(\(x.text) @ \(y.text))" : "matmul(\(x.text), \(y.text))"
    return Value(text: text, shape: shape, bound: x.bound * y.bound * Double(inner))
  }

  /// Letters are axes of equal size, paired at random; unpaired ones are kept or summed.
  private mutating func einsum(_ scope: RandomSpecScope) -> Value {
    let letters = Array("abcdefghijkl")
    let operands = (0..<generator.choose([1, 2, 2, 3])).map { _ in pick(scope, rank: 1...3) }
    var sizes: [Int] = []
    var names: [[Int]] = []
    for operand in operands {
      var own: [Int] = []
      for extent in operand.shape {
        let partners = sizes.indices.filter { sizes[$0] == extent && !own.contains($0) }
        if let partner = partners.randomElement(using: &generator), generator.chance(0.7) {
          own.append(partner)
        } else {
          own.append(sizes.count)
          sizes.append(extent)
        }
      }
      names.append(own)
    }
    var output = sizes.indices.filter { _ in generator.chance(0.5) }.shuffled(using: &generator)
    while !RandomSpecScope.fits(output.map { sizes[$0] }) { output.removeLast() }
    let count = sizes.indices.filter { !output.contains($0) }.map { sizes[$0] }.reduce(1, *)
    func spelling(_ indices: [Int]) -> String { String(indices.map { letters[$0] }) }
    let formula = names.map(spelling).joined(separator: ",") + "->" + spelling(output)
    return Value(
      text: "einsum(\"\(formula)\", \(operands.map(\.text).joined(separator: ", ")))",
      shape: output.map { sizes[$0] },
      bound: operands.map(\.bound).reduce(Double(count), *))
  }

  // MARK: The prelude

  private mutating func layer(_ scope: RandomSpecScope) -> Value {
    let x = pick(scope, rank: 1...3)
    let width = x.shape[x.shape.count - 1]
    let (hidden, out) = (size(), size())
    let leading = Array(x.shape.dropLast())
    func weight(_ rows: Int, _ columns: Int) -> String { tame(scope, [rows, columns]).text }
    let name = x.text
    switch Int.random(in: 0..<5, using: &generator) {
    case 0:
      let bias = generator.choose(["", ", \(tame(scope, [out]).text)", ", bias: none"])
      return Value(
        text: "linear(\(name), \(weight(width, out))\(bias))", shape: leading + [out],
        bound: x.bound * Double(width) + 1)
    case 1:
      return Value(
        text: "rms_norm(\(name), \(tame(scope, [width]).text), epsilon: 0.01)", shape: x.shape,
        bound: 2)
    case 2:
      let bias = generator.chance(0.5) ? ", bias: \(tame(scope, [width]).text)" : ""
      return Value(
        text: "layer_norm(\(name), \(tame(scope, [width]).text)\(bias), epsilon: 0.05)",
        shape: x.shape, bound: 3)
    case 3:
      let function = generator.choose(["swiglu", "geglu"])
      return Value(
        text: "\(function)(\(name), \(weight(width, hidden)), \(weight(width, hidden)), "
          + "\(weight(hidden, out)))", shape: leading + [out],
        bound: x.bound * x.bound * Double(width * hidden))
    default:
      return Value(
        text: "token_logits(\(name), \(weight(out, width)))", shape: leading + [out],
        bound: x.bound * Double(width))
    }
  }

  private mutating func loss(_ scope: RandomSpecScope) -> Value {
    let x = pick(scope, rank: 1...3)
    let leading = Array(x.shape.dropLast())
    let classes = x.shape[x.shape.count - 1]
    let smoothing = generator.chance(0.3) ? ", smoothing: 0.1" : ""
    switch Int.random(in: 0..<4, using: &generator) {
    case 0:
      var labels = labels(scope, leading, below: classes)
      if !smoothing.isEmpty { labels = "check_labels(\(labels), \(classes))" }
      return Value(
        text: "cross_entropy(\(x.text), \(labels)\(smoothing))", shape: leading,
        bound: 2 * x.bound + 2)
    case 1:
      let target = pick(scope, shape: x.shape)
      return Value(
        text: "binary_cross_entropy(\(x.text), sigmoid(\(target.text)))", shape: x.shape,
        bound: 2 * x.bound + 1)
    case 2:
      let target = pick(scope, shape: x.shape)
      return Value(
        text: "mean_squared_error(\(x.text), \(target.text))", shape: [],
        bound: (x.bound + target.bound) * (x.bound + target.bound))
    default:
      let words = size()
      let table = tame(scope, [words, classes])
      let labels = labels(scope, leading, below: words)
      let text =
        generator.chance(0.5)
        ? "linear_cross_entropy(\(x.text), \(table.text), \(labels))"
        : "token_cross_entropy(\(x.text), \(table.text), \(labels)\(smoothing))"
      return Value(text: text, shape: leading, bound: 2 * x.bound * Double(classes) + 2)
    }
  }

  private mutating func structured(_ scope: RandomSpecScope) -> Value {
    let (queries, heads, width) = (size(), generator.choose([1, 2]), generator.choose([2, 4]))
    let leading = generator.chance(0.3) ? [generator.choose([1, 2])] : []
    if generator.chance(0.3) {
      let x = tame(scope, leading + [queries, heads, width])
      let base = generator.chance(0.5) ? ", base: 50" : ""
      return Value(text: "rope(\(x.text)\(base))", shape: x.shape, bound: 2 * x.bound)
    }
    let isCausal = generator.chance(0.5)
    let keys = isCausal ? queries : size()
    let keyHeads = heads == 2 && generator.chance(0.4) ? 1 : heads
    let q = tame(scope, leading + [queries, heads, width])
    let k = tame(scope, leading + [keys, keyHeads, width])
    let v = tame(scope, leading + [keys, keyHeads, width])
    let causal = isCausal ? ", causal: true" : generator.choose(["", ", causal: false"])
    let scale = generator.chance(0.2) ? ", scale: 0.7" : ""
    let more = generator.chance(0.5) ? scores(scope, leading, [heads, queries, keys]) : ""
    return Value(
      text: "attention(\(q.text), \(k.text), \(v.text)\(causal)\(scale)\(more))", shape: q.shape,
      bound: v.bound)
  }

  /// Arguments of attention that change its scores or rule pairs out.
  ///
  /// - Parameter pairs: heads, queries, keys.
  private mutating func scores(
    _ scope: RandomSpecScope, _ leading: [Int], _ pairs: [Int]
  ) -> String {
    var text = ""
    if generator.chance(0.4) { text += ", window: \(generator.choose([0, 1, 2]))" }
    if generator.chance(0.3) { text += ", prefix: \(generator.choose([0, 1, 2]))" }
    if generator.chance(0.3) { text += ", softcap: 2.5" }
    if generator.chance(0.3) {
      text += ", lengths: \(labels(scope, leading, below: pairs[2] + 1))"
    }
    if generator.chance(0.3) {
      let slopes =
        generator.chance(0.5) ? tame(scope, [pairs[0]]).text : "alibi_slopes(\(pairs[0]))"
      text += ", alibi: \(slopes)"
    }
    if generator.chance(0.3) {
      let shape = (generator.chance(0.5) ? [pairs[0]] : []) + [pairs[1] + pairs[2] - 1]
      let causal = generator.choose(["", ", causal: true"])
      let buckets = "relative_buckets(\(pairs[1]), \(pairs[2]), buckets: 4, furthest: 8\(causal))"
      let term =
        generator.chance(0.5)
        ? tame(scope, shape).text
        : "transpose(take(\(tame(scope, [4, pairs[0]]).text), \(buckets)))"
      text += ", relative: \(term)"
    }
    let own = (generator.chance(0.3) ? leading : []) + pairs.map { generator.chance(0.3) ? 1 : $0 }
    if generator.chance(0.3) { text += ", bias: \(tame(scope, own).text)" }
    if generator.chance(0.3) { text += ", mask: \(tame(scope, own).text) < 0.3" }
    return text
  }
}
