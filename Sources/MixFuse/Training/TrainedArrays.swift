// SPDX-License-Identifier: Apache-2.0
//
// The parts that the arrays of a meta-gradient play in training: which inputs are learned and from
// which gradient, which are carried over, which come from the data file.

import MixFuseRuntime
import TensorIR

/// The inputs and outputs of `meta_gradient`, sorted by their parts.
struct TrainedArrays {
  /// Theta, where it is an input, and the meta parameters.
  let parameters: [Manifest.ArrayDescription]
  /// The meta parameters, with the names of their gradients.
  let learned: [(name: String, gradient: String)]
  /// Inner parameters that go on from call to call, with the outputs that say where they ended;
  /// empty unless asked for.
  let carried: [(name: String, output: String)]
  /// The learned scalars that are shown and logged.
  let scalars: [String]
  /// The keys of random numbers.
  let keys: [Manifest.ArrayDescription]
  /// All other inputs.
  let data: [Manifest.ArrayDescription]
  /// Where they are read, by name.
  let parts: [String: DataPlan.Part]

  /// More learned scalars than these are too many to watch.
  private static let scalarLimit = 8

  /// Sorts the arrays of an entry point.
  ///
  /// - Throws: `TrainingError.carryImpossible`.
  init(
    _ entryPoint: Manifest.EntryPoint, of problem: MetaProblem, carriesTheta: Bool
  ) throws(TrainingError) {
    let names = Set((problem.theta + problem.meta).map(\.name))
    parameters = entryPoint.inputs.filter { names.contains($0.name) }
    let others = entryPoint.inputs.filter { !names.contains($0.name) }
    keys = others.filter { RandomKeys.part(of: $0.name) != nil }
    data = others.filter { RandomKeys.part(of: $0.name) == nil }
    let leaves = problem.innerData.map { ($0, false) } + problem.outerData.map { ($0, true) }
    parts = Dictionary(
      leaves.map { data, isOuter in
        (data.leaf.name, DataPlan.Part(isOuter: isOuter, isBatched: data.isBatched))
      }
    ) { first, _ in first }
    learned = zip(problem.meta, problem.gradientNames).map { ($0.name, $1) }
    carried = carriesTheta ? try Self.carried(problem, entryPoint) : []
    let scalars = problem.meta.filter { $0.type.shape.isEmpty }.map(\.name)
    self.scalars = scalars.count <= Self.scalarLimit ? scalars : []
  }

  private static func carried(
    _ problem: MetaProblem, _ entryPoint: Manifest.EntryPoint
  ) throws(TrainingError) -> [(name: String, output: String)] {
    guard problem.initialParameters == .input else {
      throw .carryImpossible(reason: "theta starts from a meta parameter, which is learned")
    }
    guard problem.tasks == nil else {
      throw .carryImpossible(reason: "every task of a batch has a theta of its own")
    }
    // `theta.w1` ends as `final.w1`.
    return problem.theta.map { ($0.name, "final" + $0.name.drop { $0 != "." }) }
  }
}
