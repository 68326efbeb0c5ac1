// SPDX-License-Identifier: Apache-2.0
//
// Random programs over the whole catalogue but `gradient`, with nested loops, for property tests of
// passes and of the scheduler. A program is a function of its seed. Values stay finite and well
// conditioned by construction: the generator keeps a bound of each value's magnitude, and applies
// functions only where they are smooth; discontinuous ones get values that nobody computes in
// another way ("exact" ones).
//
// `RandomGrowth.swift` chooses the nodes, `RandomLoops.swift` the loops.

package import Interpreter
package import TensorIR

/// How large the arrays of a random program are.
package struct RandomSizes: Sendable {
  /// The extents of axes; 1 and 2 must be among them, so that shapes can match.
  package var extents: [Int]
  /// No value has more elements.
  package var elementLimit: Int
  package var maximumRank: Int

  package init(extents: [Int], elementLimit: Int, maximumRank: Int = 3) {
    self.extents = extents
    self.elementLimit = elementLimit
    self.maximumRank = maximumRank
  }

  /// Every kind of shape, cheap to interpret.
  package static let small = RandomSizes(extents: [1, 2, 3, 4], elementLimit: 200)
  /// Wider than vector registers, with remainders.
  package static let wide = RandomSizes(extents: [1, 2, 3, 7, 8, 19], elementLimit: 4000)

  func shape(_ generator: inout SeededGenerator) -> [Int] {
    let shape = (0..<Int.random(in: 0...maximumRank, using: &generator)).map { _ in
      generator.choose(extents)
    }
    return shape.reduce(1, *) <= elementLimit ? shape : [extents[0]]
  }
}

/// A random program with inputs to run it on.
package struct RandomProgram: Sendable {
  package let graph: Graph
  package let inputs: [NumericArray]
  /// For each output, a bound on the magnitude of what it is computed from.
  package let bounds: [Double]

  package init(seed: UInt64, nodes: Int = 30, sizes: RandomSizes = .small) {
    var generator = SeededGenerator(seed: seed)
    let builder = GraphBuilder(name: "random_\(seed)")
    var pool = ValuePool()
    var inputs: [NumericArray] = []
    for index in 0..<4 {
      let type = TensorType(index == 0 ? [] : sizes.shape(&generator), .f64)
      pool.add(builder.input("input\(index)", type), bound: 1, isExact: true)
      let elements = (0..<type.elementCount).map { _ in
        Double.random(in: -1...1, using: &generator)
      }
      inputs.append(NumericArray(type, elements))
    }
    for index in 0..<2 {
      let type = TensorType(index == 0 ? [5] : [2, 2], .i32)
      let value = builder.input("rows\(index)", type)
      pool.rows.append(value)
      pool.integers.append(value)
      let elements = (0..<type.elementCount).map { _ in
        Double(Int.random(in: 0..<ValuePool.leastRows, using: &generator))
      }
      inputs.append(NumericArray(type, elements))
    }
    var growth = RandomGrowth(
      builder: builder, pool: pool, generator: generator, sizes: sizes, depth: 0)
    growth.grow(nodes)
    var bounds: [Double] = []
    for (index, entry) in growth.pool.entries.suffix(5).enumerated() {
      builder.output("output\(index)", entry.value)
      bounds.append(entry.bound)
    }
    if let last = growth.pool.integers.last {
      builder.output("integers", last)
      bounds.append(1)
    }
    graph = builder.graph
    self.inputs = inputs
    self.bounds = bounds
  }
}

/// The values that new nodes may read.
struct ValuePool {
  /// A float value.
  struct Entry {
    var value: ValueID
    var bound: Double
    var isExact: Bool
  }

  /// Integers keep to -32...32.
  static let integerBound = 32.0
  /// Row numbers keep below this.
  static let leastRows = 2

  private(set) var entries: [Entry] = []
  var integers: [ValueID] = []
  /// i32 inputs that select rows.
  var rows: [ValueID] = []
  var conditions: [ValueID] = []
  /// Indices of loops around, with the loops' trip counts.
  var limits: [(index: ValueID, tripCount: Int)] = []

  mutating func add(_ value: ValueID, bound: Double, isExact: Bool = false) {
    entries.append(Entry(value: value, bound: bound, isExact: isExact))
  }
}
