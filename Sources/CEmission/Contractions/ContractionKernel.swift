// SPDX-License-Identifier: Apache-2.0
//
// The door to the writers of contractions: a plan goes in, the text of one C function comes out. What
// the text says was decided by `Kernels/Contractions`; each form has a file here that prints it.

package import Kernels

/// Writes the kernel of a contraction.
///
/// The text defines functions local to the file; the entry is
///
///     static void NAME(const T *restrict a, const T *restrict b, T *restrict c,
///                      T *restrict scratch, int64_t begin, int64_t end)
///
/// (with the other arrays of an epilogue after `c`, and without `scratch` if it needs none) and
/// computes the units `begin ..< end` of the plan's.
///
/// - Parameter name: C identifier of the entry; helper functions begin with it.
/// - Cost: a few thousand operations; about 10 to 20 ms of clang -O3 per kernel.
package func emitContraction(_ plan: ContractionPlan, named name: String) -> KernelText {
  var writer = CWriter()
  writer.comment("\(name): \(plan.contraction.summary), \(plan.strategy).")
  let helpers: [String]
  switch plan.form {
  case .direct(let plan): helpers = DirectContraction(plan, name: name).write(to: &writer)
  case .packed(let plan): helpers = PackedContraction(plan, name: name).write(to: &writer)
  case .lane(let plan): helpers = LaneContraction(plan, name: name).write(to: &writer)
  case .dot(let plan): helpers = DotContraction(plan, name: name).write(to: &writer)
  }
  return KernelText(
    text: writer.text, requiredHelpers: Set(["mf_library", "mf_vector_types"] + helpers))
}

extension CanonicalContraction {
  /// `25 x c[10, 40] += a[10, 40] . b[40, 40]`.
  fileprivate var summary: String {
    let lanes = lane.map { "\($0.extent) lanes of " } ?? ""
    let times = outerCount == 1 ? "" : "\(outerCount) x "
    let (left, right) = isSwapped ? ("b", "a") : ("a", "b")
    return "\(times)\(lanes)c[\(rows.extent), \(columns.extent)] \(accumulates ? "+=" : "=") "
      + "\(left)[\(rows.extent), \(depth)] . \(right)[\(depth), \(columns.extent)]"
  }
}
