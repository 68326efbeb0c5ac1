// SPDX-License-Identifier: Apache-2.0
//
// Which maxima of a loop nest are kept as integers that order as the floats do: compilers put those
// into vector lanes, which over long rows is several times as fast as one float after the other.
// `mf_ordered_f32.h` says why they cannot do it with floats.

import TensorIR

extension FusedKernel {
  /// The float accumulators of long loops that take a maximum.
  package var orderedMaxima: Set<Int> {
    // Short rows are done in lanes of their own.
    guard lanes == nil else { return [] }
    return Set(Self.maxima(in: statements, iterations: 1).filter { scalars[$0].isFloat })
  }

  private static func maxima(in statements: [Statement], iterations: Int) -> [Int] {
    statements.flatMap { statement -> [Int] in
      switch statement {
      case .loop(_, let extent, let body): return maxima(in: body, iterations: extent)
      case .blocks(_, _, _, let body): return maxima(in: body, iterations: iterations)
      case .accumulate(let scalar, .maximum, _):
        return iterations >= Machine.shortestOrderedMaximum ? [scalar] : []
      case .define, .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: return []
      }
    }
  }
}
