// SPDX-License-Identifier: Apache-2.0
//
// Random expressions with the functions that stand beside the main ones: inverse and hyperbolic
// functions, choices, activation functions, products, norms, order and groups. Arguments keep away from
// poles, and from places where the last bit decides: what is rounded or compared is exact.

extension RandomSpecWriter {
  mutating func further(_ scope: RandomSpecScope) -> Value {
    if generator.chance(0.05) { return linearAlgebra(scope) }
    if generator.chance(0.2) { return image(scope) }
    switch Int.random(in: 0..<6, using: &generator) {
    case 0, 1: return furtherElementwise(scope)
    case 2: return furtherReduction(scope)
    case 3: return running(scope)
    case 4: return ordered(scope)
    default: return grouped(scope)
    }
  }

  private mutating func furtherElementwise(_ scope: RandomSpecScope) -> Value {
    let x = pick(scope)
    let (text, above) = (x.text, positive(x).text)
    var choices: [(String, Double)] = [
      ("asin(0.9 * sin(\(text)))", 1.2), ("acos(0.9 * sin(\(text)))", 3),
      ("atan(\(text))", 1.6), ("sinh(sin(\(text)))", 1.2), ("cosh(sin(\(text)))", 1.6),
      ("asinh(\(text))", x.bound), ("acosh(1 + \(above))", x.bound + 2),
      ("atanh(0.9 * sin(\(text)))", 1.5), ("tan(sin(\(text)))", 1.6),
      ("atan2(\(text), \(above))", 1.6), ("logit(0.1 + 0.8 * sigmoid(\(text)))", 2.2),
      ("log2(\(above))", x.bound + 2), ("log10(\(above))", x.bound + 1),
      ("cbrt(\(above))", x.bound + 1), ("clip(\(text), -0.45, high: 0.7)", 1),
      ("where(\(text) > 0.15, \(text), 0.3 * \(text))", x.bound),
      ("leaky_relu(\(text))", x.bound), ("leaky_relu(\(text), slope: 0.2)", x.bound),
      ("relu6(\(text))", 6), ("hard_tanh(\(text))", 1), ("hard_sigmoid(\(text))", 1),
      ("hard_silu(\(text))", x.bound), ("mish(\(text))", x.bound),
      ("selu(\(text))", 2 * x.bound + 2),
      ("celu(\(text), alpha: 0.7)", x.bound + 1), ("log_sigmoid(\(text))", x.bound + 1),
      ("soft_sign(\(text))", 1),
      ("huber(\(text), 0 * \(text), delta: 0.6)", x.bound),
    ]
    if mayDraw {
      choices += [
        ("dropout(\(text), 0.25)", 1.4 * x.bound),
        ("sin(\(text)) * uniform(\(spelled(x.shape)))", 1),
        ("tanh(\(text) + normal(\(spelled(x.shape))))", 1),
      ]
    }
    if x.isExact, generator.chance(0.5) {
      choices = [
        ("ceil(\(text))", x.bound + 1), ("trunc(\(text))", x.bound),
        ("round(\(text))", x.bound + 1),
        ("mod(\(text), 0.75)", 1),
      ]
    }
    let (expression, bound) = generator.choose(choices)
    return Value(text: expression, shape: x.shape, bound: bound)
  }

  private mutating func furtherReduction(_ scope: RandomSpecScope) -> Value {
    let x = tame(scope, pick(scope, rank: 1...3).shape)
    let axis = Int.random(in: 0..<x.shape.count, using: &generator)
    let shape = x.shape.enumerated().filter { $0.offset != axis }.map(\.element)
    // Norms and deviations have kinks at 0 and 1 is far from it.
    let pair = "stack([\(x.text), \(x.text) + 1], axis: 0), axis: 0"
    switch Int.random(in: 0..<9, using: &generator) {
    case 0: return Value(text: "var(\(x.text), axis: \(axis))", shape: shape, bound: 4)
    case 1: return Value(text: "std(\(pair), ddof: 1)", shape: x.shape, bound: 4)
    case 2:
      let order = generator.choose(["", ", order: 1", ", order: 1 / 0", ", order: 3"])
      return Value(text: "norm(\(pair)\(order))", shape: x.shape, bound: 4)
    case 3:
      let function = generator.choose(["any", "all"])
      let condition = "\(x.text) > \(generator.choose(["0.1", "-0.35"]))"
      return Value(
        text: "float(\(function)(\(condition), axis: \(axis)))", shape: shape, bound: 1)
    case 4:
      return Value(text: "mean_absolute_error(\(x.text), 0.3 * \(x.text) - 2)", shape: [], bound: 4)
    case 5: return Value(text: "softmin(\(x.text), axis: \(axis))", shape: x.shape, bound: 1)
    case 6:
      let joined = "concatenate([\(x.text), \(x.text)], axis: \(axis)), axis: \(axis)"
      return Value(text: "glu(\(joined))", shape: x.shape, bound: 1)
    default: return Value(text: "prod(\(x.text), axis: \(axis))", shape: shape, bound: 1)
    }
  }

  /// Functions of matrices near to the identity, whose other elements sum up to less than that.
  private mutating func linearAlgebra(_ scope: RandomSpecScope) -> Value {
    let n = size()
    let x = tame(scope, [n, n])
    let matrix = "(eye(\(spelled(n))) + 0.15 * \(x.text))"
    let right = tame(scope, generator.chance(0.5) ? [n] : [n, size()])
    let choices: [(String, [Int])] = [
      ("inverse(\(matrix))", [n, n]), ("logdet(\(matrix))", []), ("cholesky(\(matrix))", [n, n]),
      ("solve(\(matrix), \(right.text))", right.shape),
      ("triangular_solve(\(matrix), \(right.text))", right.shape),
      ("triangular_solve(\(matrix), \(right.text), upper: true)", right.shape),
      ("triu(\(x.text)) - 0.5 * tril(\(x.text))", [n, n]), ("diagonal(\(x.text))", [n]),
      ("trace(\(x.text))", []),
    ]
    let (text, shape) = generator.choose(choices)
    return Value(text: "(\(text))", shape: shape, bound: 20)
  }

  /// Convolutions of a small image, and what goes with them.
  private mutating func image(_ scope: RandomSpecScope) -> Value {
    let x = tame(scope, [2, 4, 3, 2]).text
    let kernel = tame(scope, [3, 2, 2, 3]).text
    let grouped = tame(scope, [2, 3, 1, 4]).text
    let transposed = tame(scope, [3, 3, 3, 2]).text
    let gains = "ones([2]), zeros([2]), epsilon: 1"
    let choices: [(String, [Int])] = [
      ("conv(\(x), 0.1 * \(kernel))", [2, 4, 3, 3]),
      ("conv(\(x), 0.1 * \(kernel), padding: 2, dilation: [1, 3])", [2, 6, 4, 3]),
      ("conv(\(x), 0.1 * \(grouped), stride: 2, padding: \"valid\", groups: 2)", [2, 2, 1, 4]),
      ("conv_transpose(\(x), 0.1 * \(transposed), stride: 2)", [2, 8, 6, 3]),
      ("conv_transpose(\(x), 0.1 * \(transposed))", [2, 4, 3, 3]),
      ("conv_transpose(\(x), 0.1 * \(transposed), padding: \"valid\")", [2, 6, 5, 3]),
      ("max_pool(\(x), 2)", [2, 2, 1, 2]),
      ("max_pool(\(x), [3, 2], stride: 1, padding: \"same\")", [2, 4, 3, 2]),
      ("avg_pool(\(x), 2, stride: 1, padding: \"same\")", [2, 4, 3, 2]),
      ("batch_norm(\(x), \(gains))", [2, 4, 3, 2]),
      ("group_norm(\(x), \(generator.choose(["1", "2"])), \(gains))", [2, 4, 3, 2]),
      ("instance_norm(\(x), \(gains))", [2, 4, 3, 2]),
      ("global_avg_pool(\(x))", [2, 2]), ("global_max_pool(\(x))", [2, 2]),
    ]
    let (text, shape) = generator.choose(choices)
    return Value(text: text, shape: shape, bound: 4)
  }

  /// Running products and maxima.
  private mutating func running(_ scope: RandomSpecScope) -> Value {
    let x = tame(scope, pick(scope, rank: 1...3).shape)
    let axis = Int.random(in: 0..<x.shape.count, using: &generator)
    let function = generator.choose(["cumprod", "cummax"])
    let order = generator.choose(["", ", reverse: true"])
    return Value(
      text: "\(function)(\(x.text), axis: \(axis)\(order))", shape: x.shape, bound: x.bound)
  }

  private mutating func ordered(_ scope: RandomSpecScope) -> Value {
    let x = pick(scope, rank: 1...3)
    let axis = Int.random(in: 0..<x.shape.count, using: &generator)
    let others = x.shape.enumerated().filter { $0.offset != axis }.map(\.element)
    let count = x.shape[axis]
    func value(_ text: String, _ shape: [Int], _ bound: Double) -> Value {
      Value(text: text, shape: shape, bound: bound)
    }
    let descending = generator.choose(["", ", descending: true"])
    switch Int.random(in: 0..<8, using: &generator) {
    case 0: return value("sort(\(x.text), axis: \(axis)\(descending))", x.shape, x.bound)
    case 1:
      var shape = x.shape
      shape[axis] = Int.random(in: 1...count, using: &generator)
      return value("top_k(\(x.text), \(shape[axis]), axis: \(axis))[0]", shape, x.bound)
    case 2: return value("flip(\(x.text), axis: \(axis))", x.shape, x.bound)
    case 3:
      let shift = generator.choose([1, -1, 2, 7])
      return value("roll(\(x.text), \(shift), axis: \(axis))", x.shape, x.bound)
    case 4:
      let labels = labels(scope, x.shape, below: count)
      return value("take_along_axis(\(x.text), \(labels), axis: \(axis))", x.shape, x.bound)
    case 5:
      let positions = "argsort(sin(3.0 * float(iota(\(count))))\(descending))"
      return value("(float(\(positions)) / \(count))", [count], 1)
    case 6:
      let numbers = generator.choose([
        "round(0.7 * float(iota(\(count))))", "mod(1.5 * float(iota(\(count))), 2)",
        "float(mod(3 - iota(\(count)), 4))",
      ])
      return value("(\(numbers) / \(count))", [count], 4)
    default:
      let function = generator.choose(["argmax", "argmin"])
      let number = "\(function)(stop_gradient(\(x.text)), axis: \(axis))"
      return x.isExact
        ? value("(float(\(number)) / \(count))", others, 1)
        : value("float(\(function)(cos(2.0 * float(iota(\(count))))))", [], Double(count))
    }
  }

  private mutating func grouped(_ scope: RandomSpecScope) -> Value {
    let x = pick(scope, rank: 1...3)
    let axis = Int.random(in: 0..<x.shape.count, using: &generator)
    let count = size()
    let labels = labels(scope, [x.shape[axis]], below: count)
    var shape = x.shape
    shape[axis] = count
    let function = generator.choose(["segment_sum", "segment_mean"])
    return Value(
      text: "\(function)(\(x.text), \(labels), \(spelled(count)), axis: \(axis))", shape: shape,
      bound: x.bound * Double(x.shape[axis]))
  }
}
