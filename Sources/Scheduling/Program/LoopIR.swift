// SPDX-License-Identifier: Apache-2.0
//
// LoopIR: what a scheduled program is made of. Nothing here names a derivative or a C spelling: a
// back end for another target would start from these types.
//
//   Program -> steps (kernel calls and loops over them) -> kernels (loop nests, contractions)
//   Buffer     -> where an array lives: an input, an output, or a place in the arena

package import Kernels
package import TensorIR

/// An induction variable of a step loop, unique within its entry point.
package struct LoopVariable: Hashable, Sendable {
  package let index: Int
  /// What the loop's body calls it; not unique.
  package let name: String

  package init(index: Int, name: String = "") {
    self.index = index
    self.name = name
  }
}

/// Where a buffer lives.
package enum Placement: Hashable, Sendable {
  case input(Int)
  case output(Int)
  /// Bytes from the start of the shared arena.
  case arena(offset: Int)
  /// Bytes from the start of the running worker's part of the arena.
  case workerArena(offset: Int)
  /// The record of the first position out of range, which all workers share.
  case faults
}

/// How an array came about. Only reports look at it; what the array is for is its provenance's to say.
package enum ArrayRole: Hashable, Sendable {
  /// An input or an output of the program.
  case port
  /// What a loop hands from each iteration to the next.
  case carry(LoopRole)
  /// One slice from each iteration of a loop, for steps after it.
  case stack(LoopRole)
  /// The result of one step.
  case value
  /// A kernel's own: packed panels, tiles.
  case scratch
}

/// A dense array of the program.
package struct Buffer: Hashable, Sendable {
  /// A C identifier, unique within its entry point.
  package var name: String
  /// What is in it, for the comment beside its declaration.
  package var comment: String
  package var dtype: DType
  package var elementCount: Int
  package var placement: Placement
  package var role: ArrayRole
  /// Where the op that makes it comes from in the spec, by which derivative rules, and what for.
  package var provenance = Provenance()

  package var byteCount: Int { elementCount * dtype.byteCount }
}

/// An address: `buffer + offset + sum of loop variables times strides`, in elements.
package struct Pointer: Hashable, Sendable {
  package var buffer: Int
  package var offset: Int = 0
  package var terms: [Term] = []

  /// One loop variable times a stride in elements.
  package struct Term: Hashable, Sendable {
    package var variable: LoopVariable
    package var stride: Int
  }

  package init(buffer: Int, offset: Int = 0, terms: [Term] = []) {
    self.buffer = buffer
    self.offset = offset
    self.terms = terms
  }

  package func advanced(by elements: Int) -> Pointer {
    Pointer(buffer: buffer, offset: offset + elements, terms: terms)
  }

  package func advanced(by variable: LoopVariable, times stride: Int) -> Pointer {
    Pointer(
      buffer: buffer, offset: offset,
      terms: stride == 0 ? terms : terms + [Term(variable: variable, stride: stride)])
  }
}

/// A step of a program.
package indirect enum Step: Sendable {
  case call(KernelCall)
  case loop(StepLoop)
}

/// A kernel applied to addresses and loop indices.
package struct KernelCall: Sendable {
  package var kernel: Kernel
  /// One address for each pointer parameter of the kernel.
  package var arguments: [Pointer]
  /// The loop variables passed as integer parameters.
  package var indices: [LoopVariable]
  /// Where it comes from in the spec, and by which derivative rules.
  package var provenance: Provenance
  /// Whether the kernel's units are shared out over the workers.
  package var isParallel = false
}

/// A loop over steps.
package struct StepLoop: Sendable {
  package var role: LoopRole
  package var variable: LoopVariable
  package var tripCount: Int
  package var isReversed: Bool
  /// A loop around this one whose index is the number of iterations to run, instead of `tripCount`.
  package var limit: LoopVariable?
  /// Iterations run on several workers; arrays local to the body live in the worker's arena.
  package var isParallel: Bool
  package var body: [Step]
}

/// A compiled-to-be function of the library.
package struct Program: Sendable {
  package var name: String
  package var inputs: [Port]
  package var outputs: [Port]
  package var buffers: [Buffer]
  package var steps: [Step]
  package var arenaBytes: Int
  package var workerArenaBytes: Int
  /// The checks of positions by number: those of inputs, made at entry, then those made on the way.
  package var checks: [PositionCheck] = []

  /// A named array at the boundary of an entry point.
  package struct Port: Sendable {
    package var name: String
    package var type: TensorType
    /// For i32 inputs that are positions, labels or steps: what their elements must be.
    package var range: ClosedRange<Int>?
  }
}

/// A check of an i32 array: what its elements must be, and how to speak of it when they are not.
package struct PositionCheck: Sendable {
  /// An input's name, or an expression of the spec.
  package var subject: String
  /// What the elements are: `a position of eta`.
  package var purpose: String
  /// The place in the spec; empty if none is known.
  package var location: String
  package var range: ClosedRange<Int>
  /// Of the array.
  package var shape: [Int]
  /// The input that is checked at entry; `nil` if the check is made on the way.
  package var input: Int?

  /// What a program that has checks leaves at the start of its arena when it refuses: a whole line,
  /// so that what lies behind it keeps its alignment.
  static let recordBytes = 64
}
