// SPDX-License-Identifier: Apache-2.0
//
// What one contraction kernel has to compute: the scheduler decides that a contraction is a kernel
// of its own and where its operands lie, `ContractionPlan` how it is computed. A shape knows nothing
// of graphs, derivatives or names; everything in it is a number that is known when the C is written.

/// Float type of a contraction's two operands and of its result.
package enum ContractionElement: String, Sendable, Hashable, CaseIterable {
  case f32, f64

  /// Bytes of one element.
  package var bytes: Int {
    switch self {
    case .f32: 4
    case .f64: 8
    }
  }
}

/// One loop of a contraction.
///
/// A stride of 0 means that the operand does not vary along the loop.
package struct ContractionDimension: Sendable, Hashable {
  /// Trip count, at least 1.
  package var extent: Int
  /// Distance in elements between neighbours along this loop in A, B and C.
  package var strideA: Int, strideB: Int, strideC: Int

  package init(extent: Int, strideA: Int, strideB: Int, strideC: Int) {
    self.extent = extent
    self.strideA = strideA
    self.strideB = strideB
    self.strideC = strideC
  }
}

/// `C[b, m, n] (+)= sum over k of A[b, m, k] * B[b, k, n]`, where each of b, m, n and k is a list
/// of loops with strides of their own.
///
/// The lists may be empty (one row, one column, one term); their order has no meaning. C must not
/// overlap A or B, and no two index tuples of C may name one element.
package struct ContractionShape: Sendable, Hashable {
  /// Loops over all three arrays.
  package var batch: [ContractionDimension]
  /// Loops over A and C; `strideB` is 0.
  package var rows: [ContractionDimension]
  /// Loops over B and C; `strideA` is 0.
  package var columns: [ContractionDimension]
  /// Summed loops over A and B; `strideC` is 0.
  package var inner: [ContractionDimension]
  /// Whether the sum is added to what C holds, or replaces it.
  package var accumulates: Bool
  /// Float type of all three arrays.
  package var element: ContractionElement
  /// Whether an operand comes as the panels of the plan (`PackedOperands`), packed before. The strides
  /// remain those of the array that was packed.
  package var hasPanelsA = false, hasPanelsB = false
  /// What is done with C before it leaves the cache.
  package var epilogue: ContractionEpilogue?

  package init(
    batch: [ContractionDimension] = [], rows: [ContractionDimension],
    columns: [ContractionDimension], inner: [ContractionDimension],
    accumulates: Bool = false, element: ContractionElement
  ) {
    self.batch = batch
    self.rows = rows
    self.columns = columns
    self.inner = inner
    self.accumulates = accumulates
    self.element = element
  }

  /// Floating-point operations of the whole contraction, a multiplication and an addition a term.
  package var flops: Int {
    2 * (batch + rows + columns + inner).reduce(1) { $0 * $1.extent }
  }
}

/// What is done with each element of C once it is complete.
///
/// The kernel is two loops, over the rows (variable 0) and the columns (variable 1) of C; its first
/// parameter is C, in which it finds the sum.
package struct ContractionEpilogue: Hashable, Sendable {
  package var kernel: FusedKernel
  /// C, then the arrays that the epilogue reads or writes besides.
  package var parameters: [Parameter]
  /// What the scalars are called.
  package var scalarNames: Annotation<[String]>

  package init(
    kernel: FusedKernel, parameters: [Parameter], scalarNames: Annotation<[String]>
  ) {
    self.kernel = kernel
    self.parameters = parameters
    self.scalarNames = scalarNames
  }
}
