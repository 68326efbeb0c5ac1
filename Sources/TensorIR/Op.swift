// SPDX-License-Identifier: Apache-2.0
//
// The op catalogue. One enum, no `default:` in switches over it, so the compiler names every place
// that a new op must fill. Those places are, in order:
//   1. a case here, with its family,
//   2. its result type                  (`TypeInference.swift`),
//   3. its text form, both ways         (`OpText.swift`),
//   4. its meaning                      (`Interpreter/Evaluate.swift`; of a scalar function
//                                        `ScalarMeaning.swift`),
//   5. what it costs                    (`OpCost.swift`),
//   6. its derivative rule              (`Differentiation/Rules/`),
//   7. its place in a kernel            (`Scheduling`), and its C spelling (`CEmission`).
// An elementwise function of one argument has six places: a case of `UnaryFunction`; its value and
// whether that is rounded exactly (which says what it costs, too) in `ScalarMeaning.swift`; its rule in
// `Differentiation/Rules/Elementwise.swift`; its line in `CEmission/Fused/ScalarSpelling.swift`; and, for the
// language to have it, its name there (`Elaboration/BuiltinElementwise.swift`). The compiler asks for
// each; the tests ask for a domain, a known point and a row of special points.
//
// Conventions: no implicit broadcasting (operands of an elementwise op have equal shapes); axes count
// from 0; `bool` values appear only as conditions.

/// Scalar functions of one float argument, applied elementwise.
package enum UnaryFunction: String, Hashable, Sendable, CaseIterable {
  case negate, exp, expm1, log, log1p, sqrt, rsqrt, tanh, logistic, softplus, sin, cos, erf, erfc
  case asin, acos, atan, sinh, cosh, asinh, acosh, atanh
  case abs, sign, floor
}

/// Scalar functions of two arguments of one type, applied elementwise.
/// `add`, `subtract`, `multiply`, `maximum`, `minimum` also work on i32; `floorDivide`, the whole number
/// next to the quotient towards minus infinity, works on nothing else.
package enum BinaryFunction: String, Hashable, Sendable, CaseIterable {
  case add, subtract, multiply, divide, power, maximum, minimum
  case floorDivide

  /// Whether the function is defined for arrays of whole numbers, and for floats.
  package var isForWholeNumbers: Bool { self != .divide && self != .power }
  package var isForFloats: Bool { self != .floorDivide }
}

/// Elementwise comparisons of two arrays of one type; the result is `bool`.
package enum Comparison: String, Hashable, Sendable, CaseIterable {
  case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual
}

/// What `threefry` gives of the two words of a block: one of them, or both by exclusive or.
package enum ThreefryWord: String, Hashable, Sendable, CaseIterable {
  case first, second, both
}

/// How an axis is read in windows: element `(p, t)` of two axes is element
/// `start + p * stride + t * dilation` of the one. With one position a window, steps of more than one
/// or backwards are windows, too.
package struct AxisWindows: Hashable, Sendable {
  package var axis: Int
  /// The first element of the first window.
  package var start: Int
  /// Windows, and elements of each.
  package var count: Int, size: Int
  /// From a window to the next, and from an element of a window to the next; neither is 0.
  package var stride: Int, dilation: Int

  package init(axis: Int, start: Int = 0, count: Int, size: Int, stride: Int = 1, dilation: Int = 1)
  {
    self.axis = axis
    self.start = start
    self.count = count
    self.size = size
    self.stride = stride
    self.dilation = dilation
  }

  /// The elements that some window reads lie between these.
  package var range: ClosedRange<Int> {
    let (windows, elements) = ((count - 1) * stride, (size - 1) * dilation)
    let first = start + min(windows, 0) + min(elements, 0)
    return first...(first + abs(windows) + abs(elements))
  }
}

/// How a reduction combines elements.
package enum Reduction: String, Hashable, Sendable, CaseIterable {
  case sum, maximum
}

/// A general product of two operands in the manner of einsum. Every axis of an operand carries a
/// label; a label in both operands and the output is a batch label, one in both operands only is
/// summed over, one in a single operand must be in the output. No label repeats within one list.
///
/// - Cost: 2 x (product of the extents of all labels) floating-point operations.
package struct ContractionLabels: Hashable, Sendable {
  package var lhs: [Int]
  package var rhs: [Int]
  package var output: [Int]

  package init(lhs: [Int], rhs: [Int], output: [Int]) {
    self.lhs = lhs
    self.rhs = rhs
    self.output = output
  }

  /// The matrix product `[m, k] . [k, n] -> [m, n]`.
  package static let matrixProduct = ContractionLabels(lhs: [0, 1], rhs: [1, 2], output: [0, 2])
}

/// What the VJP of a loop keeps from its forward run for its backward run. Whatever is not kept is
/// recomputed in the backward body from the values at hand. Policies are data: a planner may change
/// them, no derivative rule knows them by heart.
package enum SavePolicy: String, Hashable, Sendable, CaseIterable {
  /// Every value that the backward body reads and that more than an elementwise pass computes.
  case everything
  /// Like `everything`, and the results of transcendental functions, and what `gradient` ops compute
  /// on the way to theirs: their derivative then recomputes none of it. For small models, whose
  /// whole trajectory stays in the cache.
  case activations
  /// Only the results of `gradient` ops; the carries at the start of an iteration are found by
  /// running the loop again from its start, with the gradients at hand. For loops whose carries are
  /// large and whose body is cheap but for its gradient: T gradients are kept instead of T states.
  case gradients
  /// Only the carries at the start of each iteration (block rematerialisation).
  case carries
  /// The carries and the results of `gradient` ops: saved inner gradients.
  case carriesAndGradients
}

/// A loop of fixed trip count.
///
/// Operands: carries, then stacked inputs (leading axis = trip count), then invariants. The body's
/// inputs: the iteration index (`i32[]`), carries, one slice of each stacked input, invariants; its
/// outputs: the next carries, then one slice of each stacked output. Results: the last carries, then
/// the stacked outputs. Iterations run from 0 up, or from the last down if `isReversed`; stacked
/// arrays are indexed by the iteration number either way.
///
/// If `isLimited`, the last invariant is an `i32[]` that says how many iterations to run, from none to
/// `tripCount`. Such a loop runs upwards and has carries but no stacked outputs. The VJP of a loop
/// makes them (`SavePolicy.gradients`); no spec has any.
package struct Loop: Hashable, Sendable {
  package var role: LoopRole
  package var tripCount: Int
  package var carryCount: Int
  package var stackedInputCount: Int
  package var isReversed: Bool
  package var isLimited: Bool
  package var savePolicy: SavePolicy
  package var body: Graph

  package init(
    role: LoopRole, tripCount: Int, carryCount: Int, stackedInputCount: Int,
    isReversed: Bool = false, isLimited: Bool = false, savePolicy: SavePolicy = .everything,
    body: Graph
  ) {
    self.role = role
    self.tripCount = tripCount
    self.carryCount = carryCount
    self.stackedInputCount = stackedInputCount
    self.isReversed = isReversed
    self.isLimited = isLimited
    self.savePolicy = savePolicy
    self.body = body
  }

  package var stackedOutputCount: Int { body.outputs.count - carryCount }
  package var invariantCount: Int { body.inputs.count - 1 - carryCount - stackedInputCount }

  /// Without carries the iterations are independent: a parallel map.
  package var isMap: Bool { carryCount == 0 }

  /// Positions among the operands (and, plus one, among the body's inputs).
  package var carryRange: Range<Int> { 0..<carryCount }
  package var stackedInputRange: Range<Int> { carryCount..<(carryCount + stackedInputCount) }
  package var invariantRange: Range<Int> {
    (carryCount + stackedInputCount)..<(body.inputs.count - 1)
  }
}

/// What the elements of an index array must be, and how to speak of them when they are not.
package struct PositionBound: Hashable, Sendable {
  /// Elements must be in `0..<limit`; at least 1.
  package var limit: Int
  /// The indices as the user wrote them: `lab + 1`, on one line and not long.
  package var subject: String
  /// What they are: `a position of eta`, `a label`.
  package var purpose: String

  package init(limit: Int, subject: String, purpose: String) {
    self.limit = limit
    self.subject = subject
    self.purpose = purpose
  }

  /// For row indices of a graph that no user wrote.
  package static func rows(_ count: Int) -> PositionBound {
    PositionBound(limit: count, subject: "an index array", purpose: "the number of a row")
  }

  /// What is wrong with an element: `element [2] of lab + 1 is 9, expected a position of eta from 0
  /// to 6`.
  ///
  /// - Parameter place: where it stands in the index array; empty for a scalar.
  package func fault(value: Int, at place: [Int]) -> String {
    let element = place.isEmpty ? subject : "element \(place) of \(subject)"
    return "\(element) is \(value), expected \(purpose) from 0 to \(limit - 1)"
  }
}

/// The value and gradient of a scalar function, kept whole so that its *own* derivative can be taken
/// in either of two ways (forward-over-reverse or reverse-over-reverse).
///
/// Operands: the inputs of `function`. Results: the function's value, then its derivative with
/// respect to each operand listed in `wrt`, in that order.
package struct GradientOp: Hashable, Sendable {
  /// One output, a float scalar.
  package var function: Graph
  package var wrt: [Int]

  package init(function: Graph, wrt: [Int]) {
    self.function = function
    self.wrt = wrt
  }
}

/// The outputs of a function and their tangents along a direction, kept whole until the language's
/// derivatives are expanded (`Differentiator.expandJVP`): Elaboration makes it, no rule does.
///
/// Operands: the inputs of `function`, then a tangent for each input listed in `wrt`, in that order.
/// Results: the function's outputs, all floats, then the tangent of each.
package struct JVPOp: Hashable, Sendable {
  package var function: Graph
  package var wrt: [Int]

  package init(function: Graph, wrt: [Int]) {
    self.function = function
    self.wrt = wrt
  }
}

/// One operation of the IR. Shapes below are of operands `->` results.
package enum Op: Hashable, Sendable {
  // MARK: Elementwise: equal shapes in, the same shape out.
  case unary(UnaryFunction)
  case binary(BinaryFunction)
  case compare(Comparison)
  /// `(bool condition, a, b) -> a where condition, else b`.
  case select
  case convert(DType)
  /// The identity, through which no derivative flows.
  case stopGradient
  /// Random bits: `(key, key, counter, counter: i32) -> i32`, a word of the block that Threefry-2x32
  /// with 20 rounds makes of a key and a counter (`Threefry`). A function like any other: what reads it
  /// may compute it again.
  case threefry(ThreefryWord)

  // MARK: Creation: no operands.
  /// An array filled with one number.
  case constant(Double, TensorType)
  /// `i32`: the index along one axis.
  case iota(axis: Int, shape: [Int])

  // MARK: Movement: every element of the result is an element of the operand (or a zero).
  /// Operand axis `i` becomes result axis `axes[i]` (increasing); the other result axes repeat it.
  case broadcast(shape: [Int], axes: [Int])
  case reshape([Int])
  /// Result axis `i` is operand axis `permutation[i]`.
  case transpose([Int])
  case slice(starts: [Int], shape: [Int])
  /// Zeros around the operand.
  case pad(low: [Int], high: [Int])
  /// The axis becomes two: windows, which may overlap, and the elements of each. A view: nothing is
  /// copied.
  case windows(AxisWindows)
  case concatenate(axis: Int)

  // MARK: Reduction and products.
  /// Combines over `axes` (increasing), which vanish from the shape.
  case reduce(Reduction, axes: [Int])
  /// The sums along an axis up to each element, that element included; from the axis' end on if
  /// `isReversed`: `y[i] = x[0] + ... + x[i]`, or `y[i] = x[i] + ... + x[n - 1]`.
  case cumulativeSum(axis: Int, isReversed: Bool)
  /// The transpose of `windows`: two axes become one of the given extent, whose elements are the sums
  /// of the window elements that lie there. What lies outside of the axis is dropped. Kernels know no
  /// such op: `lowerWindowSums` makes other ops of it.
  case sumWindows(AxisWindows, extent: Int)
  case contract(ContractionLabels)

  // MARK: Indexing of rows (axis 0) by an i32 array. An index out of range is a fault of the user's:
  // the interpreter throws, a program returns an error and touches nothing outside (see
  // `PositionGuard.swift`).
  /// The i32 operand itself, whose elements must be positions below a limit. What any number of
  /// gathers, scatters and comparisons with labels read is so checked once.
  case checkPositions(PositionBound)
  /// `table: [rows, d...], indices: [i...] -> [i..., d...]`.
  case gather
  /// `indices: [i...], updates: [i..., d...] -> [rows, d...]`: sums the updates of each row, in
  /// index order, so the result is deterministic.
  case scatterAdd(rows: Int)

  // MARK: Functions with derivative ops of their own; see `StructuredOp`.
  case structured(StructuredOp)

  // MARK: Structure.
  case loop(Loop)
  case gradient(GradientOp)
  case jvp(JVPOp)
}

/// What an elementwise op does to the scalars at one place: see the cases of `Op`.
package enum ElementwiseOp: Hashable, Sendable {
  case unary(UnaryFunction)
  case binary(BinaryFunction)
  case compare(Comparison)
  case select
  case convert(DType)
  case stopGradient
  case threefry(ThreefryWord)
}

// MARK: - Traits, declared once: passes and the scheduler ask for these instead of listing ops.

/// The families that differentiation rules, kernels and this catalogue are organised by.
package enum OpFamily: String, Sendable {
  case elementwise, creation, movement, reduction, contraction, indexing, structured, structure
}

extension Op {
  package var family: OpFamily {
    switch self {
    case .unary, .binary, .compare, .select, .convert, .stopGradient, .threefry: .elementwise
    case .constant, .iota: .creation
    case .broadcast, .reshape, .transpose, .slice, .pad, .windows, .concatenate: .movement
    case .reduce, .cumulativeSum, .sumWindows: .reduction
    case .contract: .contraction
    case .checkPositions, .gather, .scatterAdd: .indexing
    case .structured: .structured
    case .loop, .gradient, .jvp: .structure
    }
  }

  package var isElementwise: Bool { family == .elementwise }

  /// The op as one on scalars; `nil` unless it is elementwise.
  package var elementwise: ElementwiseOp? {
    switch self {
    case .unary(let function): .unary(function)
    case .binary(let function): .binary(function)
    case .compare(let comparison): .compare(comparison)
    case .select: .select
    case .convert(let dtype): .convert(dtype)
    case .stopGradient: .stopGradient
    case .threefry(let word): .threefry(word)
    default: nil  // Only the elementwise family has scalar ops; kernels ask for no others.
    }
  }

  /// Whether exchanging the two operands leaves the value unchanged.
  package var isCommutative: Bool {
    switch self {
    case .binary(.add), .binary(.multiply), .binary(.maximum), .binary(.minimum),
      .compare(.equal), .compare(.notEqual):
      true
    default: false  // A trait, not a meaning: an op is taken as not commutative until said so.
    }
  }

  /// The graphs inside the op.
  package var regions: [Graph] {
    switch self {
    case .loop(let loop): [loop.body]
    case .gradient(let gradient): [gradient.function]
    case .jvp(let jvp): [jvp.function]
    default: []  // Only the structure family has regions; `Verifier` checks the family.
    }
  }
}
