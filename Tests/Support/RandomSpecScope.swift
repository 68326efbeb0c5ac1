// SPDX-License-Identifier: Apache-2.0
//
// The values that statements of a random spec may read, each with its shape and with a bound of its
// magnitude. Bounds are of typical values, not proofs: what exceeds 16 is put through tanh.

/// The names that are in scope at one place of a spec, and the statements written there so far.
struct RandomSpecScope {
  /// An array of floats.
  struct Value {
    /// An expression that needs no parentheses.
    var text: String
    var shape: [Int]
    var bound: Double
    /// Whether no rounding is in it, so that a step function may be applied.
    var isExact = false
  }

  /// An i32 array with elements from 0 up to `limit`, not included.
  struct Integers {
    var text: String
    var shape: [Int]
    var limit: Int
  }

  /// A stacked group and one layer of it.
  struct Block {
    var path: String
    var group: RandomTree
    var stack: Int
  }

  var floats: [Value] = []
  var integers: [Integers] = []
  /// Truth values with their shapes.
  var conditions: [(text: String, shape: [Int])] = []
  /// Stacked groups.
  var blocks: [Block] = []
  /// Whole trees.
  var trees: [String] = []
  /// The functions that may be called.
  var functions: [RandomFunction] = []
  /// How many loops are around.
  var depth = 0
  let indent: String
  private(set) var text = ""

  /// No array has more elements.
  static let elementLimit = 150
  static let rankLimit = 4

  init(indent: String) { self.indent = indent }

  mutating func add(_ text: String, _ shape: [Int], bound: Double, isExact: Bool = false) {
    floats.append(Value(text: text, shape: shape, bound: bound, isExact: isExact))
  }

  mutating func addInteger(_ text: String, _ shape: [Int], below limit: Int) {
    integers.append(Integers(text: text, shape: shape, limit: limit))
  }

  /// Adds the leaves of a tree; those of stacked groups with their leading axis.
  mutating func add(_ tree: RandomTree, path: String) {
    let leading = tree.stack.map { [$0] } ?? []
    for leaf in tree.leaves { add("\(path).\(leaf.name)", leading + leaf.shape, bound: 1.5) }
    if let stack = tree.stack { blocks.append(Block(path: path, group: tree, stack: stack)) }
    for group in tree.groups { add(group, path: "\(path).\(group.name)") }
  }

  /// Writes a line.
  mutating func write(_ line: String) { text += indent + line + "\n" }

  /// Writes lines that are indented already.
  mutating func write(block: String) { text += block }

  /// A scope for the body of a block: everything here can be read there.
  func inside() -> RandomSpecScope {
    var inner = RandomSpecScope(indent: indent + "  ")
    (inner.floats, inner.integers, inner.conditions) = (floats, integers, conditions)
    (inner.blocks, inner.trees, inner.functions) = (blocks, trees, functions)
    inner.depth = depth + 1
    return inner
  }

  static func fits(_ shape: [Int]) -> Bool {
    shape.count <= rankLimit && shape.reduce(1, *) <= elementLimit
  }
}
