// SPDX-License-Identifier: Apache-2.0
//
// What a spec means, free of its syntax: parameter trees flattened to named leaves, and the four
// functions of a meta-learning problem as graphs. Elaboration makes it, Differentiation consumes it;
// any other front end would make the same.
//
//   inner step i:   g_i = grad_theta innerLoss(theta_i, eta, x_i)
//                   (theta_{i+1}, state_{i+1}) = update(g_i, theta_i, state_i, eta, i)
//   outer:          outerLoss(theta_T, eta, inner losses, outer data)
//
// What the losses read besides (the number of the step; the parameters after each step) comes last, and
// only if they read it.
//
// The order of arguments below is the contract between the graphs.

package import MixFuseShared

/// A named array that the program reads: a leaf of a parameter tree or a data array.
package struct Leaf: Hashable, Sendable {
  /// The full dotted name: `eta.block.wq`, `x_support`, `lr`.
  package var name: String
  /// The type of one use: one task, one inner step.
  package var type: TensorType
  /// How it is drawn when the user gives none.
  package var initializer: Initializer

  package init(name: String, type: TensorType, initializer: Initializer) {
    self.name = name
    self.type = type
    self.initializer = initializer
  }
}

/// A data array and how it is shared out over inner steps and tasks. The stored array's shape is
/// `[tasks if isBatched] + [steps if isStreamed] + leaf.type.shape`.
package struct DataLeaf: Hashable, Sendable {
  package var leaf: Leaf
  /// One slice per inner step (inner data only).
  package var isStreamed: Bool
  /// One slice per task.
  package var isBatched: Bool

  package init(leaf: Leaf, isStreamed: Bool, isBatched: Bool) {
    self.leaf = leaf
    self.isStreamed = isStreamed
    self.isBatched = isBatched
  }
}

extension DataLeaf {
  /// The key of what the inner loss draws, and that of the outer loss, among their data: `i32[2]`. No
  /// array of a spec can be called so.
  package static let innerKey = "inner.key", outerKey = "outer.key"
}

/// Where the inner parameters start.
package enum InitialParameters: Hashable, Sendable {
  /// An ordinary input named by the theta leaves.
  case input
  /// A meta parameter: `meta[i]` is the start of theta leaf `i - offset`, `offset` = first index.
  case meta(firstIndex: Int)
}

/// A complete bilevel problem.
package struct MetaProblem: Hashable, Sendable {
  package var name: String
  /// The float type of the build.
  package var dtype: DType
  /// Bound dimensions in declaration order.
  package var dims: [(name: String, value: Int)] {
    get { zip(dimNames, dimValues).map { ($0, $1) } }
    set {
      dimNames = newValue.map(\.name)
      dimValues = newValue.map(\.value)
    }
  }
  private var dimNames: [String] = []
  private var dimValues: [Int] = []
  package var seed: Int
  /// Number of inner steps T, at least 1.
  package var steps: Int
  /// Size of the task batch; `nil` without `batch`.
  package var tasks: Int?

  /// Leaves of the inner parameters, named `theta.…`.
  package var theta: [Leaf]
  package var initialParameters: InitialParameters
  /// Leaves of all meta parameters, in order.
  package var meta: [Leaf]
  /// The name of the gradient of each meta leaf: `grad.w1`, or `grad` for a single scalar.
  package var gradientNames: [String]
  package var innerData: [DataLeaf]
  package var outerData: [DataLeaf]
  /// Optimiser state, named `state.…`; the graph `initialState` gives its start.
  package var state: [Leaf]

  /// `(theta..., meta..., inner data slices..., step: i32[] if read) -> loss`; `step`
  /// counts from 0.
  package var innerLoss: Graph
  /// `(theta..., meta...) -> state...`.
  package var initialState: Graph
  /// `(g..., theta..., state..., meta..., step: i32[]) -> (theta..., state...)`. `step` counts from 0.
  package var update: Graph
  /// `(theta..., meta..., inner losses: [T], outer data..., trajectory... if read) -> loss`, for one
  /// task.
  package var outerLoss: Graph
  /// Whether the outer loss reads the trajectory: each theta leaf after every step, `[T, ...]`.
  package var readsTrajectory = false
  /// Whether the inner loss reads the number of the step.
  package var readsStep = false

  package init(
    name: String, dtype: DType, dims: [(name: String, value: Int)], seed: Int, steps: Int,
    tasks: Int?, theta: [Leaf], initialParameters: InitialParameters, meta: [Leaf],
    gradientNames: [String], innerData: [DataLeaf], outerData: [DataLeaf], state: [Leaf],
    innerLoss: Graph, initialState: Graph, update: Graph, outerLoss: Graph
  ) {
    self.name = name
    self.dtype = dtype
    self.seed = seed
    self.steps = steps
    self.tasks = tasks
    self.theta = theta
    self.initialParameters = initialParameters
    self.meta = meta
    self.gradientNames = gradientNames
    self.innerData = innerData
    self.outerData = outerData
    self.state = state
    self.innerLoss = innerLoss
    self.initialState = initialState
    self.update = update
    self.outerLoss = outerLoss
    self.dims = dims
  }
}
