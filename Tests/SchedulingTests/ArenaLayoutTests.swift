// SPDX-License-Identifier: Apache-2.0
//
// The memory plan: arrays that are needed at the same time never overlap, and little room is lost.

import TestSupport
import Testing

@testable import Scheduling

@Suite("Arena layout")
struct ArenaLayoutTests {
  /// A block of random arrays and, down to a depth, of blocks.
  private func randomBlock(
    _ generator: inout SeededGenerator, steps: Int, depth: Int, buffers: inout Int
  ) -> MemoryBlock {
    var block = MemoryBlock()
    for _ in 0..<Int.random(in: 1...12, using: &generator) {
      let first = Int.random(in: 0..<steps, using: &generator)
      let last = Int.random(in: first..<steps, using: &generator)
      if depth > 0, generator.chance(0.25) {
        let inner = randomBlock(&generator, steps: 5, depth: depth - 1, buffers: &buffers)
        block.items.append(.init(content: .block(inner), byteCount: 0, lifetime: first...first))
      } else {
        let bytes = generator.choose([0, 1, 8, 64, 100, 4096, 10_000])
        block.items.append(
          .init(content: .buffer(buffers), byteCount: bytes, lifetime: first...last))
        buffers += 1
      }
    }
    return block
  }

  /// A buffer with the item that it is, or lies in, at each level of blocks.
  private struct Placed {
    var buffer: Int
    var bytes: Int
    var path: [(item: Int, lifetime: ClosedRange<Int>)]

    /// Whether both are needed at some moment.
    func meets(_ other: Placed) -> Bool {
      for (mine, others) in zip(path, other.path) where mine.item != others.item {
        return mine.lifetime.overlaps(others.lifetime)
      }
      return true
    }
  }

  private func placed(_ block: MemoryBlock) -> [Placed] {
    block.items.enumerated().flatMap { index, item -> [Placed] in
      let step = (item: index, lifetime: item.lifetime)
      switch item.content {
      case .buffer(let buffer): return [Placed(buffer: buffer, bytes: item.byteCount, path: [step])]
      case .block(let inner):
        return placed(inner).map {
          Placed(buffer: $0.buffer, bytes: $0.bytes, path: [step] + $0.path)
        }
      }
    }
  }

  /// The largest sum of sizes needed at one moment, each rounded up to the alignment.
  private func lowerBound(_ block: MemoryBlock) -> Int {
    let last = block.items.map(\.lifetime.upperBound).max() ?? 0
    return (0...last).map { step in
      block.items.filter { $0.lifetime.contains(step) }.reduce(0) { sum, item in
        var bytes = item.byteCount
        if case .block(let inner) = item.content { bytes = lowerBound(inner) }
        return sum + (bytes + arenaAlignment - 1) / arenaAlignment * arenaAlignment
      }
    }.max() ?? 0
  }

  @Test("arrays needed at the same time lie apart, aligned and inside", arguments: 0..<200)
  func disjoint(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var count = 0
    let block = randomBlock(&generator, steps: 8, depth: 2, buffers: &count)
    let layout = block.layOut()
    let offsets = Dictionary(uniqueKeysWithValues: layout.offsets.map { ($0.buffer, $0.offset) })
    let buffers = placed(block).filter { $0.bytes > 0 }
    for (index, a) in buffers.enumerated() {
      guard let start = offsets[a.buffer] else {
        Issue.record("seed \(seed): buffer \(a.buffer) has no place")
        continue
      }
      #expect(start % arenaAlignment == 0, "seed \(seed)")
      #expect(start + a.bytes <= layout.byteCount, "seed \(seed)")
      for b in buffers[..<index] where a.meets(b) {
        let other = offsets[b.buffer] ?? 0
        #expect(start >= other + b.bytes || other >= start + a.bytes, "seed \(seed)")
      }
    }
  }

  @Test("activations that wait for the backward run cost what they must")
  func forwardAndBackward() {
    // Layer i keeps an activation until the mirror step, and needs scratch memory on both ways.
    for layers in [1, 4, 12] {
      var block = MemoryBlock()
      let last = 2 * layers - 1
      for layer in 0..<layers {
        for (bytes, lifetime) in [
          (65_536, layer...(last - layer)), (262_144, layer...layer),
          (131_072, (last - layer)...(last - layer)), (256, layer...(last - layer)),
        ] {
          block.items.append(
            .init(content: .buffer(block.items.count), byteCount: bytes, lifetime: lifetime))
        }
      }
      #expect(block.layOut().byteCount * 100 <= lowerBound(block) * 110)
    }
  }

  @Test("typical lifetimes lose less than a tenth of the room")
  func loss() {
    // Values of a straight-line program: of a few sizes, most read soon, some late.
    var (used, needed) = (0, 0)
    for seed in 0..<40 {
      var generator = SeededGenerator(seed: UInt64(seed))
      var block = MemoryBlock()
      for step in 0..<40 {
        let last = step + generator.choose([1, 1, 1, 2, 3, 8, 20])
        let bytes = generator.choose([64, 1024, 1024, 4096, 65_536])
        block.items.append(
          .init(content: .buffer(step), byteCount: bytes, lifetime: step...last))
      }
      used += block.layOut().byteCount
      needed += lowerBound(block)
    }
    #expect(used * 100 <= needed * 110)
  }
}
