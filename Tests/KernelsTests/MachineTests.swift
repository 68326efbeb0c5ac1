// SPDX-License-Identifier: Apache-2.0
//
// What follows from a machine's facts, for machines with vectors of 16, 32 and 64 bytes.

import Testing

@testable import Kernels

@Suite("machines")
struct MachineTests {
  static let machines = [16, 32, 64].map { Machine(vectorBytes: $0) }

  @Test("a vector register holds as many elements as fit into it", arguments: machines)
  func lanes(_ machine: Machine) {
    #expect(machine.lanes(.f32) * 4 == machine.vectorBytes)
    #expect(machine.lanes(.f64) * 8 == machine.vectorBytes)
  }
}
