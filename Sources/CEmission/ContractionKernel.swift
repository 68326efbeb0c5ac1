// SPDX-License-Identifier: Apache-2.0
//
// The door to the contraction emitters: a shape and a target go in, the text of one C function
// comes out, with what its caller has to know. Start reading here; then ContractionNormalization
// (which loops are tiled), ContractionStrategy (which kind of kernel), ContractionTiling (how
// large a register tile) and one file per kind.

package import Scheduling

/// The C of one contraction and what its caller has to know.
///
/// The text defines functions local to the file; the entry is
///
///     static void NAME(const T *restrict a, const T *restrict b, T *restrict c,
///                      T *restrict scratch, int64_t begin, int64_t end)
///
/// (with the other arrays of an epilogue after `c`, and without `scratch` if it needs none) and
/// computes the units `begin ..< end` of `splitCount`. The caller may hand any ranges to any
/// threads: each element of C is computed in one unit, always in the same order of operations,
/// so the bits do not depend on the split.
package struct ContractionKernel: Sendable {
  /// The kind of kernel, in words; for reports and tests.
  package let strategy: String
  /// The C functions, entry last.
  package let text: String
  /// Symbols of `Templates/runtime` helpers that the text calls.
  package let requiredHelpers: [String]
  /// Number of units the work can be split into.
  package let splitCount: Int
  /// Bytes that `scratch` must point to, aligned to 64, one area per concurrent call; 0 if the
  /// kernel has no such parameter.
  package let scratchBytesPerWorker: Int
  /// Floating-point operations of all units together.
  package let flops: Int
}

/// Writes the kernel of `shape`.
///
/// - Parameters:
///   - name: C identifier of the entry; helper functions begin with it.
///   - target: the machine the C is compiled for. The text is valid C for any machine, and fast
///     on those whose vector registers are as stated.
/// - Cost: a few thousand operations; about 10 to 20 ms of clang -O3 per kernel.
package func emitContraction(
  _ shape: ContractionShape, named name: String, for target: ContractionTarget
) -> ContractionKernel {
  let contraction = CanonicalContraction(shape)
  let strategy = ContractionStrategy(contraction, target)
  let label = strategy.label(contraction)
  var writer = ContractionWriter(element: shape.element)
  writer.comment("\(name): \(contraction.summary), \(label).")
  let plan: ContractionPlan
  switch strategy {
  case .direct(let tiling, let innerBlock):
    plan = DirectContraction(contraction, tiling, innerBlock: innerBlock, name: name)
      .write(to: &writer)
  case .packed(let blocking):
    plan = PackedContraction(contraction, blocking, name: name).write(to: &writer)
  case .lane(let tiling):
    plan = LaneContraction(contraction, tiling, name: name).write(to: &writer)
  case .dot(let tiling):
    plan = DotContraction(contraction, tiling, name: name).write(to: &writer)
  }
  return ContractionKernel(
    strategy: label, text: writer.text,
    requiredHelpers: ["mf_library", "mf_vector_types"] + plan.helpers, splitCount: plan.splitCount,
    scratchBytesPerWorker: plan.scratchElements * shape.element.bytes, flops: shape.flops)
}

/// What a kind of kernel reports beside its text.
struct ContractionPlan {
  var splitCount: Int
  var scratchElements = 0
  var helpers: [String] = []
}

extension CanonicalContraction {
  /// `25 x c[10, 40] += a[10, 40] . b[40, 40]`.
  var summary: String {
    let lanes = lane.map { "\($0.extent) lanes of " } ?? ""
    let times = outerCount == 1 ? "" : "\(outerCount) x "
    let (left, right) = isSwapped ? ("b", "a") : ("a", "b")
    return "\(times)\(lanes)c[\(rows.extent), \(columns.extent)] \(accumulates ? "+=" : "=") "
      + "\(left)[\(rows.extent), \(depth)] . \(right)[\(depth), \(columns.extent)]"
  }
}
