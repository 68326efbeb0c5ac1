// SPDX-License-Identifier: Apache-2.0
//
// LoopIR: what a scheduled program is made of. Nothing here names a derivative or a C spelling: a
// back end for another target would start from these types.
//
//   Program -> steps (kernel calls and loops over them) -> kernels (loop nests, contractions)
//   Buffer     -> where an array lives: an input, an output, or a place in the arena

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

/// A pure function of memory. Two calls with equal kernels share one function in the emitted code;
/// kernels are equal if they do the same, whatever equations and names they have.
package struct Kernel: Hashable, Sendable {
  package enum Body: Hashable, Sendable {
    case fused(FusedKernel)
    case contraction(ContractionShape)
    case attention(AttentionShape)
    /// Copies an operand of contractions into panels.
    case packing(PanelShape)
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
}

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
}

/// A loop cut into parts. Around it is a loop over the parts: of its iterations, of which there may
/// be no whole multiple of `count`, part p does those from `p * extent / count` on, below
/// `(p + 1) * extent / count`.
package struct LoopCut: Hashable, Sendable {
  /// The variables of the loop and of the loop over its parts.
  package var variable: Int
  package var part: Int
  package var count: Int
}

/// An array on the stack of a fused kernel.
package struct LocalArray: Hashable, Sendable {
  package var dtype: DType
  package var elementCount: Int
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
  case apply(Op, [Int])
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
