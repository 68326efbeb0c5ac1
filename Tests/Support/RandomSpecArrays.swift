// SPDX-License-Identifier: Apache-2.0
//
// Random expressions that make, move, join and index arrays.

extension RandomSpecWriter {
  // MARK: Whole numbers

  /// Labels of a shape, each from 0 up to `limit`, not included.
  mutating func labels(_ scope: RandomSpecScope, _ shape: [Int], below limit: Int) -> String {
    let fitting = scope.integers.filter { $0.shape == shape && $0.limit <= limit }
    if let labels = fitting.randomElement(using: &generator) { return labels.text }
    if let labels = scope.integers.filter({ $0.shape == shape }).randomElement(using: &generator) {
      return "minimum(\(labels.text), \(limit - 1))"
    }
    if shape.isEmpty || generator.chance(0.3) {
      let number = Int.random(in: 0..<limit, using: &generator)
      return "int(full(\(spelled(shape)), \(number)))"
    }
    let count = shape.reduce(1, *)
    return "reshape(minimum(iota(\(count)), \(limit - 1)), \(spelled(shape)))"
  }

  /// Row numbers of any shape for an axis of `size`, and that shape.
  private mutating func rows(_ scope: RandomSpecScope, of size: Int) -> (String, [Int]) {
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: return ("iota(\(spelled(size)))", [size])
    case 1: return ("(\(size - 1) - iota(\(size)))", [size])
    case 2:
      let value = pick(scope, rank: 1...2)
      return ("int(floor(sigmoid(\(value.text)) * \(Double(size) - 0.001)))", value.shape)
    default:
      let shape = shape(rank: 0...2)
      return (labels(scope, shape, below: size), shape)
    }
  }

  // MARK: Indexing

  mutating func indexed(_ scope: inout RandomSpecScope) -> Value {
    let x = pick(scope, rank: 1...3)
    let rank = x.shape.count
    let axis = Int.random(in: 0..<rank, using: &generator)
    if generator.chance(0.25) { return oneHot(scope) }
    let (rows, shape) = rows(scope, of: x.shape[axis])
    let result = Array(x.shape[..<axis]) + shape + Array(x.shape[(axis + 1)...])
    guard RandomSpecScope.fits(result) else { return subscripted(x) }
    let text: String
    if axis == 0, rank == 2, generator.chance(0.3) {
      text = "embedding(\(x.text), \(rows))"
    } else if generator.chance(0.5) {
      text = "take(\(x.text), \(rows)\(axis == 0 ? "" : ", axis: \(axis)"))"
    } else {
      let before = String(repeating: ":, ", count: axis)
      text = "\(x.text)[\(before)\(rows)]"
    }
    return Value(text: text, shape: result, bound: x.bound, isExact: x.isExact)
  }

  private mutating func oneHot(_ scope: RandomSpecScope) -> Value {
    let classes = size()
    let shape = shape(rank: 0...2)
    let labels = labels(scope, shape, below: classes)
    return Value(
      text: "one_hot(\(labels), \(spelled(classes)))", shape: shape + [classes], bound: 1,
      isExact: true)
  }

  /// Positions and ranges, counted from either end.
  private mutating func subscripted(_ x: Value) -> Value {
    var entries: [String] = []
    var shape: [Int] = []
    for extent in x.shape {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0:
        let position = Int.random(in: 0..<extent, using: &generator)
        entries.append("\(generator.chance(0.5) ? position : position - extent)")
      case 1:
        let start = Int.random(in: 0..<extent, using: &generator)
        let end = Int.random(in: (start + 1)...extent, using: &generator)
        let isToEnd = end == extent
        entries.append("\(start == 0 ? "" : "\(start)"):\(isToEnd ? "" : "\(end - extent)")")
        shape.append(end - start)
      case 2:
        let step = generator.choose([2, 3])
        entries.append("::\(step)")
        shape.append((extent + step - 1) / step)
      default:
        entries.append(":")
        shape.append(extent)
      }
    }
    if entries.last == ":", generator.chance(0.5) { entries[entries.count - 1] = "..." }
    if entries.first == ":", generator.chance(0.5), !entries.contains("...") { entries[0] = "..." }
    return Value(
      text: "\(x.text)[\(entries.joined(separator: ", "))]", shape: shape, bound: x.bound,
      isExact: x.isExact)
  }

  // MARK: Movement

  mutating func moved(_ scope: inout RandomSpecScope) -> Value {
    let x = pick(scope, rank: 1...3)
    let rank = x.shape.count
    let axis = Int.random(in: 0..<rank, using: &generator)
    func value(_ text: String, _ shape: [Int], _ bound: Double? = nil) -> Value {
      Value(text: text, shape: shape, bound: bound ?? x.bound, isExact: x.isExact && bound == nil)
    }
    switch Int.random(in: 0..<11, using: &generator) {
    case 0:
      let order = Array(0..<rank).shuffled(using: &generator)
      return value("transpose(\(x.text), \(order))", order.map { x.shape[$0] })
    case 1:
      let flat = generator.choose(["[-1]", spelled([x.shape.reduce(1, *)])])
      return value("reshape(\(x.text), \(flat))", [x.shape.reduce(1, *)])
    case 2:
      let place = Int.random(in: 0...rank, using: &generator)
      var shape = x.shape
      shape.insert(1, at: place)
      return value("expand(\(x.text), \(place))", shape)
    case 3:
      var shape = x.shape
      let other = pick(scope, shape: shape)
      shape[axis] *= 2
      let text = "concatenate([\(x.text), \(other.text)], axis: \(axis))"
      return value(text, shape, max(x.bound, other.bound))
    case 4:
      let other = pick(scope, shape: x.shape)
      var shape = x.shape
      shape.insert(2, at: axis)
      let text =
        axis == 0 && generator.chance(0.4)
        ? "stack([\(x.text), \(other.text)])" : "stack([\(x.text), \(other.text)], axis: \(axis))"
      return value(text, shape, max(x.bound, other.bound))
    case 5:
      let (low, high) = (generator.choose([0, 1, 2]), generator.choose([0, 1]))
      var shape = x.shape
      shape[axis] += low + high
      return value("pad(\(x.text), \(low), \(high), axis: \(axis))", shape)
    case 6: return splitted(x, axis: axis, &scope)
    case 7:
      let shape = [size()] + x.shape
      return value("broadcast(\(x.text), \(spelled(shape)))", shape)
    case 8:
      let count = size()
      let text = "(float(iota(\(count))) / \(count) - 0.4)"
      return Value(text: text, shape: [count], bound: 1, isExact: true)
    case 9:
      let parts = (0..<generator.choose([1, 2, 3])).map { _ in pick(scope, shape: []) }
      let list = "[\(parts.map(\.text).joined(separator: ", "))]"
      // A list of scalars is an array too.
      return value(
        generator.chance(0.5) ? "stack(\(list))" : "(\(list) * 1.0)", [parts.count],
        parts.map(\.bound).max() ?? 1)
    default: return subscripted(x)
    }
  }

  /// An axis in equal parts: one of them, the others stay in the scope.
  private mutating func splitted(
    _ x: Value, axis: Int, _ scope: inout RandomSpecScope
  ) -> Value {
    guard let count = [2, 3, 5].first(where: { x.shape[axis] % $0 == 0 }) else {
      return subscripted(x)
    }
    var shape = x.shape
    shape[axis] /= count
    let names = (0..<count).map { _ in fresh("s") }
    scope.write(
      "let (\(names.joined(separator: ", "))) = split(\(x.text), \(count), axis: \(axis))")
    for name in names { scope.add(name, shape, bound: x.bound, isExact: x.isExact) }
    return Value(text: names[0], shape: shape, bound: x.bound, isExact: x.isExact)
  }
}
