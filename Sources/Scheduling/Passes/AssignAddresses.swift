// SPDX-License-Identifier: Apache-2.0
//
// Memory planning: every temporary array gets an address in the arena so that arrays alive at the
// same time never overlap.
//
//   before:  h: 1600 B, steps 1 to 4             after:  h at arena + 0
//            z: 1600 B, steps 5 to 6                     z at arena + 0
//            g: 64 B, steps 2 to 6                       g at arena + 1600
//
// Regions nest: the arrays of a loop body form one block that is alive
// during the loop's step of the enclosing region.
//
// Placement is greedy by size, largest first, each at the lowest address free during its lifetime.
// That is optimal for the two cases that matter most (one big array, many equal ones) and within a
// few per cent on the rest.

/// The arrays of one region with their lifetimes, in steps of the region.
struct MemoryBlock {
  /// What needs room.
  enum Content {
    /// A buffer of the entry point, by number.
    case buffer(Int)
    /// The block of a loop body.
    case block(MemoryBlock)
  }

  struct Item {
    var content: Content
    var byteCount: Int
    /// First and last step during which the room is needed.
    var lifetime: ClosedRange<Int>
  }

  var items: [Item] = []
}

/// A laid-out block: its size, and the offset of every buffer in it and in the blocks inside.
struct BlockLayout {
  var byteCount = 0
  var offsets: [(buffer: Int, offset: Int)] = []
}

/// Bytes to which every array is aligned: a cache line, and the widest vector register.
package let arenaAlignment = 64

extension Schedule {
  /// Lays out the arena, and the part of it that each worker has.
  ///
  /// - Cost: n log n in the number of arrays, times the arrays alive at once.
  mutating func assignAddresses() {
    let shared = memory.layOut()
    for (buffer, offset) in shared.offsets { arrays.place(buffer, at: .arena(offset: offset)) }
    for block in workerBlocks {
      let layout = block.layOut()
      for (buffer, offset) in layout.offsets {
        arrays.place(buffer, at: .workerArena(offset: offset))
      }
      workerArenaBytes = max(workerArenaBytes, layout.byteCount)
    }
    arenaBytes = max(shared.byteCount, checks.isEmpty ? 0 : PositionCheck.recordBytes)
  }
}

extension MemoryBlock {
  func layOut() -> BlockLayout {
    var inner: [Int: BlockLayout] = [:]
    var sized: [(item: Int, bytes: Int)] = []
    for (index, item) in items.enumerated() {
      var bytes = item.byteCount
      if case .block(let block) = item.content {
        let layout = block.layOut()
        inner[index] = layout
        bytes = layout.byteCount
      }
      sized.append((index, (bytes + arenaAlignment - 1) / arenaAlignment * arenaAlignment))
    }
    sized.sort { $0.bytes != $1.bytes ? $0.bytes > $1.bytes : $0.item < $1.item }

    var placed: [(item: Int, start: Int, end: Int)] = []  // Sorted by start.
    var layout = BlockLayout()
    for (index, bytes) in sized where bytes > 0 {
      let lifetime = items[index].lifetime
      var start = 0
      for other in placed where items[other.item].lifetime.overlaps(lifetime) {
        if start + bytes <= other.start { break }
        start = max(start, other.end)
      }
      let position = placed.firstIndex { $0.start > start } ?? placed.count
      placed.insert((index, start, start + bytes), at: position)
      layout.byteCount = max(layout.byteCount, start + bytes)
      switch items[index].content {
      case .buffer(let buffer): layout.offsets.append((buffer, start))
      case .block:
        for (buffer, offset) in inner[index]?.offsets ?? [] {
          layout.offsets.append((buffer, start + offset))
        }
      }
    }
    return layout
  }
}
