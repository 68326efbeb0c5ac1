// SPDX-License-Identifier: Apache-2.0
//
// Random inner optimisers: those of the prelude with random arguments, and optimisers of the spec's
// own, with and without states.

/// How a random spec optimises.
struct RandomOptimizer {
  /// The declaration of an optimiser of the spec's own, or nothing.
  var declaration = ""
  /// What stands after `by`.
  var call: String
}

extension RandomSpecWriter {
  mutating func optimizer() -> RandomOptimizer {
    let rate = rate()
    if generator.chance(0.25) { return own(rate: rate) }
    let name = generator.choose(
      ["sgd", "sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"] + Self.adaptive)
    // Schedule-free learning weighs by one rate for all arrays.
    var arguments = ["rate: \(name.hasPrefix("schedule_free") ? "0.1" : rate)"]
    // A larger epsilon than the usual one: the first steps of Adam are otherwise nearly the sign of
    // the gradient, which no two roundings agree about where it is nearly zero.
    let isFirstOrder = ["sgd", "momentum", "nesterov", "lion", "schedule_free_sgd"].contains(name)
    if !isFirstOrder { arguments.append("epsilon: 0.01") }
    if ["adam", "adamw"].contains(name), generator.chance(0.5) {
      arguments.append("epsilon_root: 0.0001")
    }
    if ["momentum", "nesterov"].contains(name), generator.chance(0.5) {
      arguments.append("decay: \(scalarMeta().map { "sigmoid(\($0))" } ?? "0.6")")
    }
    if generator.chance(0.25) { arguments.append("clip: \(generator.choose(["0.5", "2"]))") }
    if generator.chance(0.25) {
      arguments.append("weight_decay: \(scalarMeta().map { "exp(\($0) - 2)" } ?? "0.05")")
    }
    return RandomOptimizer(call: "\(name)(\(arguments.joined(separator: ", ")))")
  }

  /// Those of the prelude's file of that name, but for the ones that take a sign: roundings do not agree
  /// about it where a gradient is nearly zero.
  private static let adaptive = [
    "adagrad", "lamb", "nadam", "radam", "amsgrad", "schedule_free_sgd", "schedule_free_adamw",
  ]

  /// A learned scalar, if there is one and luck has it.
  private mutating func scalarMeta() -> String? {
    let scalars = metas.filter { $0.kind == .scalar }.map(\.name)
    return generator.chance(0.5) ? scalars.randomElement(using: &generator) : nil
  }

  /// A number, or learned.
  private mutating func rate() -> String {
    var choices = ["0.1", "0.05", "0.1 / float(step)", "0.2 * 0.9 ** step"]
    choices.append(
      generator.choose([
        "constant_schedule(step, 0.1)", "linear_schedule(step, 0.02, 0.1, 2)",
        "polynomial_schedule(step, 0.1, 0.05, 2, 3)", "exponential_decay(step, 0.1, 2, 0.5)",
        "cosine_decay(step, 0.1, 4)", "warmup_constant(step, 0.01, 0.1, 2)",
        "warmup_cosine(step, 0.01, 0.1, 1, 4)", "piecewise_constant(step, 0.1, [1, 2], [0.5, 0.5])",
      ]))
    for meta in metas {
      switch meta.kind {
      case .scalar: choices += ["exp(\(meta.name))", "softplus(\(meta.name))"]
      case .likeTheta: choices += ["exp(\(meta.name))", "0.3 * sigmoid(\(meta.name))"]
      case .perStep:
        choices += ["exp(\(meta.name)[step - 1])", "0.2 * sigmoid(mean(\(meta.name)))"]
      case .initial, .array, .tree: break
      }
    }
    // Later ones, which are learned, are likelier.
    return generator.choose(choices.suffix(generator.chance(0.7) ? 2 : choices.count))
  }

  private mutating func own(rate: String) -> RandomOptimizer {
    let name = fresh("own")
    let direction = generator.choose([
      "g", "clip_by_norm(g, limit)", "tanh(g)", "g / (abs(g) + 0.5)", "g + 0.01 * theta",
      "g / (global_norm(g) + limit)", "regularized(g, theta, 0.01, none)",
      "g / (leaf_sums(square(g)) / leaf_sizes(g) + limit)", "g / float(rank(g) + 1)",
    ])
    let limit = ", limit = 1.5"
    switch Int.random(in: 0..<3, using: &generator) {
    case 0:
      return RandomOptimizer(
        declaration: """
          optimizer \(name)(rate\(limit)) {
            update(g, theta, step) {
              let change = rate * (\(direction))
              theta = theta - change
            }
          }
          """, call: "\(name)(\(rate))")
    case 1:
      let start = generator.choose(["", " ~ zeros", " ~ ones", " ~ constant(0.2)"])
      return RandomOptimizer(
        declaration: """
          optimizer \(name)(rate, decay = 0.8\(limit)) {
            state m: like theta\(start)
            update(g, theta, step) {
              m = decay * m + (1 - decay) * (\(direction))
              theta = theta - rate * m
            }
          }
          """, call: "\(name)(rate: \(rate))")
    default:
      return RandomOptimizer(
        declaration: """
          optimizer \(name)(rate\(limit)) {
            state total: [] ~ constant(0.5)
            state m: like theta
            update(g, theta, step) {
              let size = mean(square(g))
              total = 0.9 * total + 0.1 * size
              m = 0.5 * m + (\(direction)) * rsqrt(total + 0.1)
              theta = theta - rate * m / (1 + 0.1 * float(step))
            }
          }
          """, call: "\(name)(rate: \(rate), limit: 0.7)")
    }
  }
}
