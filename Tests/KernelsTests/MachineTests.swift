// SPDX-License-Identifier: Apache-2.0
//
// What follows from a machine's facts, for machines with vectors of 16, 32 and 64 bytes: the values
// that the measurements gave on the usual machine, and how they move with its caches and cores.

import MixFuseShared
import Testing

@testable import Kernels

@Suite("machines")
struct MachineTests {
  static let machines = [16, 32, 64].map { Machine(vectorBytes: $0) }

  @Test("a vector register holds as many elements as fit into it", arguments: machines)
  func lanes(_ machine: Machine) {
    #expect(machine.lanes(.f32) * 4 == machine.vectorBytes)
    #expect(machine.lanes(.f64) * 8 == machine.vectorBytes)
    #expect(machine.vectorRegisters == (machine.vectorBytes == 32 ? 16 : 32))
  }

  @Test("sizes that were measured on two processors hold for all three widths", arguments: machines)
  func calibration(_ machine: Machine) {
    #expect(machine.sharedLoopWork == 2_000_000 && machine.sharedPackingBytes == 2_000_000)
    #expect(machine.loopWork(flops: 3, bytes: 5) == 29)
    #expect(machine.sharedProductOperations == 2_000_000)
    #expect(machine.sharedIterations == 16 && machine.sharedColumns == 16384)
    #expect(machine.mostParts == 32 && machine.mostPartsBytes == 1 << 20)
    #expect(machine.operationsForStoring(bytes: 1 << 20) == 64)
    #expect(machine.operationsForStoring(bytes: (1 << 20) - 1) == 3)
    #expect(machine.smallElements == 16384 && machine.mostElementsApart == 16384)
    #expect(machine.rightBlockBytes == 2 << 20 && machine.laneBytes == 64)
    #expect(machine.logitTileElements == 1 << 20 && machine.logitStripElements == 1 << 21)
    #expect(machine.keptActivationBytes == 16 << 20 && machine.storedTrajectoryBytes == 64 << 20)
    #expect(machine.hoistedBytes == 4096 && machine.warmBytes == 4 << 20)
  }

  @Test("work is worth sharing from the size on that takes four microseconds")
  func sharing() {
    var machine = Machine(vectorBytes: 64)
    #expect(machine.isWorthSharing(flops: 250_000, bytes: 0))
    #expect(!machine.isWorthSharing(flops: 249_999, bytes: 0))
    #expect(machine.isWorthSharing(flops: 0, bytes: 2_000_000))
    machine.cacheGigabytes *= 2
    machine.loopGigaflops *= 2
    #expect(!machine.isWorthSharing(flops: 250_000, bytes: 0), "a faster core needs more work")
    #expect(machine.isWorthSharing(flops: 500_000, bytes: 0))
    machine.peakGigaflops = 500
    #expect(machine.sharedProductOperations == 4_000_000)
    machine.cores = 8
    #expect(machine.sharedIterations == 64 && machine.sharedColumns == 65536)
  }

  @Test("what is stored and loaded again is worth as many operations as memory is slow")
  func storing() {
    var machine = Machine(vectorBytes: 32)
    let usual = machine.operationsForStoring(bytes: 1 << 24)
    machine.memoryGigabytes *= 4
    #expect(machine.operationsForStoring(bytes: 1 << 24) * 4 == usual)
    machine.lastCacheBytes = 1 << 30
    #expect(machine.operationsForStoring(bytes: 1 << 24) == 3, "it stays in a cache")
  }

  @Test("short rows are done in whole cache lines, whatever the register", arguments: machines)
  func shortRows(_ machine: Machine) {
    #expect(machine.laneWidth(extent: 10, elementBytes: 4) == 16)
    #expect(machine.laneWidth(extent: 10, elementBytes: 8) == 8)
    #expect(machine.laneWidth(extent: 24, elementBytes: 4) == nil, "halves of vectors do it")
    #expect(machine.laneWidth(extent: 4, elementBytes: 4) == nil, "most would be idle")
    #expect(machine.laneWidth(extent: 65, elementBytes: 4) == nil, "too long")
  }

  @Test("walks collide that stay on two sets of the first-level cache")
  func collisions() {
    var machine = Machine(vectorBytes: 64)
    #expect(machine.collides(stride: 2048, steps: 65) && machine.collides(stride: 4096, steps: 65))
    #expect(
      !machine.collides(stride: 1024, steps: 65) && !machine.collides(stride: 2048, steps: 64))
    #expect(!machine.collides(stride: 0, steps: 65), "one element")
    machine.firstCacheBytes *= 2
    #expect(!machine.collides(stride: 2048, steps: 65) && machine.collides(stride: 4096, steps: 65))
  }

  @Test("blocks of a packed product fit into the caches", arguments: machines)
  func blocks(_ machine: Machine) {
    for width in [16, 24, 48, 64, 96] {
      let depth = machine.deepestBlock(panelRow: width * 4)
      #expect(depth == 128 || depth * width * 4 <= machine.firstCacheBytes)
      #expect(128...384 ~= depth)
    }
    let near = machine.widestPackedTile(resultBytes: 1 << 20)
    let far = machine.widestPackedTile(resultBytes: 1 << 26)
    #expect(near * machine.vectorBytes * 128 <= machine.firstCacheBytes)
    #expect(far <= near && far >= 1)
  }
}
