// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse plan`: the pipeline up to the schedule, and what can be read off there. No C is written
// and nothing is allocated, so the size of the model does not matter.

package import Differentiation
import TensorIR
import Toolchain

extension Compilation {
  /// Plans entry points without generating code.
  ///
  /// - Parameter entries: all unless given.
  /// - Cost: a few tens of milliseconds an entry point, whatever the sizes.
  /// - Throws: `CompilationFailure`.
  package func plan(_ entries: [EntryPoint] = EntryPoint.allCases) throws -> PlanReport {
    let problem = try problem()
    let programs = try programs(
      of: problem, on: try target().machine, entries: entries)
    return PlanReport(
      name: problem.name, dtype: problem.dtype.rawValue, dims: problem.dims,
      switches: options.derivation, thetaCount: problem.theta.elementCount,
      metaCount: problem.meta.elementCount, entryPoints: programs.map(EntryPointPlan.init))
  }
}

extension [Leaf] {
  /// The number of elements of all arrays.
  fileprivate var elementCount: Int { reduce(0) { $0 + $1.type.elementCount } }
}
