// SPDX-License-Identifier: Apache-2.0
//
// From a `contract` node to the contraction kernel's terms: labels become batch, row, column and
// inner loops with strides, and the operands are exchanged if need be, so that C's unit-stride axis
// is a column (or a batch lane). No operand is ever transposed in memory for this.

import Kernels
import TensorIR

struct LoweredContraction {
  var shape: ContractionShape
  /// The operands in the kernel's order.
  let a: View
  let b: View
  private let node: Node
  private let type: TensorType

  init(_ contraction: ScheduledContraction) {
    let (lhs, rhs, type) = (contraction.lhs, contraction.rhs, contraction.type)
    guard case .contract(let labels) = contraction.node.op else {
      preconditionFailure("compiler bug: \(contraction.node.op.name) is not a contraction")
    }
    node = contraction.node
    // The innermost label of C that is more than one wide decides which operand is "B".
    let innermost = Array(zip(labels.output, type.shape)).last { $0.1 > 1 }?.0
    let exchanged =
      innermost.map { labels.lhs.contains($0) && !labels.rhs.contains($0) } ?? false
    let (a, b) = exchanged ? (rhs, lhs) : (lhs, rhs)
    let (aLabels, bLabels) =
      exchanged ? (labels.rhs, labels.lhs) : (labels.lhs, labels.rhs)
    let strides = type.shape.denseStrides
    var lists: [String: [ContractionDimension]] = [:]
    var seen = Set<Int>()
    for label in labels.output + aLabels + bLabels where seen.insert(label).inserted {
      let inA = aLabels.firstIndex(of: label)
      let inB = bLabels.firstIndex(of: label)
      let inC = labels.output.firstIndex(of: label)
      let dimension = ContractionDimension(
        extent: inA.map { a.shape[$0] } ?? inB.map { b.shape[$0] } ?? 1,
        strideA: inA.map { a.strides[$0] } ?? 0, strideB: inB.map { b.strides[$0] } ?? 0,
        strideC: inC.map { strides[$0] } ?? 0)
      if dimension.extent == 1 { continue }
      switch (inA != nil, inB != nil, inC != nil) {
      case (true, true, true): lists["batch", default: []].append(dimension)
      case (true, _, true): lists["rows", default: []].append(dimension)
      case (_, _, true): lists["columns", default: []].append(dimension)
      default: lists["inner", default: []].append(dimension)
      }
    }
    self.a = a
    self.b = b
    self.type = type
    shape = ContractionShape(
      batch: lists["batch"] ?? [], rows: lists["rows"] ?? [], columns: lists["columns"] ?? [],
      inner: lists["inner"] ?? [], element: type.dtype == .f64 ? .f64 : .f32)
  }

  /// The kernel: parameters a, b, c and scratch.
  func kernel(in region: RegionSchedule, _ planner: KernelPlanner) -> Kernel {
    let parameters = [false, false, true, true].map {
      Parameter(dtype: type.dtype, isWritten: $0)
    }
    let bytes =
      TensorType(a.shape, type.dtype).byteCount + TensorType(b.shape, type.dtype).byteCount
      + type.byteCount
    return Kernel(
      body: .contraction(planner.plan(shape)), parameters: parameters,
      equations: [region.equation(of: node)],
      flops: shape.flops, bytesMoved: bytes)
  }
}
