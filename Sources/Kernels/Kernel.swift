// SPDX-License-Identifier: Apache-2.0
//
// What a kernel is: a pure function of memory, with everything about it decided. The scheduler makes
// kernels and reads off their bodies what they need (scratch memory, units to share out); a back end
// prints them and decides nothing.

package import TensorIR

/// A pure function of memory. Two calls with equal kernels share one function in the emitted code;
/// kernels are equal if they do the same, whatever equations and names they have.
package struct Kernel: Hashable, Sendable {
  package enum Body: Hashable, Sendable {
    case fused(FusedKernel)
    case contraction(ContractionPlan)
    case attention(AttentionPlan)
    /// Copies an operand of contractions into panels.
    case packing(PackingPlan)

    /// Bytes of scratch memory that each worker needs, at a multiple of 64; 0 if the kernel has no
    /// parameter for it.
    package var scratchBytes: Int {
      switch self {
      case .fused, .packing: 0
      case .contraction(let plan): plan.scratchBytes
      case .attention(let plan): plan.scratchBytes
      }
    }

    /// Units that the work can be split into, which workers may share in any way: every element is
    /// computed in one unit, always in the same order of operations. `nil` if it cannot be split.
    package var splitCount: Int? {
      switch self {
      case .fused(let kernel): kernel.splitVariable == nil ? nil : kernel.splitExtent
      case .contraction(let plan): plan.splitCount
      case .attention(let plan): plan.splitCount
      case .packing(let plan): plan.splitCount
      }
    }
  }

  package var body: Body
  package var parameters: [Parameter]
  /// What it computes, in the names of the spec: a line for each result.
  package var equations: [String]
  /// For a fused kernel, what its scalars are called; empty where nothing is known.
  package var scalarNames: [String] = []
  /// Floating-point operations of one call, counting a multiply-add as two.
  package var flops: Int
  /// Bytes of distinct memory that one call reads and writes.
  package var bytesMoved: Int

  package init(
    body: Body, parameters: [Parameter], equations: [String], scalarNames: [String] = [],
    flops: Int, bytesMoved: Int
  ) {
    self.body = body
    self.parameters = parameters
    self.equations = equations
    self.scalarNames = scalarNames
    self.flops = flops
    self.bytesMoved = bytesMoved
  }

  package static func == (lhs: Kernel, rhs: Kernel) -> Bool {
    lhs.body == rhs.body && lhs.parameters == rhs.parameters
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(body)
    hasher.combine(parameters)
  }
}

/// Something said about a value that makes no difference: all annotations are equal.
package struct Annotation<Value: Sendable>: Hashable, Sendable {
  package var value: Value

  package init(_ value: Value) { self.value = value }

  package static func == (lhs: Self, rhs: Self) -> Bool { true }
  package func hash(into hasher: inout Hasher) {}
}

/// A pointer parameter.
package struct Parameter: Hashable, Sendable {
  package var dtype: DType
  package var isWritten: Bool

  package init(dtype: DType, isWritten: Bool) {
    self.dtype = dtype
    self.isWritten = isWritten
  }
}
