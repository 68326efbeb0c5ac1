// SPDX-License-Identifier: Apache-2.0
//
// Random specs that are valid by construction, as text: the whole way from the lexer to the compiled
// library can be tried on them. A spec is a function of its seed. Arrays are small (sizes 1 to 6), so
// that interpreting one takes milliseconds; values stay bounded (see `RandomSpecScope`), and
// functions get arguments at which they are smooth almost everywhere.
//
// Written here: the declarations. `RandomSpecScope` keeps the values that may be read,
// `RandomSpecExpressions` and `RandomSpecArrays` choose what to make of them,
// `RandomSpecStatements` writes loops and functions, `RandomSpecOptimizers` the inner optimisation.

/// A random spec.
package struct RandomSpec: Sendable {
  package let seed: UInt64
  /// The name of the spec, as declared.
  package let name: String
  package let text: String

  package init(seed: UInt64) {
    self.seed = seed
    name = "random_\(seed)"
    var writer = RandomSpecWriter(seed: seed)
    text = writer.spec(named: name)
  }
}

/// Writes one spec.
struct RandomSpecWriter {
  var generator: SeededGenerator
  let seed: UInt64
  /// The sizes that arrays of this spec have: few, so that shapes often fit each other.
  var dims: [(name: String, size: Int)] = []
  var steps = 1
  /// The number of tasks; `nil` without `batch`.
  var tasks: Int?
  /// The leaves of theta outside groups and of the groups, by path.
  var theta = RandomTree(name: "theta")
  var metas: [RandomMeta] = []
  var functions: [RandomFunction] = []
  /// Whether random numbers may be drawn: in losses, not in functions, which optimisers call, too.
  var mayDraw = false
  /// Numbers the names of a spec.
  var counter = 0

  init(seed: UInt64) {
    self.seed = seed
    generator = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 17)
  }

  /// A new name.
  mutating func fresh(_ stem: String) -> String {
    counter += 1
    return "\(stem)\(counter)"
  }

  // MARK: The file

  mutating func spec(named name: String) -> String {
    chooseSizes()
    let trees = [parameters(), metaDeclarations()]
    let functions = (0..<generator.choose([0, 1, 1, 2])).map { _ in function() }
    let optimizer = optimizer()
    let parts =
      ["spec \(name)", dimensions(), "seed \(seed % 1000)"] + trees + functions
      + [optimizer.declaration, inner(optimizer), outer(), tasks == nil ? "" : "batch tasks"]
    return parts.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  private mutating func chooseSizes() {
    let names = ["n", "d", "k", "m"]
    dims = names.map { ($0, generator.choose([1, 2, 3, 4, 5, 6])) }
    steps = generator.choose([1, 1, 2, 3, 4])
    tasks = generator.chance(0.35) ? generator.choose([1, 2, 3]) : nil
  }

  private mutating func dimensions() -> String {
    var all = dims.map { ($0.name, "\($0.size)") }
    // The losses of all steps are an array, whose size is the one of that name.
    all.append(("steps", dims.first { $0.size == steps }?.name ?? "\(steps)"))
    if let tasks { all.append(("tasks", "\(tasks)")) }
    let line = "dim " + all.map { "\($0.0) = \($0.1)" }.joined(separator: ", ")
    guard generator.chance(0.2) else { return line }
    return line + "\npreset \"other\" { n = \(dims[0].size + 1) }"
  }

  /// A size as a dimension's name or as a number. Of dimensions that are equal it is always the same:
  /// they are two sizes to the compiler.
  mutating func spelled(_ size: Int) -> String {
    let name = dims.first { $0.size == size }?.name
    return generator.chance(0.2) ? "\(size)" : name ?? "\(size)"
  }

  mutating func spelled(_ shape: [Int]) -> String {
    "[" + shape.map { spelled($0) }.joined(separator: ", ") + "]"
  }

  /// A random size, one of the spec's dimensions.
  mutating func size() -> Int { generator.choose(dims).size }

  mutating func shape(rank: ClosedRange<Int> = 0...3) -> [Int] {
    (0..<Int.random(in: rank, using: &generator)).map { _ in size() }
  }

  // MARK: Parameters

  private mutating func parameters() -> String {
    for _ in 0..<generator.choose([1, 2, 3, 3]) {
      theta.leaves.append(leaf(shape(rank: 0...2)))
    }
    if generator.chance(0.3) {
      theta.groups.append(group(stack: nil))
    }
    if generator.chance(0.35) {
      theta.groups.append(group(stack: generator.choose([1, 2, 3])))
    }
    return "params " + declaration(of: theta)
  }

  private mutating func group(stack: Int?) -> RandomTree {
    var group = RandomTree(name: fresh(stack == nil ? "part" : "block"))
    group.stack = stack
    let count = generator.choose([1, 2, 3])
    group.leaves = (0..<count).map { _ in leaf(shape(rank: 0...2)) }
    return group
  }

  private mutating func leaf(_ shape: [Int]) -> RandomTree.Leaf {
    let initializers = [
      "", " ~ normal(0, 0.5)", " ~ normal(0, 0.5)", " ~ uniform(-0.7, 0.7)", " ~ constant(0.3)",
      " ~ ones", shape.count >= 2 ? " ~ he" : " ~ normal(0.1, 0.2)",
      shape.count >= 2 ? " ~ glorot" : "",
    ]
    return RandomTree.Leaf(
      name: fresh("w"), shape: shape, initializer: generator.choose(initializers))
  }

  private mutating func declaration(of tree: RandomTree) -> String {
    let stack = tree.stack.map { "[\($0)]" } ?? ""
    let leaves = tree.leaves.map { "\($0.name): \(spelled($0.shape))\($0.initializer)" }
    let groups = tree.groups.map { declaration(of: $0) }
    let colon = tree.name == "theta" || !generator.chance(0.5) ? "" : ":"
    return "\(tree.name)\(stack)\(colon) {\n  "
      + (leaves + groups).joined(separator: "\n  ") + "\n}"
  }

  private mutating func metaDeclarations() -> String {
    var kinds: [RandomMeta.Kind] = []
    if generator.chance(0.4) { kinds.append(.initial) }
    let others: [RandomMeta.Kind] = [.scalar, .likeTheta, .array, .perStep, .tree]
    if kinds.isEmpty || generator.chance(0.4) { kinds.append(generator.choose(others)) }
    if generator.chance(0.2) { kinds.append(generator.choose(others)) }
    return kinds.map { meta($0) }.joined(separator: "\n")
  }

  private mutating func meta(_ kind: RandomMeta.Kind) -> String {
    var meta = RandomMeta(name: fresh("eta"), kind: kind)
    defer { metas.append(meta) }
    switch kind {
    case .initial: return "meta \(meta.name) = theta.initial"
    case .scalar: return "meta \(meta.name): [] ~ constant(-1.5)"
    case .likeTheta: return "meta \(meta.name): like theta ~ constant(-1.5)"
    case .perStep: return "meta \(meta.name): [steps] ~ uniform(-2, -1)"
    case .array:
      meta.tree.leaves = [leaf(shape(rank: 0...2))]
      return "meta \(meta.name): \(spelled(meta.tree.leaves[0].shape)) ~ normal(0, 0.5)"
    case .tree:
      meta.tree = group(stack: nil)
      meta.tree.name = meta.name
      return "meta " + declaration(of: meta.tree)
    }
  }

  // MARK: The two problems

  private mutating func inner(_ optimizer: RandomOptimizer) -> String {
    var scope = problemScope()
    let data = (0..<generator.choose([0, 1, 2, 3])).map { _ in datum(&scope, mayStream: true) }
    mayDraw = true
    grow(&scope, generator.choose([4, 7, 10]))
    let loss = loss(&scope)
    mayDraw = false
    return "inner(\(data.joined(separator: ", "))) {\n" + scope.text
      + "  minimize \(loss)\n  by \(optimizer.call) for steps\n}"
  }

  private mutating func outer() -> String {
    var scope = problemScope()
    if generator.chance(0.25) {
      scope.add("inner.losses", [steps], bound: 20)
    }
    let data = (0..<generator.choose([0, 1, 2])).map { _ in datum(&scope, mayStream: false) }
    mayDraw = true
    grow(&scope, generator.choose([3, 5, 8]))
    let loss = loss(&scope)
    mayDraw = false
    let list = data.isEmpty && generator.chance(0.5) ? "" : "(\(data.joined(separator: ", ")))"
    return "outer\(list) {\n" + scope.text + "  minimize \(loss)\n}"
  }

  /// The parameters and the metas, as both problems see them.
  private mutating func problemScope() -> RandomSpecScope {
    var scope = RandomSpecScope(indent: "  ")
    scope.add(theta, path: "theta")
    scope.trees.append("theta")
    for meta in metas {
      switch meta.kind {
      case .initial: scope.add(theta, path: meta.name)
      case .scalar: scope.add(meta.name, [], bound: 4)
      case .perStep: scope.add(meta.name, [steps], bound: 4)
      case .array: scope.add(meta.name, meta.tree.leaves[0].shape, bound: 2)
      case .likeTheta: scope.add(theta, path: meta.name)
      case .tree: scope.add(meta.tree, path: meta.name)
      }
    }
    scope.functions = functions
    return scope
  }

  /// Declares a data array and adds it to a scope.
  private mutating func datum(_ scope: inout RandomSpecScope, mayStream: Bool) -> String {
    let name = fresh("x")
    var words = mayStream && generator.chance(0.4) ? "stream " : ""
    if tasks != nil, generator.chance(0.2) { words += "shared " }
    let extents = shape(rank: 0...3).prefix(3)
    if generator.chance(0.3) {
      let limit = size()
      scope.addInteger(name, Array(extents.prefix(2)), below: limit)
      return "\(words)\(name): i32 \(spelled(Array(extents.prefix(2)))) ~ integers(0, \(limit))"
    }
    scope.add(name, Array(extents), bound: 3, isExact: true)
    let initializers = ["", "", " ~ uniform(-1, 1)", " ~ normal(0, 0.7)", " ~ uniform(0, 1)"]
    return "\(words)\(name): \(spelled(Array(extents)))\(generator.choose(initializers))"
  }

  /// A scalar that depends on several values of the scope, and on the parameters for certain.
  private mutating func loss(_ scope: inout RandomSpecScope) -> String {
    let parameters = theta.paths(from: "theta").map { "sum(square(\($0)))" }
    let recent = scope.floats.suffix(3)
    var terms = recent.map { value in
      let whole = value.bound > 8 ? "tanh(\(value.text))" : value.text
      return generator.choose(["mean(square(\(whole) - 0.3))", "mean(sin(\(whole)))"])
    }
    terms.append(
      generator.chance(0.5)
        ? "0.1 * sum(square(theta))" : "0.1 * (\(parameters.joined(separator: " + ")))")
    if generator.chance(0.3), let value = scope.floats.randomElement(using: &generator) {
      terms.append(generator.choose(["mean", "max", "logsumexp"]) + "(tanh(\(flat(value))))")
    }
    return terms.joined(separator: " + ")
  }

  /// A value as a vector.
  private func flat(_ value: RandomSpecScope.Value) -> String { "reshape(\(value.text), [-1])" }
}

/// A parameter tree of a random spec.
struct RandomTree {
  struct Leaf {
    let name: String
    let shape: [Int]
    let initializer: String
  }

  var name: String
  /// How many layers a stacked group has.
  var stack: Int?
  var leaves: [Leaf] = []
  var groups: [RandomTree] = []

  /// The leaves' names as expressions.
  func paths(from path: String) -> [String] {
    leaves.map { "\(path).\($0.name)" } + groups.flatMap { $0.paths(from: "\(path).\($0.name)") }
  }
}

/// Meta parameters of a random spec.
struct RandomMeta {
  enum Kind { case initial, scalar, likeTheta, array, perStep, tree }

  let name: String
  let kind: Kind
  /// For `array` and `tree`.
  var tree = RandomTree(name: "")
}
