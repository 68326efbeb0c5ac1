// SPDX-License-Identifier: Apache-2.0
//
// Whether an evaluation passes exactly where the pieces of a function meet: `abs` at 0, a maximum of
// equal numbers, a comparison of equal ones. There a derivative is a matter of convention (LANGUAGE.md
// lists them), even if the pieces happen to join smoothly, as in `abs(square(x))`.

import Synchronization
package import TensorIR

/// Remembers the kinks that an evaluation met.
package final class KinkLog: Sendable {
  private let places = Mutex<[Provenance]>([])

  package init() {}

  /// Where the first one is in the spec, if there was one.
  package var first: Provenance? { places.withLock { $0.first } }

  func note(_ place: Provenance) {
    places.withLock { if $0.isEmpty { $0.append(place) } }
  }
}

/// Whether some element of an op's operands is where its pieces meet.
///
/// Whole numbers that are compared, such as positions with a length, have no derivative anyway.
func isOnKink(_ op: Op, _ operands: [NumericArray]) -> Bool {
  guard operands.first?.type.dtype.isFloat == true else { return false }
  func contains(_ condition: (Double) -> Bool) -> Bool {
    operands[0].elements.contains(where: condition)
  }
  func areSomeEqual() -> Bool {
    zip(operands[0].elements, operands[1].elements).contains { $0 == $1 }
  }
  switch op {
  case .unary(.abs), .unary(.sign), .unary(.sqrt), .binary(.power): return contains { $0 == 0 }
  case .unary(.asin), .unary(.acos): return contains { abs($0) == 1 }
  case .unary(.acosh): return contains { $0 == 1 }
  case .unary(.floor): return contains { $0 == $0.rounded() }
  case .binary(.maximum), .binary(.minimum), .compare: return areSomeEqual()
  case .reduce(.maximum, _): return Set(operands[0].elements).count < operands[0].elements.count
  default: return false  // Smooth, or nothing that is computed with.
  }
}
