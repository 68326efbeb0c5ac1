// SPDX-License-Identifier: Apache-2.0
//
// Loop nests over scalars: what becomes of elementwise ops, reductions and rows by index. The
// scheduler builds them; a back end prints them as they are.

package import TensorIR

/// A loop nest over scalars.
package struct FusedKernel: Hashable, Sendable {
  /// Number of integer parameters (indices of enclosing step loops), read by `.stepIndex`.
  package var indexParameterCount: Int
  /// Types of the scalars, indexed by scalar number.
  package var scalars: [DType]
  /// Arrays of the kernel's own, on the stack: what one traversal of a row leaves for the next.
  package var locals: [LocalArray] = []
  package var statements: [Statement]
  /// An innermost loop that is short, and therefore done in whole vectors; `nil` if there is none.
  package var lanes: LaneLoop?
  /// The loop that may be shared out over workers: every nest of the kernel has it once, and no
  /// two of its iterations touch the same memory. `nil` if there is none.
  package var splitVariable: Int?
  /// Extent of that loop.
  package var splitExtent = 1
  /// A loop that does only the iterations of one part at a time; `nil` if there is none.
  package var cut: LoopCut?

  package init(
    indexParameterCount: Int = 0, scalars: [DType], locals: [LocalArray] = [],
    statements: [Statement], lanes: LaneLoop? = nil,
    split: (variable: Int, extent: Int)? = nil, cut: LoopCut? = nil
  ) {
    self.indexParameterCount = indexParameterCount
    self.scalars = scalars
    self.locals = locals
    self.statements = statements
    self.lanes = lanes
    splitVariable = split?.variable
    splitExtent = split?.extent ?? 1
    self.cut = cut
  }
}

/// A loop cut into parts. Around it is a loop over the parts: of its iterations, of which there may
/// be no whole multiple of `count`, part p does those from `p * extent / count` on, below
/// `(p + 1) * extent / count`.
package struct LoopCut: Hashable, Sendable {
  /// The variables of the loop and of the loop over its parts.
  package var variable: Int
  package var part: Int
  package var count: Int

  package init(variable: Int, part: Int, count: Int) {
    self.variable = variable
    self.part = part
    self.count = count
  }
}

/// An array on the stack of a fused kernel.
package struct LocalArray: Hashable, Sendable {
  package var dtype: DType
  package var elementCount: Int

  package init(dtype: DType, elementCount: Int) {
    self.dtype = dtype
    self.elementCount = elementCount
  }
}

/// An innermost loop of fixed extent that is rounded up to whole vectors: what is computed in the
/// lanes beyond the extent is neither read from memory nor written to it. A remainder of a few
/// elements, done one by one, would cost as much as the vectors before it.
package struct LaneLoop: Hashable, Sendable {
  /// The loop variable.
  package var variable: Int
  package var extent: Int
  /// Elements of a vector.
  package var width: Int

  package init(variable: Int, extent: Int, width: Int) {
    self.variable = variable
    self.extent = extent
    self.width = width
  }

  /// The extent in whole vectors, a power of two of them: all are done at once.
  package var paddedExtent: Int {
    var padded = width
    while padded < extent { padded *= 2 }
    return padded
  }
}

/// An index into an array: affine in the kernel's loop variables, plus scalars times strides for
/// rows that are looked up.
package struct ElementIndex: Hashable, Sendable {
  package var offset: Int
  package var terms: [Term]
  /// Looked-up rows: an i32 scalar times a stride.
  package var lookups: [Term]

  package struct Term: Hashable, Sendable {
    /// A loop variable of the kernel, or a scalar number for lookups.
    package var variable: Int
    package var stride: Int

    package init(variable: Int, stride: Int) {
      self.variable = variable
      self.stride = stride
    }
  }

  package init(offset: Int = 0, terms: [Term] = [], lookups: [Term] = []) {
    self.offset = offset
    self.terms = terms.filter { $0.stride != 0 }
    self.lookups = lookups
  }
}

/// The right-hand side of a scalar definition.
package enum ScalarExpression: Hashable, Sendable {
  case constant(Double)
  /// An index expression as an i32.
  case index(ElementIndex)
  /// The n-th integer parameter of the kernel as an i32.
  case stepIndex(Int)
  case load(parameter: Int, ElementIndex)
  case loadLocal(Int, ElementIndex)
  /// An elementwise op on scalars.
  case apply(ElementwiseOp, [Int])
  /// An i32 scalar that must be in `0..<limit`: the nearest such number. If it is another one, the
  /// parameter `faults` notes the check, the element's place and its value.
  case position(scalar: Int, limit: Int, check: Int, place: ElementIndex, faults: Int)
}

/// A statement of a fused kernel.
package indirect enum Statement: Hashable, Sendable {
  case loop(variable: Int, extent: Int, body: [Statement])
  /// Once for each block of `size` iterations of a loop; that loop, somewhere in `body`, does those
  /// of the block alone. The last block may be shorter.
  case blocks(variable: Int, extent: Int, size: Int, body: [Statement])
  case define(scalar: Int, ScalarExpression)
  case store(parameter: Int, ElementIndex, scalar: Int)
  case storeLocal(Int, ElementIndex, scalar: Int)
  /// Declares a scalar that `accumulate` will change.
  case accumulator(scalar: Int, initial: Double)
  case accumulate(scalar: Int, Reduction, value: Int)
  /// `memory[index] = memory[index] (+ or max) value`.
  case accumulateInMemory(parameter: Int, ElementIndex, Reduction, value: Int)
}
